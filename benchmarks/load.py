"""A load generator with a small appetite: one thread, raw sockets, in a process of its own whose CPU is known.

Separate from the benchmarks because it must not share a process with anything that is measured. Two ways to ask:
closed (each connection asks again as soon as it has its answer) and open (`rate` requests a second whatever comes
back; the clock of an answer starts when it was due, so that a stall is not hidden by asking less).
"""

from __future__ import annotations

import contextlib
import json
import re
import resource
import selectors
import socket
import subprocess
import sys
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from benchmarks.measure import percentile

ROOT = Path(__file__).resolve().parent.parent
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_CHUNKED = re.compile(rb"\r\ntransfer-encoding: *chunked", re.IGNORECASE)
_CLOSE = re.compile(rb"\r\nconnection: *close", re.IGNORECASE)
_ENDED = 0
"""The status of an answer that never came: refused, reset, or late."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What to ask: each path once, in order.

    `rate` is requests per second (0: closed loop); `source` is the loopback address to ask from; `seconds` is the
    longest that the whole may take, after which what is missing counts as status 0.
    """

    port: int
    paths: Sequence[str]
    connections: int = 8
    rate: float = 0.0
    source: str = "127.0.0.1"
    headers: dict[str, str] = field(default_factory=dict)
    seconds: float = 60.0


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer: its status, seconds from asking (or from when it was due) to the last byte, size, start second."""

    status: int
    seconds: float
    size: int
    started: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """All answers in the order of the paths, seconds from first to last, CPU-seconds of the generator itself."""

    answers: list[Answer]
    wall: float
    cpu: float

    @property
    def good(self) -> list[Answer]:
        """The answers with status 200."""
        return [a for a in self.answers if a.status == 200]

    @property
    def rate(self) -> float:
        """Good answers per second."""
        return len(self.good) / self.wall

    def latency(self, share: float) -> float:
        """Seconds that `share` of the good answers took at most."""
        return percentile([a.seconds for a in self.good], share)

    def statuses(self) -> dict[int, int]:
        """How many answers had which status."""
        counts: dict[int, int] = {}
        for answer in self.answers:
            counts[answer.status] = counts.get(answer.status, 0) + 1
        return dict(sorted(counts.items()))

    def require_good(self, what: str) -> Report:
        """The same report; RuntimeError when any answer was not 200, because its timing would mean nothing."""
        if len(self.good) != len(self.answers):
            raise RuntimeError(f"{what}: 200 expected for all, got {self.statuses()}")
        return self


class _Connection:
    """One keep-alive connection and the request it is busy with (`index` < 0: idle)."""

    __slots__ = ("buffer", "closing", "due", "index", "left", "size", "sock", "status")

    def __init__(self, load: Load) -> None:
        self.sock = socket.socket()
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sock.setblocking(False)
        self.sock.bind((load.source, 0))
        self.sock.connect_ex(("127.0.0.1", load.port))
        self.index = -1
        self.reset()

    def reset(self) -> None:
        """Forget the last answer."""
        self.buffer = b""
        self.closing = False
        self.left: int | None = None
        self.status = self.size = 0
        self.due = 0.0

    def take(self, data: bytes) -> bool:
        """Add received bytes; True when the answer is complete. `left` is None until the header is, -1 if chunked."""
        if self.left is None:
            self.buffer += data
            end = self.buffer.find(b"\r\n\r\n")
            if end < 0:
                return False
            head, data, self.buffer = self.buffer[:end], self.buffer[end + 4 :], b""
            self.status = int(head[9:12])
            self.closing = _CLOSE.search(head) is not None
            length = _LENGTH.search(head)
            self.left = -1 if _CHUNKED.search(head) else int(length[1]) if length else 0
        self.size += len(data)
        if self.left < 0:
            self.buffer = (self.buffer + data)[-5:]
            return self.buffer == b"0\r\n\r\n"
        return self.size >= self.left


class _Driver:
    """Asks all paths of a load over its connections."""

    def __init__(self, load: Load) -> None:
        self._load = load
        headers = "".join(f"{name}: {value}\r\n" for name, value in {"Host": "127.0.0.1", **load.headers}.items())
        self._requests = [f"GET {path} HTTP/1.1\r\n{headers}\r\n".encode() for path in load.paths]
        self._answers: list[Answer | None] = [None] * len(load.paths)
        self._selector = selectors.DefaultSelector()
        self._idle: deque[_Connection] = deque()
        self._next = self._open = self._done = 0
        self._start = 0.0

    def run(self) -> Report:
        """Ask everything; what is unanswered at the end of the time counts as ended."""
        for _ in range(min(self._load.connections, len(self._requests)) if not self._load.rate else 1):
            self._connect()
        self._start = time.perf_counter()
        while self._done < len(self._requests) and self._now() < self._load.seconds:
            self._ask()
            for key, mask in self._selector.select(self._patience()):
                self._serve(key.data, mask)
        wall = self._now()
        used = resource.getrusage(resource.RUSAGE_SELF)
        answers = [a or Answer(_ENDED, wall, 0, 0.0) for a in self._answers]
        return Report(answers=answers, wall=wall, cpu=used.ru_utime + used.ru_stime)

    def _now(self) -> float:
        return time.perf_counter() - self._start

    def _patience(self) -> float:
        """Seconds until the next request of an open loop is due."""
        if self._load.rate and self._next < len(self._requests):
            return max(0.0, min(0.1, self._next / self._load.rate - self._now()))
        return 0.1

    def _ask(self) -> None:
        """Hand due requests to idle connections, with new ones where the load allows more."""
        while self._next < len(self._requests):
            due = self._next / self._load.rate if self._load.rate else self._now()
            if due > self._now():
                return
            if not self._idle:
                if self._open >= self._load.connections:
                    return
                self._connect()
            connection = self._idle.popleft()
            connection.reset()
            connection.due, connection.index = due, self._next
            self._next += 1
            self._selector.modify(connection.sock, selectors.EVENT_READ | selectors.EVENT_WRITE, connection)

    def _connect(self) -> None:
        connection = _Connection(self._load)
        self._selector.register(connection.sock, selectors.EVENT_READ, connection)
        self._idle.append(connection)
        self._open += 1

    def _serve(self, connection: _Connection, mask: int) -> None:
        """Send a request that waits for its socket, or read what came."""
        try:
            if mask & selectors.EVENT_WRITE:
                connection.sock.sendall(self._requests[connection.index])  # under one socket buffer: never partial
                self._selector.modify(connection.sock, selectors.EVENT_READ, connection)
            if mask & selectors.EVENT_READ:
                data = connection.sock.recv(1 << 18)
                if not data:
                    self._drop(connection)
                elif connection.index >= 0 and connection.take(data):
                    self._finish(connection)
        except BlockingIOError:
            return
        except OSError:
            self._drop(connection)

    def _finish(self, connection: _Connection) -> None:
        self._record(connection, connection.status)
        connection.index = -1
        if connection.closing:
            self._drop(connection)
        else:
            self._idle.append(connection)

    def _drop(self, connection: _Connection) -> None:
        """Forget a connection that the server closed; a request that was on it has ended without an answer."""
        if connection.index >= 0:
            self._record(connection, _ENDED)
        with contextlib.suppress(ValueError):
            self._idle.remove(connection)
        self._selector.unregister(connection.sock)
        connection.sock.close()
        self._open -= 1

    def _record(self, connection: _Connection, status: int) -> None:
        now = self._now()
        self._answers[connection.index] = Answer(status, now - connection.due, connection.size, connection.due)
        self._done += 1


class Running:
    """A load that has been started in its own process; `wait()` for its report."""

    def __init__(self, load: Load) -> None:
        command = [sys.executable, "-m", "benchmarks.load"]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT)
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(asdict(load)).encode())
        self._process.stdin.close()
        self._process.stdin = None
        self._limit = load.seconds + 30

    def wait(self) -> Report:
        """The report, once every answer is in or the load's time is over."""
        try:
            out, _ = self._process.communicate(timeout=self._limit)
        except subprocess.TimeoutExpired:
            self._process.kill()
            raise
        if self._process.returncode:
            raise RuntimeError(f"the load generator ended with status {self._process.returncode}")
        found = json.loads(out)
        return Report(answers=[Answer(*a) for a in found["answers"]], wall=found["wall"], cpu=found["cpu"])


def run(load: Load) -> Report:
    """Ask everything from a process of its own and wait for the report."""
    return Running(load).wait()


def main() -> None:
    """Read a load from standard input, drive it, write the report to standard output."""
    report = _Driver(Load(**json.loads(sys.stdin.read()))).run()
    answers = [[a.status, a.seconds, a.size, a.started] for a in report.answers]
    sys.stdout.write(json.dumps({"answers": answers, "wall": report.wall, "cpu": report.cpu}))


if __name__ == "__main__":
    main()
