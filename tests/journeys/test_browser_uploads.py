"""Uploads by browsers with the clients that people use: curl, requests, httpx, tuspy and tus-js-client, and kills."""

from __future__ import annotations

import contextlib
import http.client
import io
import re
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import requests
from tests.journeys.uploading import BYTES, MIB, SMALL, TUS, content, noise, shown, ticket
from tests.servers.npm import FOLDER, tus_js
from tests.serving import RunningServer, all_below, serving
from tests.tools import need
from tusclient.client import TusClient

from imagemill.uploads.part import CHECKPOINT


@pytest.fixture(scope="module")
def large() -> bytes:
    """A picture of some 20 MiB."""
    return noise((2700, 2500), compress_level=0)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """One server for what needs no kills."""
    with serving(tmp_path_factory.mktemp("uploads") / "data") as running:
        yield running


def wait_until(true: Callable[[], Any], seconds: float = 60.0) -> None:
    """Wait for `true()`; fail after `seconds`."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


def test_curl_puts_a_picture(server: RunningServer, tmp_path: Path) -> None:
    """`curl -T` to the address stores the file; the log has the id, and nowhere the secret part of the token."""
    curl = need("curl", "curl")
    file = tmp_path / "a.jpg"
    file.write_bytes(SMALL)
    told = ticket(server, "curl/a.jpg")
    done = subprocess.run([curl, "-sS", "-w", "%{http_code}", "-T", file, told["url"]], capture_output=True, text=True)
    assert done.stdout.endswith("201"), done
    assert content(server, "curl/a.jpg") == SMALL
    again = subprocess.run([curl, "-sS", "-w", "%{http_code}", "-T", file, told["url"]], capture_output=True, text=True)
    assert again.stdout.endswith("410"), again
    secret = told["url"][-43:]
    log = server.logged()
    assert f"imu_{told['id']}_***" in log
    assert secret not in log
    for file in all_below(server.data / ".imagemill"):
        with contextlib.suppress(FileNotFoundError, IsADirectoryError):
            assert secret.encode() not in file.read_bytes()


@pytest.mark.parametrize(
    "before", ["//v1/uploads/", "/v1//uploads/", "/V1/uploads/", "/api/v1/uploads/", "/", "/img/_/"]
)
def test_a_token_at_a_misspelt_address_is_not_in_the_log(server: RunningServer, before: str) -> None:
    """It still opens the upload, whoever reads the log: the secret part is left out there too, escaped or not."""
    told = ticket(server, "misspelt/a.jpg")
    token = told["url"].rsplit("/", 1)[1]
    for spelt in (token, token.replace("_", "%5F"), token.replace("_", "%5f", 1)):
        assert httpx.put(server.url + before + spelt, content=SMALL, trust_env=False).status_code in (401, 404, 405)
    log = server.logged()
    assert log.count(told["id"]) >= 3
    secret = token[-43:]
    assert secret not in log
    assert secret.replace("_", "%5F") not in log


def test_forms_of_curl_requests_and_httpx(server: RunningServer, tmp_path: Path) -> None:
    """Three clients spell a form differently; each file is stored whole."""
    curl = need("curl", "curl")
    file = tmp_path / "a b.jpg"
    file.write_bytes(SMALL)
    one, two, three = (ticket(server, f"form/{n}.jpg", method="post", content_type="image/jpeg") for n in range(3))
    done = subprocess.run(
        [curl, "-sS", "-w", "%{http_code}", "-F", "note=1", "-F", f"file=@{file}", one["url"]],
        capture_output=True,
        text=True,
    )
    assert done.stdout.endswith("201"), done
    assert (
        requests.post(two["url"], data={"note": "1"}, files={"file": ("ä.jpg", SMALL)}, timeout=60).status_code == 201
    )
    assert httpx.post(three["url"], files={"file": ("x", SMALL)}, trust_env=False).status_code == 201
    assert [content(server, f"form/{n}.jpg") == SMALL for n in range(3)] == [True] * 3


def test_an_endless_body_stops_at_the_limit_and_costs_no_memory(server: RunningServer) -> None:
    """64 MiB and a byte of a body without a length: 413, nothing left, and memory stays as it was (H3)."""
    told = ticket(server, "endless.jpg")
    warm = ticket(server, "warm.jpg")
    httpx.put(warm["url"], content=bytes(8 * MIB), trust_env=False, timeout=60)
    _forget_peak(server)
    before = _peak(server)
    host, _, path = told["url"].removeprefix("http://").partition("/")
    connection = http.client.HTTPConnection(host, timeout=60)
    connection.putrequest("PUT", "/" + path)
    connection.putheader("Transfer-Encoding", "chunked")
    connection.endheaders()
    with contextlib.suppress(OSError):  # it may hang up once it has answered
        for _ in range(200):
            connection.send(b"100000\r\n" + bytes(MIB) + b"\r\n")
    answer = connection.getresponse()
    assert answer.status == 413
    connection.close()
    assert _peak(server) - before <= 20 * MIB
    assert shown(server, told)["state"] == "waiting"
    assert not list((server.data / ".imagemill" / "quarantine").glob("*.part"))


def test_a_declared_length_over_the_limit_is_refused_before_a_byte_is_sent(server: RunningServer) -> None:
    """A client that asks first (Expect: 100-continue) is told 413 and sends nothing (H3)."""
    told = ticket(server, "long.jpg", max_bytes=1000)
    host, _, path = told["url"].removeprefix("http://").partition("/")
    with socket.create_connection(("127.0.0.1", server.port), timeout=60) as line:
        line.sendall(
            f"PUT /{path} HTTP/1.1\r\nHost: {host}\r\nContent-Length: 1001\r\nExpect: 100-continue\r\n\r\n".encode()
        )
        assert line.recv(65536).startswith(b"HTTP/1.1 413 ")


def test_a_flood_of_wrong_tokens_costs_no_look(tmp_path: Path) -> None:
    """Guesses count as wrong keys do: over their rate none is looked at, whatever the id (O2)."""
    with serving(tmp_path / "data", env={"IMAGEMILL_THROTTLE__WRONG_KEYS": "1/m burst 5"}) as server:
        told = ticket(server, "a.jpg")
        good = httpx.put(told["url"], content=SMALL, trust_env=False)
        assert good.status_code == 201, good.text
        guess = told["url"][:-43] + "A" * 43
        codes = [httpx.put(guess, content=SMALL, trust_env=False).status_code for _ in range(8)]
        assert codes == [404] * 5 + [429] * 3


def test_tuspy_goes_on_after_a_kill(tmp_path: Path, large: bytes) -> None:
    """Pieces that were acknowledged survive kill -9; the client asks, goes on, and the picture is whole."""
    data = tmp_path / "data"
    stream = io.BytesIO(large)  # given a path, tuspy leaves the file open
    with serving(data) as server:
        told = ticket(server, "tus/large.png", method="tus", content_type="image/png")
        client = TusClient(told["url"])
        uploader = client.uploader(file_stream=stream, chunk_size=3 * MIB, metadata={"filename": "large.png"})
        uploader.upload(stop_at=7 * MIB)
        acknowledged = uploader.offset
        assert acknowledged >= 6 * MIB
        server.process.send_signal(signal.SIGKILL)
        server.process.wait()
    with serving(data, port=server.port) as server:
        assert content(server, "tus/large.png") is None
        again = client.uploader(file_stream=stream, url=uploader.url, chunk_size=3 * MIB, upload_checksum=True)
        assert again.offset == acknowledged
        again.upload()
        assert shown(server, told)["state"] == "done"
        assert content(server, "tus/large.png") == large


def test_pieces_may_come_to_any_process(tmp_path: Path, large: bytes) -> None:
    """Two serving processes of one machine: each piece on a connection of its own, and the picture is whole."""
    with serving(tmp_path / "data", "--http", "2") as server:
        told = ticket(server, "both.png", method="tus")
        for offset in range(0, len(large), 2 * MIB):
            headers = {**BYTES, "Upload-Offset": str(offset), "Upload-Length": str(len(large)), "Connection": "close"}
            piece = large[offset : offset + 2 * MIB]
            answer = httpx.patch(told["url"], content=piece, headers=headers, trust_env=False, timeout=60)
            assert answer.status_code == 204, answer.text
        assert shown(server, told)["state"] == "done"
        assert content(server, "both.png") == large


def test_a_kill_within_a_piece_costs_at_most_a_checkpoint(tmp_path: Path, large: bytes) -> None:
    """One endless PATCH, as tus-js-client sends it: after kill -9 in its middle the upload goes on from a safe byte."""
    data = tmp_path / "data"
    sent = 12 * MIB
    with serving(data) as server:
        told = ticket(server, "one.png", method="tus")
        with _Begun(server, told, large, sent):
            wait_until(lambda: shown(server, told)["offset"] >= CHECKPOINT)
            assert shown(server, told)["state"] == "receiving"
            server.process.send_signal(signal.SIGKILL)
            server.process.wait()
    with serving(data, port=server.port) as server:
        offset = int(httpx.head(told["url"], headers=TUS, trust_env=False).headers["upload-offset"])
        assert CHECKPOINT <= offset <= sent
        rest = httpx.patch(
            told["url"],
            content=large[offset:],
            headers={**BYTES, "Upload-Offset": str(offset)},
            trust_env=False,
            timeout=60,
        )
        assert rest.status_code == 204, rest.text
        assert content(server, "one.png") == large


def test_two_clients_on_one_upload(server: RunningServer, large: bytes) -> None:
    """One goes on, the other is told 409 or 423, and the picture is whole."""
    told = ticket(server, "two.png", method="tus")
    half = len(large) // 2
    answers: list[int] = []

    def patch() -> None:
        headers = {**BYTES, "Upload-Offset": "0", "Upload-Length": str(len(large))}
        answers.append(
            httpx.patch(told["url"], content=large[:half], headers=headers, trust_env=False, timeout=60).status_code
        )

    clients = [threading.Thread(target=patch) for _ in range(2)]
    for one in clients:
        one.start()
    for one in clients:
        one.join()
    assert set(answers) <= {204, 409, 423}
    assert answers.count(204) <= 1
    offset = int(httpx.head(told["url"], headers=TUS, trust_env=False).headers["upload-offset"])
    headers = {**BYTES, "Upload-Offset": str(offset)}
    rest = httpx.patch(told["url"], content=large[offset:], headers=headers, trust_env=False, timeout=60)
    assert rest.status_code == 204, rest.text
    assert content(server, "two.png") == large


@pytest.mark.parametrize("chunk", [2 * MIB, 10**12])
def test_tus_js_client_goes_on_after_a_kill(tmp_path: Path, large: bytes, chunk: int) -> None:
    """The client of browsers, in pieces and in one: the server is killed under it, comes back, and it ends well."""
    file = tmp_path / "large.png"
    file.write_bytes(large)
    data = tmp_path / "data"
    modules = tus_js() / "node_modules"
    log = tmp_path / "client.log"
    with serving(data) as server:
        told = ticket(server, "js.png", method="tus")
        command = ["node", FOLDER / "upload.mjs", modules, file, told["url"], str(chunk), str([500] * 100)]
        with log.open("wb") as sink:
            client = subprocess.Popen(command, stdout=sink, stderr=sink)
        try:
            wait_until(lambda: shown(server, told)["offset"] >= 2 * MIB or shown(server, told)["state"] == "done")
            server.process.send_signal(signal.SIGKILL)
            server.process.wait()
            with serving(data, port=server.port) as server:
                assert client.wait(120) == 0, log.read_text()
                assert re.search(r"^done ", log.read_text(), re.MULTILINE), log.read_text()
                assert content(server, "js.png") == large
        finally:
            if client.poll() is None:
                client.kill()
                client.wait()


def test_tus_js_client_hears_why_a_file_is_refused(server: RunningServer, tmp_path: Path) -> None:
    """A file that is no picture ends with the status of the check, and without a retry that could not help."""
    file = tmp_path / "notes.txt"
    file.write_bytes(b"no picture" * 1000)
    told = ticket(server, "notes.png", method="tus")
    command = ["node", FOLDER / "upload.mjs", tus_js() / "node_modules", file, told["url"], str(10**12), "[]"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert "failed 415" in done.stdout, done
    assert shown(server, told)["state"] == "failed"


class _Begun:
    """A PATCH of which `sent` bytes have been sent, and no more come."""

    def __init__(self, server: RunningServer, told: dict[str, Any], data: bytes, sent: int) -> None:
        self._line = socket.create_connection(("127.0.0.1", server.port), timeout=60)
        path = told["url"].removeprefix(server.url)
        head = "\r\n".join(
            [
                f"PATCH {path} HTTP/1.1",
                f"Host: 127.0.0.1:{server.port}",
                f"Content-Length: {len(data)}",
                f"Upload-Length: {len(data)}",
                "Upload-Offset: 0",
                *(f"{name}: {text}" for name, text in BYTES.items()),
            ]
        )
        self._line.sendall(head.encode() + b"\r\n\r\n" + data[:sent])

    def __enter__(self) -> socket.socket:
        return self._line

    def __exit__(self, *_: object) -> None:
        self._line.close()


def _peak(server: RunningServer) -> int:
    """Return the most memory that the server had since it was last forgotten, in bytes."""
    text = Path(f"/proc/{server.process.pid}/status").read_text()
    found = re.search(r"VmHWM:\s+(\d+) kB", text)
    assert found is not None
    return int(found.group(1)) * 1024


def _forget_peak(server: RunningServer) -> None:
    Path(f"/proc/{server.process.pid}/clear_refs").write_text("5", encoding="ascii")
