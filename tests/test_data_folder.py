from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from imagemill import data_folder
from imagemill.data_folder import BadFolder, holder, open_data_folder
from imagemill.errors import Conflict

HOLDING = (
    "import sys, time; from pathlib import Path; from imagemill.data_folder import open_data_folder;"
    "folder = open_data_folder(Path(sys.argv[1])); folder.announce('http://127.0.0.1:8099');"
    "print('held', flush=True); time.sleep(600)"
)


def test_first_use_creates_the_folder_and_ours_in_it(tmp_path: Path) -> None:
    """A data folder needs no preparation, only a parent."""
    folder = open_data_folder(tmp_path / "data")
    assert (tmp_path / "data" / ".imagemill").is_dir()
    assert folder.admin_key == tmp_path / "data" / "admin.key"
    folder.close()
    folder.close()


def test_a_second_process_is_told_who_has_the_folder(tmp_path: Path) -> None:
    """The words name the process and its address, and the holder can be read by anyone."""
    process = subprocess.Popen([sys.executable, "-c", HOLDING, str(tmp_path)], stdout=subprocess.PIPE)
    assert process.stdout is not None
    try:
        assert process.stdout.readline() == b"held\n"
        with pytest.raises(Conflict) as caught:
            open_data_folder(tmp_path)
        assert str(caught.value).endswith(
            f"is in use by the Imagemill server with process id {process.pid} at http://127.0.0.1:8099."
        )
        who = holder(tmp_path)
        assert who is not None
        assert (who.pid, who.url) == (process.pid, "http://127.0.0.1:8099")
        os.kill(process.pid, signal.SIGKILL)
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
    assert holder(tmp_path) is None, "the lock of a killed process is not stale"
    open_data_folder(tmp_path).close()


def test_a_folder_given_back_can_be_taken(tmp_path: Path) -> None:
    """Closing frees the folder at once."""
    open_data_folder(tmp_path).close()
    assert holder(tmp_path) is None
    open_data_folder(tmp_path).close()


def test_looking_does_not_keep_a_server_from_starting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever looks holds the lock for a moment only; a start meanwhile waits that out."""
    monkeypatch.setattr(data_folder, "_PROBE_SECONDS", 60.0)  # a machine may let one who looks wait in that moment
    open_data_folder(tmp_path).close()
    stop = threading.Event()

    def look() -> None:
        while not stop.is_set():
            holder(tmp_path)

    lookers = [threading.Thread(target=look) for _ in range(3)]
    for looker in lookers:
        looker.start()
    try:
        for _ in range(20):
            open_data_folder(tmp_path).close()
    finally:
        stop.set()
        for looker in lookers:
            looker.join()


def test_the_lock_is_not_handed_to_child_processes(tmp_path: Path) -> None:
    """A worker that outlives its server must not hold the folder."""
    folder = open_data_folder(tmp_path)
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], close_fds=False)
    try:
        folder.close()
        assert holder(tmp_path) is None
    finally:
        child.kill()
        child.wait()


def test_a_missing_parent_is_a_mistyped_path(tmp_path: Path) -> None:
    """No tree of folders grows out of a typing error."""
    with pytest.raises(BadFolder, match=r"There is no folder .*nowhere"):
        open_data_folder(tmp_path / "nowhere" / "data")
    assert not (tmp_path / "nowhere").exists()


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    """The path of a file is refused as such."""
    (tmp_path / "file").write_text("x")
    with pytest.raises(BadFolder, match="is a file; a folder was expected"):
        open_data_folder(tmp_path / "file")


def test_our_own_name_taken_by_a_file(tmp_path: Path) -> None:
    """A file called .imagemill is named as what is in the way."""
    (tmp_path / ".imagemill").write_text("x")
    with pytest.raises(BadFolder, match=r"\.imagemill is a file"):
        open_data_folder(tmp_path)


AS_NOBODY = (
    "import os, sys; from pathlib import Path; from imagemill.data_folder import BadFolder, open_data_folder\n"
    "if os.getuid() == 0: os.setgroups([]); os.setuid(65534)\n"
    "pictures, data = map(Path, sys.argv[1:])\n"
    "folder = open_data_folder(data); print(folder.own_beside(pictures)); folder.close()\n"
    "try: open_data_folder(pictures)\nexcept BadFolder as error: print(error)"
)
"""Root may write everywhere, so what a server may not write is tried as another user."""


def test_read_only_pictures_are_served_from_elsewhere(tmp_path: Path) -> None:
    """Our files for them lie in the data folder; who points --data at them learns how they are served all the same."""
    pictures, data = tmp_path / "pictures", tmp_path / "data"
    pictures.mkdir(mode=0o555)
    data.mkdir()
    data.chmod(0o777)
    for above in (tmp_path, *tmp_path.parents):
        if above.stat().st_uid == os.getuid() and not above.stat().st_mode & 0o001:
            above.chmod(above.stat().st_mode | 0o011)
    command = [sys.executable, "-c", AS_NOBODY, str(pictures), str(data)]
    said = subprocess.run(command, capture_output=True, text=True, check=False)
    where, advice = said.stdout.splitlines() or ["", said.stderr]
    assert where == str(data / ".imagemill")
    assert f"IMAGEMILL_ORIGINALS__URL=file://{pictures}" in advice


def test_own_files_lie_beside_originals_that_can_be_written(tmp_path: Path) -> None:
    """Another folder of originals gets our files under its own .imagemill, and is held as well."""
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    folder = open_data_folder(tmp_path / "data")
    assert folder.own_beside(folder.path) == folder.own
    assert folder.own_beside(pictures) == pictures / ".imagemill"
    folder.announce("http://127.0.0.1:1")
    who = holder(pictures)
    assert who is not None
    assert who.pid == os.getpid()
    other = open_data_folder(tmp_path / "other")
    with pytest.raises(Conflict, match="pictures is in use"):
        other.own_beside(pictures)
    other.close()
    folder.close()
    assert holder(pictures) is None


def test_mistyped_originals_are_not_created(tmp_path: Path) -> None:
    """A folder of originals that is not there, or is a file, stops the start: nobody means to serve nothing."""
    (tmp_path / "file").write_text("x")
    folder = open_data_folder(tmp_path / "data")
    with pytest.raises(BadFolder, match="nowhere, which does not exist"):
        folder.own_beside(tmp_path / "nowhere")
    with pytest.raises(BadFolder, match="file, which is a file"):
        folder.own_beside(tmp_path / "file")
    assert not (tmp_path / "nowhere").exists()
    folder.close()


def test_the_lock_file_says_who_and_since_when(tmp_path: Path) -> None:
    """Its text is JSON with process, address and start, for people who look."""
    folder = open_data_folder(tmp_path)
    folder.announce("http://127.0.0.1:8080")
    told = json.loads((tmp_path / ".imagemill" / "lock").read_text())
    assert told["pid"] == os.getpid()
    assert told["url"] == "http://127.0.0.1:8080"
    assert abs(told["started"] - time.time()) < 60
    folder.close()


def test_a_disk_without_room_does_not_stop_a_start(tmp_path: Path) -> None:
    """The folder is held although nothing can be written: a server must be able to start there and make room."""
    (tmp_path / ".imagemill").mkdir()
    (tmp_path / ".imagemill" / "lock").touch()
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, before[1]))
    try:
        folder = open_data_folder(tmp_path)
        folder.announce("http://127.0.0.1:8080")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    process = subprocess.run([sys.executable, "-c", HOLDING, str(tmp_path)], capture_output=True, timeout=60)
    assert b"is in use" in process.stderr
    folder.close()


def test_the_lock_file_keeps_its_room(tmp_path: Path) -> None:
    """What was written once is overwritten in place, so that the next start finds room for it on a full disk."""
    open_data_folder(tmp_path).close()
    assert (tmp_path / ".imagemill" / "lock").stat().st_size > 0
    assert holder(tmp_path) is None
