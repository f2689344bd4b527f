"""Memory: the whole service under its heaviest usual load, and one server under an upload that is far too big."""

from __future__ import annotations

import contextlib
import socket
import time

from benchmarks import load, pictures, processes
from benchmarks.measure import Figure, Outcome, at_least, at_most
from benchmarks.server import Imagemill

AT_ONCE = 32
WIDTH = 1600
FORMATS = ("jpeg", "webp", "avif")
PSS_LIMIT = 400.0
UPLOAD = 500 * 1024 * 1024
UPLOAD_LIMIT = 30.0
_CHUNK = 64 * 1024


def measure() -> Outcome:
    """Three formats, then two ways of uploading too much."""
    figures = []
    with Imagemill() as server:
        photo = pictures.twelve_megapixels(server.scratch)
        names = pictures.copies(photo, server.data, AT_ONCE, "memory")
        server.start()
        idle = processes.pss(server.pid)
        figures.append(Figure(name="idle, sum of PSS", value=idle / 1e6, unit="MB"))
        for kind in FORMATS:
            paths = [f"/img/w={WIDTH},fm={kind}/{name}" for name in names]
            with processes.PssPeak(server.pid) as peak:
                report = load.run(load.Load(port=server.port, paths=paths, connections=AT_ONCE, seconds=120))
            figures.append(
                Figure(
                    name=f"{AT_ONCE} × 12 MP → {WIDTH} px, {kind}: peak sum of PSS",
                    value=peak.bytes / 1e6,
                    unit="MB",
                    gate=at_most(PSS_LIMIT),
                    note=f"{peak.samples} samples in {report.wall:.1f} s",
                )
            )
            share = len(report.good) / AT_ONCE
            figures.append(Figure(name=f"{kind}: answered with 200", value=share * 100, unit="%", gate=at_least(100)))
        for chunked in (False, True):
            figures += _upload(server, chunked)
    return Outcome(
        method=(
            f"{AT_ONCE} copies of {photo.name} asked at once on {AT_ONCE} connections; PSS of server and workers "
            "summed from smaps_rollup every 50 ms. Then a PUT of 500 MB, its length declared and then not (chunked); "
            "the growth is VmHWM over VmRSS before, of the server's process"
        ),
        figures=tuple(figures),
    )


def _upload(server: Imagemill, chunked: bool) -> list[Figure]:
    """Send 500 MB that begin like a JPEG, as far as the server lets us."""
    way = "chunked" if chunked else "declared"
    time.sleep(0.5)
    before = processes.resident(server.pid)
    processes.forget_peak(server.pid)
    status, sent = _put(server, chunked)
    grown = max(0, processes.resident_peak(server.pid) - before)
    return [
        Figure(
            name=f"500 MB upload, {way}: growth of the server's RSS",
            value=grown / 1e6,
            unit="MB",
            gate=at_most(UPLOAD_LIMIT),
            note=f"{sent / 1e6:.0f} MB were taken before the answer {status}",
        ),
        Figure(name=f"500 MB upload, {way}: refused with 413", value=float(status == 413), unit="", gate=at_least(1)),
    ]


def _put(server: Imagemill, chunked: bool) -> tuple[int, int]:
    """The status and how many bytes went out before it."""
    framing = "Transfer-Encoding: chunked" if chunked else f"Content-Length: {UPLOAD}"
    head = (
        f"PUT /v1/originals/too-big.jpg HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {server.admin_key()}\r\n"
        f"Content-Type: image/jpeg\r\n{framing}\r\n\r\n"
    )
    first = _framed(pictures.JPEG_START.ljust(_CHUNK, b"\0"), chunked)
    other = _framed(bytes(_CHUNK), chunked)
    sent = 0
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as connection:
        connection.sendall(head.encode())
        with contextlib.suppress(OSError):  # a server that refuses may close while we send
            while sent < UPLOAD and not _answered(connection):
                connection.sendall(other if sent else first)
                sent += _CHUNK
            if chunked and sent >= UPLOAD:
                connection.sendall(b"0\r\n\r\n")
        return _status(connection), sent


def _framed(block: bytes, chunked: bool) -> bytes:
    return b"%x\r\n%b\r\n" % (len(block), block) if chunked else block


def _answered(connection: socket.socket) -> bool:
    connection.setblocking(False)
    try:
        connection.recv(1, socket.MSG_PEEK)
    except BlockingIOError:
        return False
    else:
        return True
    finally:
        connection.settimeout(30)


def _status(connection: socket.socket) -> int:
    """The status of the answer, 0 when the connection ended without one."""
    with contextlib.suppress(OSError):
        line = connection.recv(4096)
        if line.startswith(b"HTTP/1."):
            return int(line[9:12])
    return 0
