"""The store in a folder: people's own files, names, links, and what must never be reached."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import os
import signal
import socket
import stat
import threading
import time
import tracemalloc
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from tests.cpu import cpu_seconds

from imagemill.errors import ImagemillError, InvalidRequest, PreconditionFailed, Refused
from imagemill.object_store.local import LocalStore
from imagemill.object_store.local.layout import Layout
from imagemill.object_store.naming import check_key
from imagemill.object_store.port import Condition, ObjectInfo
from imagemill.testing.contracts.object_store import NEW_ONLY, keys, put, read, refused

LONG_AGO = 1_600_000_000


@pytest.fixture
def root(memory_folder: Path) -> Path:
    """A folder of pictures with a neighbour that nobody may touch."""
    (memory_folder / "outside").mkdir()
    (memory_folder / "outside" / "secret.jpg").write_bytes(b"secret")
    folder = memory_folder / "pictures"
    folder.mkdir()
    return folder


def with_store(root: Path, scenario: Callable[[LocalStore], Awaitable[None]], apart: Path | None = None) -> None:
    """Run `scenario` against a store that is opened for it."""

    async def run() -> None:
        store = LocalStore(root, apart)
        try:
            await scenario(store)
        finally:
            await store.close()

    asyncio.run(run())


def found(root: Path, key: str) -> ObjectInfo | None:
    """Return what a newly opened store says of `key`."""
    answer: list[ObjectInfo | None] = []

    async def scenario(store: LocalStore) -> None:
        answer.append(await store.head(key))

    with_store(root, scenario)
    return answer[0]


def sidecars(root: Path) -> list[Path]:
    """Return the sidecars of a store whose own files are in the usual place."""
    return sorted((root / ".imagemill" / "objects").glob("*/*.json"))


def names_in(folder: Path) -> list[str]:
    """Return what lies in a folder."""
    return sorted(path.name for path in folder.iterdir())


def age(path: Path, seconds: int = LONG_AGO) -> None:
    """Give a file an old mtime."""
    os.utime(path, (seconds, seconds))


def test_a_folder_of_pictures_is_served_as_it_is(root: Path) -> None:
    """Files that never came through us have digest, size, type and time, and are listed."""
    (root / "2024").mkdir()
    (root / "2024" / "IMG 1.JPG").write_bytes(b"jpeg")
    age(root / "2024" / "IMG 1.JPG")

    async def scenario(store: LocalStore) -> None:
        listed = (await store.list()).objects
        assert [(info.key, info.size, info.etag) for info in listed] == [("2024/IMG 1.JPG", 4, "")]
        head = await store.head("2024/IMG 1.JPG")
        assert head is not None
        assert (head.etag, head.content_type) == (hashlib.sha256(b"jpeg").hexdigest(), "image/jpeg")
        assert head.modified == LONG_AGO
        assert await read(store, "2024/IMG 1.JPG") == b"jpeg"
        assert (await store.list()).objects[0].etag == head.etag

    with_store(root, scenario)
    assert len(sidecars(root)) == 1


def test_a_put_file_is_a_plain_file(root: Path) -> None:
    """What we store lies under its own name, readable by others, with nothing else beside it."""

    async def scenario(store: LocalStore) -> None:
        await put(store, "a/b c.png", b"bytes")

    with_store(root, scenario)
    assert sorted(path.name for path in root.iterdir()) == [".imagemill", "a"]
    assert (root / "a" / "b c.png").read_bytes() == b"bytes"
    umask = os.umask(0)
    os.umask(umask)
    assert stat.S_IMODE((root / "a" / "b c.png").stat().st_mode) == 0o644 & ~umask


def test_a_change_behind_our_back_is_noticed(root: Path) -> None:
    """A file rewritten in place with the same length has another stamp, and its own digest and type."""

    async def scenario(store: LocalStore) -> None:
        before = await put(store, "a.jpg", b"old", content_type="image/x-ours", metadata={"ours": "1"})
        (root / "a.jpg").write_bytes(b"new")
        age(root / "a.jpg")
        after = await store.head("a.jpg")
        assert after is not None
        assert after.etag == hashlib.sha256(b"new").hexdigest()
        assert after.stamp != before.stamp
        assert (after.content_type, dict(after.metadata)) == ("image/jpeg", {})
        await refused(PreconditionFailed, put(store, "a.jpg", b"x", Condition(if_match=(before.etag,))))
        await put(store, "a.jpg", b"x", Condition(if_match=(after.etag,)))

    with_store(root, scenario)


def test_a_file_touched_just_now_is_read_again(root: Path) -> None:
    """Within the tick of a file system's clock a change leaves no trace, so a fresh file's digest is not remembered."""
    (root / "a.jpg").write_bytes(b"one")
    status = (root / "a.jpg").stat()

    async def scenario(store: LocalStore) -> None:
        first = await store.head("a.jpg")
        with (root / "a.jpg").open("r+b") as file:
            file.write(b"two")
        os.utime(root / "a.jpg", ns=(status.st_atime_ns, status.st_mtime_ns))
        second = await store.head("a.jpg")
        assert first is not None
        assert second is not None
        assert first.stamp == second.stamp
        assert second.etag == hashlib.sha256(b"two").hexdigest()

    with_store(root, scenario)
    assert sidecars(root) == []


@pytest.mark.parametrize("damage", [b"", b"{", b"[]", b'{"key": "other", "records": []}', b"\xff" * 100])
def test_a_damaged_sidecar_is_made_again(root: Path, damage: bytes) -> None:
    """Whatever a crash or a person does to a sidecar, the object is found and its digest is right."""
    (root / "a.jpg").write_bytes(b"bytes")
    age(root / "a.jpg")
    first = found(root, "a.jpg")
    sidecars(root)[0].write_bytes(damage)
    assert found(root, "a.jpg") == first
    assert json.loads(sidecars(root)[0].read_bytes())["key"] == "a.jpg"


def test_our_own_files_are_no_originals(root: Path) -> None:
    """Our folder, the admin key and the settings are neither listed nor found, by whatever name."""
    (root / "admin.key").write_text("imk_secret")
    (root / "imagemill.toml").write_text("")
    (root / "link.jpg").symlink_to("admin.key")
    (root / "linked").symlink_to(".imagemill")
    (root / "sub").mkdir()
    (root / "sub" / "admin.key").write_bytes(b"a picture with an odd name")

    async def scenario(store: LocalStore) -> None:
        (root / ".imagemill" / "inside.jpg").write_bytes(b"x")
        for key in ("admin.key", "imagemill.toml", "link.jpg", "linked/inside.jpg", ".imagemill/inside.jpg"):
            assert await store.head(key) is None
            assert await store.open(key) is None
        assert await keys(store) == ["sub/admin.key"]

    with_store(root, scenario)


def test_our_folder_may_have_any_name(root: Path) -> None:
    """Set apart inside the root under another name, our files are hidden all the same."""

    async def scenario(store: LocalStore) -> None:
        await put(store, "a.jpg", b"x")
        await put(store, "x" * 300, b"odd")
        assert await keys(store) == ["a.jpg", "x" * 300]
        sidecar = next((root / "own" / "files" / "objects").glob("*/*.json"))
        assert await store.head(str(sidecar.relative_to(root))) is None
        await put(store, "own/files/mine.jpg", b"kept elsewhere")
        assert await read(store, "own/files/mine.jpg") == b"kept elsewhere"
        assert not (root / "own" / "files" / "mine.jpg").exists()

    with_store(root, scenario, root / "own" / "files")


def test_the_two_folders_must_differ(root: Path) -> None:
    """Originals inside our own folders, or the same folder for both, are refused in words."""
    for apart in (root, root.parent):
        place = root if apart == root else root.parent / "uploads"
        with pytest.raises(InvalidRequest, match="must be apart"):
            LocalStore(place, apart)


def test_links_are_followed_inside_only(root: Path) -> None:
    """A linked picture inside the root is served and listed; what leads out is not there."""
    (root / "real").mkdir()
    (root / "real" / "a.jpg").write_bytes(b"a")
    (root / "file.jpg").symlink_to("real/a.jpg")
    (root / "absolute.jpg").symlink_to(root / "real" / "a.jpg")
    (root / "folder").symlink_to("real")
    (root / "out.jpg").symlink_to("../outside/secret.jpg")
    (root / "out").symlink_to(root.parent / "outside")
    (root / "loop").symlink_to("loop")
    (root / "here").symlink_to(".")
    (root / "dangling.jpg").symlink_to("nowhere")

    async def scenario(store: LocalStore) -> None:
        for key in ("file.jpg", "absolute.jpg", "folder/a.jpg", "here/here/real/a.jpg"):
            assert await read(store, key) == b"a", key
        for key in ("out.jpg", "out/secret.jpg", "loop", "loop/a", "dangling.jpg", "here/out/secret.jpg"):
            assert await read(store, key) is None, key
        assert await keys(store) == ["absolute.jpg", "file.jpg", "real/a.jpg"]
        assert await keys(store, delimiter="/") == ["absolute.jpg", "file.jpg", "real/"]

    with_store(root, scenario)


def test_nothing_is_written_through_a_link(root: Path) -> None:
    """Writes behind a linked folder are refused; a link in the object's own place is replaced, its target untouched."""
    (root / "real").mkdir()
    (root / "real" / "a.jpg").write_bytes(b"a")
    (root / "folder").symlink_to("real")
    (root / "out").symlink_to("../outside")
    (root / "file.jpg").symlink_to("real/a.jpg")
    (root / "out.jpg").symlink_to("../outside/secret.jpg")

    async def scenario(store: LocalStore) -> None:
        for key in ("folder/new.jpg", "out/new.jpg", "folder/a.jpg"):
            await refused(Refused, put(store, key, b"x"))
        await refused(Refused, store.delete("folder/a.jpg"))
        assert await store.delete("out/secret.jpg") is False
        assert await store.delete("out.jpg") is False
        await put(store, "file.jpg", b"new")
        await put(store, "out.jpg", b"kept apart")
        assert await read(store, "out.jpg") == b"kept apart"
        assert await read(store, "file.jpg") == b"new"
        assert await store.delete("out.jpg") is True

    with_store(root, scenario)
    assert (root / "real" / "a.jpg").read_bytes() == b"a"
    assert (root / "out.jpg").is_symlink()
    assert [path.name for path in (root.parent / "outside").iterdir()] == ["secret.jpg"]
    assert (root.parent / "outside" / "secret.jpg").read_bytes() == b"secret"


def test_what_is_no_file_is_never_opened(root: Path) -> None:
    """Pipes, sockets and folders are no objects; looking at them does not hang, and a put destroys none of them."""
    os.mkfifo(root / "pipe.jpg")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(root / "socket.jpg"))
        (root / "empty.jpg").mkdir()

        async def scenario(store: LocalStore) -> None:
            for key in ("pipe.jpg", "socket.jpg", "empty.jpg", "pipe.jpg/x"):
                assert await asyncio.wait_for(read(store, key), 60) is None
                assert await store.delete(key) is False
            assert await keys(store) == []
            assert await keys(store, delimiter="/") == []
            for key in ("pipe.jpg", "socket.jpg", "empty.jpg", "pipe.jpg/x"):
                await put(store, key, key.encode())
                await refused(PreconditionFailed, put(store, key, b"again", NEW_ONLY))
                assert await read(store, key) == key.encode()
            assert await keys(store) == ["empty.jpg", "pipe.jpg", "pipe.jpg/x", "socket.jpg"]

        with_store(root, scenario)
    assert (root / "pipe.jpg").is_fifo()
    assert (root / "socket.jpg").is_socket()
    assert (root / "empty.jpg").is_dir()


def test_names_that_are_no_keys_are_left_alone(root: Path) -> None:
    """Names that are not UTF-8, `~`, and paths too long for a key are not listed and do no harm."""
    for raw in (b"\xff.jpg", b"\xed\xa0\x80.jpg"):
        (Path(os.fsdecode(os.fsencode(root) + b"/" + raw))).write_bytes(b"x")
    (root / "~").mkdir()
    (root / "~" / "x.jpg").write_bytes(b"x")
    deep = root
    for _ in range(6):
        deep = deep / ("d" * 200)
    deep.mkdir(parents=True)
    (deep / "x.jpg").write_bytes(b"x")
    (root / "line\nbreak.jpg").write_bytes(b"odd")

    async def scenario(store: LocalStore) -> None:
        assert await keys(store) == ["line\nbreak.jpg"]
        assert await read(store, "line\nbreak.jpg") == b"odd"

    with_store(root, scenario)


def test_a_folder_that_becomes_empty_goes(root: Path) -> None:
    """Deleting the last object removes the folders above it, up to one that holds something else, never the root."""
    (root / "kept").mkdir()
    (root / "kept" / "notes.txt").write_text("mine")

    async def scenario(store: LocalStore) -> None:
        await put(store, "kept/a/b/c.jpg", b"x")
        await put(store, "gone/a/b/c.jpg", b"x")
        await store.delete("kept/a/b/c.jpg")
        await store.delete("gone/a/b/c.jpg")
        assert names_in(root) == [".imagemill", "kept"]
        assert names_in(root / "kept") == ["notes.txt"]
        await put(store, "gone/a/b/c.jpg", b"back")
        assert await read(store, "gone/a/b/c.jpg") == b"back"

    with_store(root, scenario)
    assert sidecars(root) != []


def test_puts_and_prunes_of_one_folder_do_not_collide(root: Path) -> None:
    """While neighbours come and go, every acknowledged put is there."""

    async def scenario(store: LocalStore) -> None:
        async def churn(number: int) -> None:
            for turn in range(25):
                await put(store, f"a/b/{number}", b"%d" % turn)
                assert await read(store, f"a/b/{number}") == b"%d" % turn
                assert await store.delete(f"a/b/{number}")

        await asyncio.gather(*(churn(number) for number in range(6)))
        assert await keys(store) == []

    with_store(root, scenario)
    assert [path.name for path in root.iterdir()] == [".imagemill"]


def test_a_folder_removed_from_under_a_put_is_made_again(root: Path) -> None:
    """Somebody keeps removing empty folders; every put arrives all the same."""
    pruner = os.fork()
    if pruner == 0:
        while os.getppid() != 1:
            for folder in ("a/b", "a"):
                with contextlib.suppress(OSError):
                    (root / folder).rmdir()
            time.sleep(0.0001)
        os._exit(0)

    async def scenario(store: LocalStore) -> None:
        for turn in range(100):
            await put(store, "a/b/c", b"%d" % turn)
            assert await read(store, "a/b/c") == b"%d" % turn
            await store.delete("a/b/c")

    try:
        with_store(root, scenario)
    finally:
        os.kill(pruner, signal.SIGKILL)
        os.waitpid(pruner, 0)


def test_two_stores_of_one_folder_agree_who_was_first(root: Path) -> None:
    """If-None-Match holds between processes too: of two creators one wins."""

    async def run() -> None:
        one, two = LocalStore(root), LocalStore(root)
        for turn in range(100):
            work = [put(store, f"k{turn}", name, NEW_ONLY) for store, name in ((one, b"1"), (two, b"2"))]
            results = await asyncio.gather(*work, return_exceptions=True)
            winners = [result for result in results if isinstance(result, ObjectInfo)]
            assert len(winners) == 1
            assert await one.head(f"k{turn}") == winners[0] == await two.head(f"k{turn}")
        await one.close()
        await two.close()

    asyncio.run(run())


def test_processes_that_start_together_on_a_new_folder_can_all_write(tmp_path: Path) -> None:
    """Each makes our folders while the others do; none takes another's for a folder that it may not write."""
    together = threading.Barrier(8)

    def begin(root: Path) -> str | None:
        together.wait()
        return Layout(root, root / ".imagemill").why_read_only

    with ThreadPoolExecutor(8) as threads:
        for turn in range(5):
            assert set(threads.map(begin, [tmp_path / str(turn)] * 8)) == {None}


def test_the_visible_file_wins_over_one_kept_apart(root: Path) -> None:
    """A key kept apart moves to its own path when that becomes free, and a delete removes both."""

    async def scenario(store: LocalStore) -> None:
        await put(store, "a/b", b"x")
        await put(store, "a", b"apart")
        await store.delete("a/b")
        assert await read(store, "a") == b"apart"
        (root / "a").write_bytes(b"by hand")
        assert await read(store, "a") == b"by hand"
        assert await keys(store) == ["a"]
        assert await store.delete("a") is True
        assert await read(store, "a") is None
        await put(store, "a/b", b"x")
        await put(store, "a", b"apart")
        await store.delete("a/b")
        await put(store, "a", b"in its place")
        assert (root / "a").read_bytes() == b"in its place"
        assert list((root / ".imagemill" / "odd").iterdir()) == []

    with_store(root, scenario)


def test_a_large_folder_is_listed_as_it_is_now(root: Path) -> None:
    """The remembered names of a large folder are forgotten when a file comes or goes."""
    (root / "many").mkdir()
    names = [f"many/{number:05}.jpg" for number in range(3000)]
    for name in names:
        (root / name).touch()
    age(root / "many")

    async def scenario(store: LocalStore) -> None:
        assert await keys(store) == names
        (root / "many" / "00000-a.jpg").touch()
        assert (await keys(store))[:2] == ["many/00000-a.jpg", "many/00000.jpg"]
        (root / "many" / "00000.jpg").unlink()
        age(root / "many", LONG_AGO + 1)
        assert (await keys(store))[:2] == ["many/00000-a.jpg", "many/00001.jpg"]

    with_store(root, scenario)


def test_a_sweep_removes_what_crashes_left(root: Path) -> None:
    """Old files of dead uploads and sidecars without object go; fresh ones stay, and so does a running upload."""

    async def scenario(store: LocalStore) -> None:
        uploads = root / ".imagemill" / "uploads"
        await put(store, "kept.jpg", b"x")
        await put(store, "lost.jpg", b"x")
        (root / "lost.jpg").unlink()
        upload = await store.begin()
        await upload.write(b"running")
        (uploads / "dead").write_bytes(b"half")
        assert await store.sweep(3600) == 0
        assert await store.sweep(0) == 2
        assert len(list(uploads.iterdir())) == 1
        assert len(sidecars(root)) == 1
        await upload.commit("late.jpg", content_type="image/jpeg")
        assert await keys(store) == ["kept.jpg", "late.jpg"]

    with_store(root, scenario)


def test_a_sweep_spares_the_uploads_of_another_process(root: Path) -> None:
    """An upload holds a lock on its file, so that a second server's sweep leaves it."""

    async def run() -> None:
        one, two = LocalStore(root), LocalStore(root)
        upload = await one.begin()
        assert await two.sweep(0) == 0
        await upload.commit("k", content_type="image/png")
        await one.begin()
        await one.close()
        assert list((root / ".imagemill" / "uploads").iterdir()) == []
        await two.close()

    asyncio.run(run())


def test_a_folder_that_cannot_be_written_is_served(root: Path, tmp_path: Path) -> None:
    """Mounted read-only, pictures are served and digests remembered; a write is refused in words that name no path."""
    (root / "a.jpg").write_bytes(b"bytes")
    age(root / "a.jpg")
    root.chmod(0o555)

    async def scenario(store: LocalStore) -> None:
        assert not store.writable
        assert await read(store, "a.jpg") == b"bytes"
        assert [info.key for info in (await store.list()).objects] == ["a.jpg"]
        for work in (store.begin(), store.delete("a.jpg")):
            with pytest.raises(Refused) as error:
                await work
            assert error.value.code == "read_only"
            assert "/" not in error.value.sentence
        assert await store.sweep(0) == 0

    as_somebody_else(lambda: with_store(root, scenario))
    root.chmod(0o755)
    if root.stat().st_dev != tmp_path.stat().st_dev:
        with_store(root, scenario, tmp_path / "own")
        assert len(list((tmp_path / "own" / "objects").glob("*/*.json"))) == 1


def test_a_file_that_may_not_be_read_is_said_so(root: Path) -> None:
    """A picture or folder without permission is refused as such, and does not hide its neighbours."""
    (root / "closed").mkdir()
    for path in (root / "mine.jpg", root / "closed" / "a.jpg", root / "open.jpg"):
        path.write_bytes(b"x")
        age(path)
    (root / "mine.jpg").chmod(0)
    (root / "closed").chmod(0)

    async def scenario(store: LocalStore) -> None:
        for work in (store.open("mine.jpg"), store.head("mine.jpg"), store.open("closed/a.jpg")):
            with pytest.raises(Refused) as error:
                await work
            assert error.value.code == "unreadable"
        assert await keys(store) == ["mine.jpg", "open.jpg"]
        assert await read(store, "open.jpg") == b"x"

    as_somebody_else(lambda: with_store(root, scenario))
    (root / "closed").chmod(0o755)


def as_somebody_else(work: Callable[[], None]) -> None:
    """Do `work` without root's freedom to write everywhere: in a child process that has given it up."""
    if os.geteuid() != 0:
        work()
        return
    child = os.fork()
    if child == 0:
        code = 1
        try:
            os.setgroups([])
            os.setgid(65534)
            os.setuid(65534)
            work()
            code = 0
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_a_root_that_goes_away_is_an_error(root: Path) -> None:
    """A disk that is no longer mounted must not look like deleted pictures."""

    async def scenario(store: LocalStore) -> None:
        await put(store, "a.jpg", b"x")
        os.rename(root, root.with_name("elsewhere"))  # noqa: PTH104 - nothing here minds a blocked loop
        for work in (store.head("a.jpg"), store.open("a.jpg"), store.list(), store.stamp("a.jpg")):
            with pytest.raises(ImagemillError) as error:
                await work
            assert error.value.code == "store_failed"
            assert "/" not in error.value.sentence

    with_store(root, scenario)


def test_hostile_names_stay_inside(root: Path, corpus: Path) -> None:
    """Every name of the vectors that is a legal key is an object; nothing beside the root is touched."""
    vectors = json.loads((corpus / "hostile" / "vectors" / "names_latin1_of_utf8.json").read_text())
    legal = []
    for text in vectors:
        try:
            legal.append(check_key(text.encode("latin1").decode("utf-8")))
        except (UnicodeDecodeError, InvalidRequest):
            continue
    assert len(legal) > 40
    outside = snapshot(root.parent / "outside")

    async def scenario(store: LocalStore) -> None:
        for key in legal:
            await put(store, key, key.encode())
        assert await keys(store, limit=7) == sorted(set(legal))
        for key in legal:
            assert await read(store, key) == key.encode()
        for key in set(legal):
            assert await store.delete(key) is True
        assert await keys(store) == []

    with_store(root, scenario)
    assert sorted(path.name for path in root.parent.iterdir()) == ["outside", "pictures"]
    assert snapshot(root.parent / "outside") == outside
    assert [path.name for path in root.iterdir()] == [".imagemill"]


@pytest.mark.parametrize(
    "key", ["..", "../outside/secret.jpg", "a/../../outside/secret.jpg", "/etc/hostname", "a\0b", "."]
)
def test_a_key_that_nobody_checked_stays_inside(root: Path, key: str) -> None:
    """Should the check of keys ever be forgotten, the store still reaches nothing outside."""
    outside = snapshot(root.parent / "outside")

    async def scenario(store: LocalStore) -> None:
        assert await store.open(key) is None
        await put(store, key, b"x")
        assert await read(store, key) == b"x"
        assert await store.delete(key) is True

    with_store(root, scenario)
    assert snapshot(root.parent / "outside") == outside
    assert sorted(path.name for path in root.parent.iterdir()) == ["outside", "pictures"]


def snapshot(folder: Path) -> list[tuple[str, bytes, int]]:
    """Return every file below `folder` with its bytes and mtime."""
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return [(str(path), path.read_bytes(), path.stat().st_mtime_ns) for path in files]


def test_colliding_files_are_different_objects(root: Path, corpus: Path) -> None:
    """Pairs with equal MD5 or SHA-1 have two etags, and each comes back bit for bit (threats K3)."""
    firsts = [path for path in sorted((corpus / "collisions").iterdir()) if "-1" in path.name]
    assert len(firsts) > 10

    async def scenario(store: LocalStore) -> None:
        for first in firsts:
            pair = [first.read_bytes(), first.with_name(first.name.replace("-1", "-2")).read_bytes()]
            infos = [await put(store, f"{first.name}/{index}", data) for index, data in enumerate(pair)]
            assert infos[0].etag != infos[1].etag
            assert [await read(store, info.key) for info in infos] == pair

    with_store(root, scenario)


def test_an_upload_keeps_nothing_in_memory(root: Path) -> None:
    """A hundred megabytes pass with less than three in memory."""
    chunk = os.urandom(1 << 20)

    async def scenario(store: LocalStore) -> None:
        upload = await store.begin()
        tracemalloc.start()
        for _ in range(100):
            await upload.write(chunk)
        await upload.commit("large", content_type="image/png")
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 3 << 20

    with_store(root, scenario)
    assert (root / "large").stat().st_size == 100 << 20


def test_a_digest_is_found_out_once(root: Path) -> None:
    """Many askers of a file that was never read make one reading; all get the same answer."""
    (root / "a.jpg").write_bytes(os.urandom(30 << 20))
    age(root / "a.jpg")

    async def scenario(store: LocalStore) -> None:
        with cpu_seconds() as once:
            first = await store.head("a.jpg")
        (root / "a.jpg").touch()
        age(root / "a.jpg", LONG_AGO + 1)
        with cpu_seconds() as of_many:
            answers = await asyncio.gather(*(store.head("a.jpg") for _ in range(20)))
        assert first is not None
        assert {answer.etag for answer in answers if answer} == {first.etag}
        assert of_many.seconds < 6 * once.seconds + 0.1

    with_store(root, scenario)
