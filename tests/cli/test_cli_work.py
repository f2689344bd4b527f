from __future__ import annotations

import hashlib
import os
import shutil
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import httpx
import pytest
from tests.cli.programs import Ended, imagemill
from tests.serving import RunningServer, environment, serving

from imagemill import demo

Run = Callable[..., Ended]
JPEG = demo.PHOTOS / "rocket.jpg"
PNG = demo.PHOTOS / "chelsea.png"


def wait_until(true: Callable[[], bool]) -> None:
    """Wait for it, a minute at most."""
    deadline = time.monotonic() + 60
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A folder with pictures."""
    home = tmp_path / "home"
    (home / "pictures" / "cats").mkdir(parents=True)
    shutil.copyfile(JPEG, home / "rocket.jpg")
    shutil.copyfile(JPEG, home / "pictures" / "rocket.jpg")
    shutil.copyfile(PNG, home / "pictures" / "cats" / "chelsea.png")
    return home


@pytest.fixture(params=["no server", "a server"])
def run(request: pytest.FixtureRequest, home: Path) -> Iterator[Run]:
    """Run a command beside a data folder that a server holds, or none does."""

    def here(*arguments: str, stdin: bytes = b"") -> Ended:
        return imagemill(*arguments, cwd=home, stdin=stdin)

    if request.param == "no server":
        yield here
        return
    with serving(home / "imagemill-data"):
        yield here


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RunningServer]:
    """A server whose data folder is not the present one."""
    with serving(tmp_path / "data") as running:
        yield running


def test_a_day_with_originals(run: Run, home: Path) -> None:
    """Put, list, get, address, explain, purge and remove, all over one original and its variants."""
    put = run("put", "rocket.jpg", "--key", "launches/rocket.jpg", "--json")
    assert put.code == 0, put.err
    record = put.lines[0]
    assert (record["status"], record["key"], record["width"]) == ("created", "launches/rocket.jpg", 640)
    assert record["sha256"] == hashlib.sha256(JPEG.read_bytes()).hexdigest()
    assert record["url"].startswith("http://127.0.0.1:")

    assert run("ls").out == "launches/rocket.jpg\n"
    assert run("ls", "-d").out == "launches/\n"
    assert [line["key"] for line in run("ls", "launches/", "--json").lines] == ["launches/rocket.jpg"]
    assert "640×427" in run("ls", "-l").out

    assert run("get", "launches/rocket.jpg", "-o", "back.jpg").code == 0
    assert (home / "back.jpg").read_bytes() == JPEG.read_bytes()
    again = run("get", "launches/rocket.jpg", "-o", "back.jpg")
    assert again.code == 2
    assert "--force" in again.err
    assert run("get", "launches/rocket.jpg", "--variant", "w=60,fm=webp").code == 0
    assert (home / "rocket.webp").read_bytes()[8:12] == b"WEBP"

    link = run("url", "launches/rocket.jpg", "width=60,fm=webp").out.strip()
    assert link.endswith(f"/img/w=60,fm=webp/launches/rocket.jpg?v={record['version']}")
    told = run("explain", link, "--json").lines[0]
    assert (told["verdict"], told["canonical"], told["version"]) == ("allowed", "w=60,fm=webp", record["version"])
    assert "page → orient" in run("explain", link).out

    assert "1 variant would be removed" in run("purge", "launches/rocket.jpg", "--dry-run").out
    assert run("purge", "launches/rocket.jpg", "--variant", "w=61", "--json").lines == [
        {"key": "launches/rocket.jpg", "removed": 0}
    ]
    assert run("purge", "launches/rocket.jpg", "--variant", "w=60", "--json").lines[0]["removed"] == 1

    assert run("rm", "launches/rocket.jpg", "--dry-run").code == 0
    assert run("ls").out == "launches/rocket.jpg\n"
    assert run("rm", "launches/rocket.jpg").code == 0
    assert run("ls").out == ""
    gone = run("get", "launches/rocket.jpg")
    assert gone.code == 1
    assert "launches/rocket.jpg" in gone.err


def kept(client: httpx.Client, key: str) -> bool:
    """Whether a variant of `key` is kept: that is done behind its first answer."""
    return bool(client.get(f"/v1/variants/{key}").json()["items"])


def test_what_is_tagged_is_purged_by_its_tag(server: RunningServer, home: Path) -> None:
    """`purge --tag` counts and removes the variants of the originals with that tag, and of no other."""

    def purge(*arguments: str) -> Ended:
        return imagemill("purge", *arguments, "--data", server.data, cwd=home)

    with server.client() as client:
        for key, tags in (("sea.jpg", ["summer", "blue"]), ("ice.jpg", ["winter"])):
            assert client.put(f"/v1/originals/{key}", content=JPEG.read_bytes()).status_code == 201
            assert client.patch(f"/v1/originals/{key}", json={"tags": tags}).status_code == 200
            assert client.get(f"/img/w=60,fm=webp/{key}").status_code == 200
            wait_until(partial(kept, client, key))
    assert "1 variant would be removed" in purge("--tag", "summer", "--dry-run").out
    assert purge("--tag", "summer", "--json").lines == [{"tag": "summer", "removed": 1}]
    assert "1 variant would be removed" in purge("ice.jpg", "--dry-run").out
    wrong = purge("--tag", "")
    assert (wrong.code, "1 to 128 characters" in wrong.err) == (1, True)


def test_a_folder_with_a_file_that_is_no_picture(server: RunningServer, home: Path) -> None:
    """What is a picture is stored, what is not is named, hidden files are not meant, and the code is 3."""

    def run(*arguments: str) -> Ended:
        return imagemill(*arguments, "--data", server.data, cwd=home)

    (home / "pictures" / "notes.txt").write_text("buy milk")
    (home / "pictures" / ".DS_Store").write_bytes(b"\0")
    (home / "pictures" / "admin.key").write_text("as in every data folder")
    ended = run("put", "pictures", "--prefix", "2024")
    assert ended.code == 3
    assert "notes.txt" in ended.err
    assert "not an image" in ended.err
    assert "2 pictures stored, 1 failed." in ended.err
    assert run("ls").out == "2024/cats/chelsea.png\n2024/rocket.jpg\n"
    (home / "pictures" / "notes.txt").unlink()
    again = run("put", "pictures", "--prefix", "2024", "--no-replace")
    assert again.code == 0
    assert again.out.count("is there already") == 2
    assert "0 pictures stored, 2 there already." in again.err
    refused = run("put", "rocket.jpg", "--prefix", "2024/", "--if-none-match")
    assert refused.code == 1
    assert refused.out == ""
    assert "would be removed" in run("purge", "--prefix", "2024/", "--dry-run").out
    removed = run("rm", "-r", "2024/", "nothing", "--yes")
    assert removed.code == 0
    assert "2 originals were removed." in removed.err
    assert run("ls").out == ""


def test_a_server_elsewhere(server: RunningServer, home: Path) -> None:
    """With IMAGEMILL_SERVER and a key no data folder is looked at; pictures go through pipes, and nothing else does."""
    env = {
        "IMAGEMILL_SERVER": server.url,
        "IMAGEMILL_API_KEY_FILE": str(server.data / "admin.key"),
        "IMAGEMILL_DATA__DIR": "/nowhere/at/all",
    }
    put = imagemill("put", "-", "--key", "in/pipe.png", cwd=home, env=env, stdin=PNG.read_bytes())
    assert put.code == 0, put.err
    command = [sys.executable, "-m", "imagemill", "get", "in/pipe.png", "-o", "-"]
    got = subprocess.run(command, env=environment(env), cwd=home, capture_output=True, check=True)
    assert got.stdout == PNG.read_bytes()
    assert got.stderr == b""
    assert imagemill("url", "in/pipe.png", "w=9", cwd=home, env=env).out.startswith(f"{server.url}/img/w=9/in/pipe.png")
    assert imagemill("rm", "in/pipe.png", cwd=home, env=env).code == 0


def test_odd_names_come_back_as_they_went(server: RunningServer, tmp_path: Path) -> None:
    """Every legal key can be put, listed, fetched, addressed and removed from the shell."""
    keys = ["-dash.jpg", "100%.jpg", "a b.jpg", "a+b&c=d.jpg", "b64:abc.jpg", "q?x=1#f.jpg", "é/日本.jpg"]
    pictures = tmp_path / "pictures"
    for key in keys:
        (pictures / key).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(JPEG, pictures / key)
    data = ("--data", server.data)
    assert imagemill("put", pictures, *data, cwd=tmp_path).code == 0
    assert imagemill("ls", *data, cwd=tmp_path).out.splitlines() == keys
    for key in keys:
        assert imagemill("get", *data, "-o", "y.jpg", "-f", "--", key, cwd=tmp_path).code == 0
        assert (tmp_path / "y.jpg").read_bytes() == JPEG.read_bytes()
        link = imagemill("url", *data, "--", key, "w=9", cwd=tmp_path).out.strip()
        assert httpx.get(link, trust_env=False).headers["cache-control"].endswith("immutable")
    assert imagemill("rm", *data, "--", *keys, cwd=tmp_path).code == 0


def test_interrupt_ends_an_upload_from_a_silent_pipe(server: RunningServer, home: Path) -> None:
    """Ctrl-C while standard input says nothing ends the command with 130, and the server keeps nothing of it."""
    command = [sys.executable, "-m", "imagemill", "put", "-", "--key", "slow.png", "--data", str(server.data)]
    waiting = server.data / ".imagemill" / "uploads"
    with subprocess.Popen(
        command, cwd=home, env=environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        try:
            assert process.stdin is not None
            process.stdin.write(PNG.read_bytes()[:70_000])
            process.stdin.flush()
            wait_until(lambda: any(file.stat().st_size for file in waiting.iterdir()))
            process.send_signal(signal.SIGINT)
            assert process.wait(60) == 130
            assert process.stderr is not None
            assert b"rror" not in process.stderr.read()
        finally:
            process.kill()
    wait_until(lambda: not any(waiting.iterdir()))


@pytest.mark.parametrize("key", ["../up.jpg", "a//b.jpg", ".imagemill/x.jpg", "admin.key", "a\\b.jpg", "~"])
def test_keys_that_cannot_be_are_refused_in_words(key: str, tmp_path: Path) -> None:
    """A key that could leave the folder or meet our files is wrong usage, and nothing is created."""
    ended = imagemill("put", "-", "--key", key, cwd=tmp_path)
    assert ended.code == 2
    assert "The key" in ended.err
    assert list(tmp_path.iterdir()) == []


def test_an_unreadable_file_is_named(tmp_path: Path) -> None:
    """A folder where a file was meant, or a link that leads nowhere, fails alone."""
    (tmp_path / "pictures").mkdir()
    shutil.copyfile(JPEG, tmp_path / "pictures" / "good.jpg")
    (tmp_path / "pictures" / "link.jpg").symlink_to("nowhere.jpg")
    ended = imagemill("put", "pictures", cwd=tmp_path)
    assert ended.code == 3
    assert "link.jpg: cannot be read: No such file or directory" in ended.err


def test_a_wrong_key_is_said_once(server: RunningServer, tmp_path: Path) -> None:
    """A key that the server does not know ends the command with where the right one goes."""
    (tmp_path / "wrong").write_text("imk_0000000000000000000000000000000000000000\n")
    env = {"IMAGEMILL_SERVER": server.url, "IMAGEMILL_API_KEY_FILE": "wrong"}
    shutil.copyfile(JPEG, tmp_path / "a.jpg")
    shutil.copyfile(JPEG, tmp_path / "b.jpg")
    ended = imagemill("put", "a.jpg", "b.jpg", cwd=tmp_path, env=env)
    assert ended.code == 1
    assert ended.err.count("did not accept the API key") == 1
    assert "IMAGEMILL_API_KEY_FILE" in ended.err
    assert "Traceback" not in ended.err
    without = imagemill("ls", cwd=tmp_path, env={"IMAGEMILL_SERVER": server.url})
    assert without.code == 1
    assert "wants an API key" in without.err


def test_data_on_the_command_line_wins_over_the_environment(server: RunningServer, tmp_path: Path) -> None:
    """--data means this folder, whatever IMAGEMILL_SERVER says."""
    ended = imagemill("ls", "--data", "data", cwd=tmp_path, env={"IMAGEMILL_SERVER": "http://127.0.0.1:9"})
    assert ended.code == 0, ended.err


def test_a_server_of_another_kind(server: RunningServer, tmp_path: Path) -> None:
    """An answer that is not ours is recognised as such."""
    env = {"IMAGEMILL_SERVER": f"{server.url}/healthz"}
    ended = imagemill("ls", cwd=tmp_path, env=env)
    assert ended.code == 1
    assert "404" in ended.err or "nothing at this address" in ended.err


def test_replacing_from_the_shell_is_seen_at_once(server: RunningServer, tmp_path: Path) -> None:
    """A put over a running server changes what the next request gets."""
    shutil.copyfile(JPEG, tmp_path / "x.jpg")
    assert imagemill("put", "x.jpg", "--data", "data", cwd=tmp_path).code == 0
    first = httpx.get(f"{server.url}/img/w=40,fm=png/x.jpg", trust_env=False)
    shutil.copyfile(PNG, tmp_path / "x.jpg")
    assert imagemill("put", "x.jpg", "--data", "data", cwd=tmp_path).code == 0
    second = httpx.get(f"{server.url}/img/w=40,fm=png/x.jpg", trust_env=False)
    assert (first.status_code, second.status_code) == (200, 200)
    assert first.headers["etag"] != second.headers["etag"]


def test_got_files_have_the_usual_mode(tmp_path: Path) -> None:
    """A fetched file is as readable as any other that this user writes."""
    shutil.copyfile(JPEG, tmp_path / "x.jpg")
    assert imagemill("put", "x.jpg", cwd=tmp_path).code == 0
    assert imagemill("get", "x.jpg", "-o", "y.jpg", cwd=tmp_path).code == 0
    mask = os.umask(0o022)
    os.umask(mask)
    assert stat.S_IMODE((tmp_path / "y.jpg").stat().st_mode) == 0o666 & ~mask
    assert not list(tmp_path.glob(".*.part"))


@pytest.mark.parametrize(
    ("rules", "path"),
    [
        ({"DELIVERY__ACCESS": "sizes"}, "/img/w=640/rocket.jpg?v="),
        ({"DELIVERY__ACCESS": "presets", "PRESETS__CARD": "w=80"}, "/img/p=card/rocket.jpg?v="),
        ({"DELIVERY__ACCESS": "presets"}, None),
    ],
)
def test_an_address_is_one_that_the_site_answers(tmp_path: Path, rules: dict[str, str], path: str | None) -> None:
    """Without options `url` prints what everybody may ask for there, or says that there is nothing."""
    data = tmp_path / "data"
    data.mkdir()
    shutil.copyfile(JPEG, data / "rocket.jpg")
    ended = imagemill(
        "url", "rocket.jpg", "--data", str(data), cwd=tmp_path, env={f"IMAGEMILL_{n}": v for n, v in rules.items()}
    )
    if path is None:
        assert (ended.code, ended.out) == (1, "")
        assert "preset" in ended.err
    else:
        assert ended.code == 0, ended.err
        assert path in ended.out
