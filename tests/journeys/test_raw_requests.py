"""The 47 raw requests of the corpus, byte for byte on a socket (threats 2.7 H1, H3, H4)."""

from __future__ import annotations

import json
import os
import socket
import time
from pathlib import Path
from typing import Any, Protocol

import httpx
import pytest
from tests.serving import RunningServer

ROOT = Path(__file__).resolve().parents[2]


def _index() -> list[dict[str, Any]]:
    folder = Path(os.environ.get("IMAGEMILL_CORPUS", ROOT.parent / "shared" / "images"))
    path = folder / "hostile" / "raw_http" / "index.json"
    if not path.is_file():
        return []
    found: list[dict[str, Any]] = json.loads(path.read_text())
    return found


CASES = [case for case in _index() if case["file"].endswith(".bin")]
WAIT = 30.0


def test_the_raw_requests_are_there(corpus: Path) -> None:
    """The table below is not empty by accident."""
    assert (corpus / "hostile" / "raw_http").is_dir()
    assert len(CASES) == 46


class Listening(Protocol):
    """Anything on a port of loopback."""

    @property
    def port(self) -> int:
        """The port."""
        ...


def send(server: Listening, data: bytes, answers: int = 1, *, wait: float = WAIT) -> tuple[list[int], bool, bytes]:
    """Return the statuses that came back, whether the server closed, and all its bytes."""
    received = b""
    closed = False
    with socket.create_connection(("127.0.0.1", server.port)) as connection:
        connection.settimeout(wait)
        try:
            connection.sendall(data)
        except OSError:
            closed = True
        try:
            while received.count(b"HTTP/1.1 ") < answers or b"\r\n\r\n" not in received:
                chunk = connection.recv(65536)
                if not chunk:
                    closed = True
                    break
                received += chunk
        except TimeoutError:
            pass
        except OSError:
            closed = True
        if not closed and answers == 1:
            connection.settimeout(0.2)
            try:
                rest = connection.recv(65536)
                closed = not rest
                received += rest
            except OSError:
                pass
    statuses = [int(part[:3]) for part in received.split(b"HTTP/1.1 ")[1:] if part[:3].isdigit()]
    return statuses, closed, received


def allowed(case: dict[str, Any], status: int) -> bool:
    """Whether the index allows this status."""
    return any(word == str(status) or (word.endswith("xx") and word[0] == str(status)[0]) for word in case["allow"])


@pytest.mark.parametrize("case", CASES, ids=[case["file"] for case in CASES])
def test_a_raw_request_is_answered_as_the_index_allows(
    case: dict[str, Any], server: RunningServer, corpus: Path
) -> None:
    """An allowed status, or a closed connection where that is allowed; the server answers the next client."""
    data = (corpus / "hostile" / "raw_http" / case["file"]).read_bytes()
    data = data.replace(b"/RANGE_TARGET", _range_target(server, corpus))
    many = 1000 if case["file"] == "pipeline_1000.bin" else 1
    came = time.monotonic()
    statuses, closed, received = send(server, data, many)
    final = [status for status in statuses if status >= 200]
    assert final or closed, "neither an answer nor a close"
    if final:
        assert allowed(case, final[0]) or (closed and "close" in case["allow"]), (final[:3], closed, received[:300])
    else:
        assert any(word.startswith("close") for word in case["allow"]), received[:300]
    assert len(final) >= many or many == 1
    assert time.monotonic() - came < WAIT + 5
    assert httpx.get(server.url + "/healthz/live", trust_env=False).status_code == 200


def _range_target(server: RunningServer, corpus: Path) -> bytes:
    with server.client() as client:
        if client.head("/v1/originals/range.jpg").status_code != 200:
            photo = (corpus / "clean" / "chart_640x480.jpg").read_bytes()
            assert client.put("/v1/originals/range.jpg", content=photo).status_code == 201
    return b"/img/w=300/range.jpg"


def test_overlapping_ranges_never_amplify(server: RunningServer, corpus: Path) -> None:
    """1 500 overlapping ranges get an answer, and none larger than the picture (CVE-2025-62727 class)."""
    target = _range_target(server, corpus)
    data = (corpus / "hostile" / "raw_http" / "range_overlap.bin").read_bytes().replace(b"/RANGE_TARGET", target)
    whole = len(httpx.get(server.url + target.decode(), trust_env=False).content)
    _, _, received = send(server, data)
    assert 0 < len(received) <= whole + 4096


def test_slow_headers_are_cut_off_and_hurt_nobody(server: RunningServer) -> None:
    """One byte a second is closed within the header time-out while others are answered."""
    line = b"GET /healthz/live HTTP/1.1\r\nHost: x\r\nX-Slow: " + b"a" * 100
    with socket.create_connection(("127.0.0.1", server.port)) as slow:
        slow.settimeout(1.0)
        came = time.monotonic()
        closed = False
        for byte in line:
            try:
                slow.sendall(bytes([byte]))
                closed = slow.recv(4096) == b"" or closed
            except TimeoutError:
                pass
            except OSError:
                closed = True
            if closed or time.monotonic() - came > 60:
                break
            assert httpx.get(server.url + "/healthz/live", trust_env=False).status_code == 200
        assert closed
        assert time.monotonic() - came < 30  # `server.header_seconds` is ten


@pytest.mark.parametrize("path", ["/healthz/live", "/", "/img/w=300/range.jpg"])
def test_only_http_1_0_needs_no_host(path: str, server: RunningServer, corpus: Path) -> None:
    """A health check of a load balancer may speak HTTP/1.0, which has no Host; HTTP/1.1 without one is 400."""
    _range_target(server, corpus)
    _, _, old = send(server, f"GET {path} HTTP/1.0\r\n\r\n".encode())
    assert old.split(b"\r\n", 1)[0].split()[1] == (b"404" if path == "/" else b"200")
    statuses, _, _ = send(server, f"GET {path} HTTP/1.1\r\n\r\n".encode())
    assert statuses == [400]


def test_trace_does_not_echo(server: RunningServer) -> None:
    """TRACE shows no cookie back."""
    _, _, received = send(server, b"TRACE / HTTP/1.1\r\nHost: t\r\nCookie: s=secret\r\n\r\n")
    assert b"secret" not in received
