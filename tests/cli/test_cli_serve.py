from __future__ import annotations

import errno
import json
import os
import pty
import resource
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from tests.cli.programs import imagemill
from tests.serving import environment, serving
from tests.serving import free_port as any_port

from imagemill import demo
from imagemill.cli.open_files import MOST
from imagemill.cli.serve import address_of, cannot_listen, free_port, is_loopback
from imagemill.data_folder import holder, open_data_folder
from imagemill.gateway.settings import ServerSettings
from imagemill.settings import Settings

SECONDS = 60.0
EVERYWHERE = "0.0.0.0"  # noqa: S104 - that this is warned about is what is tested


@contextmanager
def started(
    *arguments: str, cwd: Path, env: dict[str, str] | None = None, stdin: int = subprocess.DEVNULL
) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Run a command until it has printed its first line; yield both; end it if the test did not."""
    process = subprocess.Popen(
        [sys.executable, "-m", "imagemill", *arguments],
        cwd=cwd,
        env=environment(env),
        stdin=stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    late = threading.Timer(SECONDS, process.kill)
    late.start()
    try:
        yield process, process.stdout.readline()
    finally:
        late.cancel()
        process.kill()
        process.communicate()


@pytest.mark.parametrize("wait", [0.0, 0.05, 0.1])
def test_a_stop_before_it_is_ready_is_a_clean_stop_too(wait: float, tmp_path: Path) -> None:
    """SIGTERM while the server still starts ends it with 0 and no word; no worker is left, the folder is free."""
    command = [sys.executable, "-m", "imagemill", "serve", "--port", str(any_port())]
    process = subprocess.Popen(
        command, cwd=tmp_path, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    deadline = time.monotonic() + SECONDS
    while not (tmp_path / "imagemill-data" / ".imagemill" / "lock").exists():
        assert time.monotonic() < deadline
        time.sleep(0.001)
    time.sleep(wait)  # several moments between holding the folder and serving
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=SECONDS)  # ends only when nobody holds the streams any more
    assert process.returncode == 0, err
    assert "Traceback" not in err
    open_data_folder(tmp_path / "imagemill-data").close()


def listening(port: int = 0) -> socket.socket:
    """Return a socket that has taken a port of 127.0.0.1."""
    taken = socket.socket()
    taken.bind(("127.0.0.1", port))
    taken.listen()
    return taken


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_one_line_when_ready_and_a_clean_stop(number: signal.Signals, tmp_path: Path) -> None:
    """Standard output is the one line with the address; a signal ends the server with 0 and frees the folder."""
    port = any_port()
    with started("serve", "--port", str(port), cwd=tmp_path) as (process, line):
        assert line == f"Imagemill serves http://127.0.0.1:{port} (data: ./imagemill-data)\n"
        assert httpx.get(f"http://127.0.0.1:{port}/healthz/ready", trust_env=False).status_code == 200
        process.send_signal(number)
        out, err = process.communicate(timeout=SECONDS)
    assert process.returncode == 0, err
    assert out == ""
    assert "Traceback" not in err
    key = tmp_path / "imagemill-data" / "admin.key"
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert err.count(str(key)) == 1
    assert key.read_text().strip() not in err


def test_a_low_limit_of_open_files_is_raised(tmp_path: Path) -> None:
    """A shell's soft limit is no bound on connections; the system's hard one is."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = MOST if hard == resource.RLIM_INFINITY else min(hard, MOST)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(512, most), hard))
    try:
        with started("serve", "--port", str(any_port()), cwd=tmp_path) as (process, _):
            assert resource.prlimit(process.pid, resource.RLIMIT_NOFILE) == (most, hard)
            process.terminate()
            assert process.wait(SECONDS) == 0
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_sighup_does_not_end_a_service(tmp_path: Path) -> None:
    """One process goes on serving, and its log says what it would take to read the settings anew."""
    with started("serve", "--port", str(any_port()), cwd=tmp_path) as (process, line):
        process.send_signal(signal.SIGHUP)
        assert process.stderr is not None
        assert any("restart.refused" in told for told in process.stderr), "it ended without a word"
        assert httpx.get(f"{line.split()[2]}/healthz/ready", trust_env=False).status_code == 200
        process.terminate()
        assert process.wait(SECONDS) == 0


def test_a_closed_terminal_ends_the_server_in_order(tmp_path: Path) -> None:
    """The kernel's SIGHUP is a stop like any other there: exit 0, and the folder is free."""
    ours, theirs = pty.openpty()
    with started("serve", "--port", str(any_port()), cwd=tmp_path, stdin=theirs) as (process, _):
        os.close(theirs)
        os.close(ours)
        process.send_signal(signal.SIGHUP)
        _, err = process.communicate(timeout=SECONDS)
    assert process.returncode == 0, err
    assert holder(tmp_path / "imagemill-data") is None


def test_the_admin_key_is_announced_only_once(tmp_path: Path) -> None:
    """The second start has nothing new to say about it."""
    with started("serve", "--port", str(any_port()), "--data", "d", cwd=tmp_path) as (process, line):
        assert line.endswith("(data: d)\n")
        process.terminate()
        assert "admin key was written" in process.communicate(timeout=SECONDS)[1]
    with started("serve", "--port", str(any_port()), "--data", "d", cwd=tmp_path) as (process, _):
        process.terminate()
        assert "admin key" not in process.communicate(timeout=SECONDS)[1]


def test_a_taken_port_is_one_sentence(tmp_path: Path) -> None:
    """The sentence names the port and what to do, nothing is started, and the code is 1."""
    with listening() as taken:
        port = taken.getsockname()[1]
        ended = imagemill("serve", "--port", str(port), cwd=tmp_path)
    assert ended.code == 1
    assert ended.out == ""
    assert ended.err.count("\n") == 1
    assert f"Port {port} on 127.0.0.1 is taken" in ended.err
    assert "--port" in ended.err
    assert list(tmp_path.iterdir()) == []


def test_a_second_server_is_told_who_has_the_folder(tmp_path: Path) -> None:
    """It names the process and the address of the first, and ends with 1; also where their ports are the same."""
    with serving(tmp_path / "data") as server:
        for port in ("0", str(server.port)):
            ended = imagemill("serve", "--port", port, "--data", "data", cwd=tmp_path)
            assert ended.code == 1
            first = f"by the Imagemill server with process id {server.process.pid} at {server.url}."
            assert f"is in use {first}" in ended.err
            assert ended.err.count("\n") == 1
        doctor = imagemill("doctor", "--data", "data", "--port", str(server.port), "--json", cwd=tmp_path)
        states = {line["check"]: line for line in doctor.lines}
        assert states["port"]["state"] == "ok"
        assert str(server.process.pid) in states["data folder"]["text"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--host", "203.0.113.7"], "does not belong to this machine"),
        (["--host", "no such host"], "is not known here"),
        (["--data", "nowhere/data"], "There is no folder"),
        (["--data", "file"], "is a file"),
        (["--config", "nowhere.toml"], "There is no settings file"),
        (["--config", "file"], "not valid TOML"),
    ],
)
def test_what_cannot_start_says_why(arguments: list[str], said: str, tmp_path: Path) -> None:
    """Each mistake has its own sentence, without a traceback."""
    (tmp_path / "file").write_text("= =")
    ended = imagemill("serve", "--port", "0", *arguments, cwd=tmp_path)
    assert ended.code == 1
    assert said in ended.err
    assert "Traceback" not in ended.err
    assert ended.out == ""


def test_a_wildcard_address_is_warned_about(tmp_path: Path) -> None:
    """Away from loopback without delivery.access one line warns; setting it silences the line."""
    arguments = ("serve", "--host", EVERYWHERE, "--port", str(any_port()), "--data", "d")
    with started(*arguments, cwd=tmp_path) as (process, line):
        assert line.startswith("Imagemill serves http://127.0.0.1:")
        process.terminate()
        said = process.communicate(timeout=SECONDS)[1]
        assert sum("Warning" in line and "delivery.access" in line for line in said.splitlines()) == 1
    with started(*arguments, cwd=tmp_path, env={"IMAGEMILL_DELIVERY__ACCESS": "open"}) as (process, _):
        process.terminate()
        assert "Warning" not in process.communicate(timeout=SECONDS)[1]


@pytest.mark.parametrize(("form", "as_json"), [("json", True), ("text", False)])
def test_every_line_of_the_log_is_json_or_none_is(form: str, as_json: bool, tmp_path: Path) -> None:
    """Words about the start and about requests alike: a program reads all of them, or a person does."""
    arguments = ("serve", "--host", EVERYWHERE, "--port", str(any_port()), "--data", "d", "--log-format", form)
    with started(*arguments, cwd=tmp_path) as (process, line):
        address = line.split()[2]
        assert httpx.get(f"{address}/img/w=3/none.jpg?s=secret", trust_env=False).status_code == 404
        process.terminate()
        said = process.communicate(timeout=SECONDS)[1].splitlines()
    assert len(said) == 3  # open to others, the new key, one request
    assert [text.startswith("{") for text in said] == [as_json] * 3
    if as_json:
        assert [json.loads(text)["event"] for text in said] == ["server.notice", "server.notice", "request"]
    assert any("/img/w=3/none.jpg" in text and "404" in text for text in said)
    assert "secret" not in "".join(said)


def test_own_pictures_are_served_at_once(tmp_path: Path) -> None:
    """A folder of pictures needs no import; ours lies apart in it and is no original."""
    (tmp_path / "Pictures").mkdir()
    (tmp_path / "Pictures" / "me.jpg").write_bytes((demo.PHOTOS / "rocket.jpg").read_bytes())
    with serving(tmp_path / "Pictures") as server:
        assert httpx.get(f"{server.url}/img/w=30/me.jpg", trust_env=False).status_code == 200
        assert imagemill("ls", "--data", "Pictures", cwd=tmp_path).out == "me.jpg\n"
    assert sorted(entry.name for entry in (tmp_path / "Pictures").iterdir()) == [".imagemill", "admin.key", "me.jpg"]


def test_demo_prints_links_that_work(tmp_path: Path) -> None:
    """Addresses worth a click are printed after the one line: pictures, what is known of one, and the page.

    The only one that lets the kernel choose: between that and listening another's connection may take the port.
    """
    with started("demo", "--port", "0", cwd=tmp_path) as (process, line):
        assert "demo-data" in line
        assert process.stdout is not None
        links = []
        while "Ctrl-C" not in (printed := process.stdout.readline()):
            assert printed, "the list ends with how to stop"
            links += [word for word in printed.split() if word.startswith("http://")]
        assert len(links) == len(demo.links("")) + 1
        for link in links:
            answer = httpx.get(link, trust_env=False, timeout=SECONDS)
            assert answer.status_code == 200, link
            kind = "text/html" if link.endswith("/") else "application/json" if "/info/" in link else "image/"
            assert answer.headers["content-type"].startswith(kind)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=SECONDS)
        assert process.returncode == 0


def test_settings_shows_values_sources_and_no_password(tmp_path: Path) -> None:
    """Each setting is one JSON line with where it came from; a secret in a URL is masked."""
    (tmp_path / "imagemill.toml").write_text("[server]\npublic_url = 'https://img.example.com'\n")
    env = {"IMAGEMILL_ENGINE__WORKERS": "3"}
    rows = {line["name"]: line for line in imagemill("settings", "--json", cwd=tmp_path, env=env).lines}
    assert (rows["engine.workers"]["value"], rows["engine.workers"]["source"]) == ("3", "IMAGEMILL_ENGINE__WORKERS")
    assert rows["server.public_url"]["source"] == str(tmp_path / "imagemill.toml")
    assert rows["log.level"] == {
        "name": "log.level",
        "value": '"info"',
        "default": '"info"',
        "source": "default",
        "help": "debug, info, warning or error.",
        "restart": True,
    }
    text = imagemill("settings", cwd=tmp_path, env=env).out
    assert "engine.workers = 3\n" in text
    assert "from: IMAGEMILL_ENGINE__WORKERS; a change needs a restart" in text


def test_settings_check_is_for_ci(tmp_path: Path) -> None:
    """Right settings end with 0, wrong ones with 1 and every fault on stderr."""
    assert imagemill("settings", "--check", cwd=tmp_path).code == 0
    (tmp_path / "imagemill.toml").write_text("[server]\nprot = 1\n[log]\nlevel = 'x'\n")
    ended = imagemill("settings", "--check", cwd=tmp_path)
    assert ended.code == 1
    assert ended.out == ""
    assert "server.port" in ended.err
    assert "log.level" in ended.err


def test_doctor_finds_a_healthy_machine(tmp_path: Path) -> None:
    """Every format is written and read back in a real worker; nothing is created."""
    ended = imagemill("doctor", "--port", str(any_port()), "--json", cwd=tmp_path)
    states = {line["check"]: line["state"] for line in ended.lines}
    assert ended.code == 0, ended.out
    assert {"jpeg", "png", "gif", "webp", "avif", "workers", "fsync", "disk", "port", "clock"} <= set(states)
    assert {"svg", "heic", "jxl", "bmp", "ico", "jp2", "pdf"} <= set(states)
    assert "fail" not in states.values()
    assert list(tmp_path.iterdir()) == []


def test_doctor_fails_with_the_next_step(tmp_path: Path) -> None:
    """Each thing that is wrong has its line and what to do; the code is 1."""
    data = tmp_path / "d"
    data.mkdir()
    (data / "admin.key").write_text("imk_x")
    (data / "admin.key").chmod(0o644)
    with listening() as taken:
        port = taken.getsockname()[1]
        arguments = ("doctor", "--data", "d", "--host", EVERYWHERE, "--port", str(port), "--json")
        ended = imagemill(*arguments, cwd=tmp_path)
    failed = {line["check"]: line for line in ended.lines if line["state"] == "fail"}
    assert ended.code == 1
    assert set(failed) == {"admin key", "access", "port"}
    assert failed["admin key"]["next"] == f"chmod 600 {data / 'admin.key'}"
    assert "delivery.access" in failed["access"]["next"]


def test_doctor_looks_for_the_originals(tmp_path: Path) -> None:
    """A mistyped folder of originals is found before the server is started."""
    env = {"IMAGEMILL_ORIGINALS__URL": f"file://{tmp_path}/nowhere"}
    ended = imagemill("doctor", "--port", "0", cwd=tmp_path, env=env)
    assert ended.code == 1
    assert f"there is no folder {tmp_path}/nowhere" in ended.out


def test_doctor_names_wrong_settings(tmp_path: Path) -> None:
    """Wrong settings are a finding like any other."""
    ended = imagemill("doctor", cwd=tmp_path, env={"IMAGEMILL_SERVER__PORT": "x"})
    assert ended.code == 1
    assert "FAIL  settings" in ended.out
    assert "server.port" in ended.out


def test_commands_find_the_server_by_the_lock(tmp_path: Path) -> None:
    """The lock file tells where the server listens, so the shell needs no address."""
    with serving(tmp_path / "data") as server:
        lock = tmp_path / "data" / ".imagemill" / "lock"
        deadline = time.monotonic() + SECONDS
        while server.url not in lock.read_text():  # it is written when the port is open, so a moment after we may ask
            assert time.monotonic() < deadline
            time.sleep(0.001)
        told = json.loads(lock.read_text())
        assert (told["pid"], told["url"]) == (server.process.pid, server.url)


def test_port_zero_becomes_a_free_one() -> None:
    """The port that will be listened on is known before the server starts."""
    assert free_port(Settings(server=ServerSettings(port=0))) > 0


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (errno.EADDRINUSE, "choose another port: --port 81"),
        (errno.EACCES, "may not be opened by this user"),
        (errno.EADDRNOTAVAIL, "does not belong to this machine"),
        (errno.ENOBUFS, "No buffer space"),
    ],
)
def test_each_reason_has_its_sentence(number: int, said: str) -> None:
    """Permission denied and address in use mean different things to do."""
    assert said in cannot_listen("127.0.0.1", 80, OSError(number, os.strerror(number))).sentence


@pytest.mark.parametrize(
    ("host", "address", "loopback"),
    [
        ("127.0.0.1", "http://127.0.0.1:80", True),
        (EVERYWHERE, "http://127.0.0.1:80", False),
        ("::", "http://[::1]:80", False),
        ("::1", "http://[::1]:80", True),
        ("192.0.2.1", "http://192.0.2.1:80", False),
        ("localhost", "http://localhost:80", True),
    ],
)
def test_addresses(host: str, address: str, loopback: bool) -> None:
    """The URL that is printed can be opened on this machine."""
    assert address_of(host, 80) == address
    assert is_loopback(host) is loopback
