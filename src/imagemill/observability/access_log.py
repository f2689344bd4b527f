"""One line for each request on standard error, JSON or for people, written behind the answers.

Separate from the event log because it is hot: a line is formatted by hand from parts that were escaped before, and a
thread writes a batch at a time, so that a slow terminal or pipe delays nobody. Signatures and keys never come here: the
path is logged without its query.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from typing import Protocol

import msgspec

MAX_WAITING = 200_000
"""Lines that may wait for a blocked log (about 60 MB) before new ones are dropped and counted."""
FLUSH_SECONDS = 0.2


class Log(Protocol):
    """Where request lines go."""

    def write(self, line: str) -> None:
        """Take one line without its newline; must not block."""
        ...

    def close(self) -> None:
        """Write what waits."""
        ...


class NullLog:
    """No access log."""

    def write(self, line: str) -> None:
        """Forget it."""

    def close(self) -> None:
        """There is nothing to write."""


class AccessLog:
    """Lines collected here are written to `descriptor` by a thread of their own."""

    def __init__(self, descriptor: int, dropped: Callable[[], None], *, for_people: bool = False) -> None:
        """`dropped` is called for each line that found no room; `for_people` writes text instead of JSON."""
        self._descriptor = descriptor
        self._dropped = dropped
        self._for_people = for_people
        self._lines: list[str] = []
        self._wake = threading.Event()
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="access-log", daemon=True)
        self._thread.start()

    def write(self, line: str) -> None:
        """Take one line."""
        if len(self._lines) >= MAX_WAITING:
            self._dropped()
            return
        self._lines.append(line)

    def close(self) -> None:
        """Write what waits and end the thread; none is lost on a clean stop."""
        self._closing = True
        self._wake.set()
        self._thread.join(timeout=5)

    def _run(self) -> None:
        while not self._closing:
            self._wake.wait(FLUSH_SECONDS)
            self._flush()
        self._flush()

    def _flush(self) -> None:
        lines, self._lines = self._lines, []
        if not lines:
            return
        spelled = map(text_of, lines) if self._for_people else lines
        data = ("\n".join(spelled) + "\n").encode()
        try:
            while data:
                data = data[os.write(self._descriptor, data) :]
        except OSError:
            for _ in lines:
                self._dropped()


def text_of(line: str) -> str:
    """Return a JSON line as a person reads it; the path and the method stay escaped as they were (threat L3)."""
    told = msgspec.json.decode(line)
    method, path = (quoted(told[name])[1:-1] for name in ("method", "path"))
    answer = f"{told['status']}  {method} {path}  {told['bytes']} B  {told['ms']:.1f} ms  {told['cache']}"
    return f"{told['time'][11:19]}  {answer}"


def quoted(text: str) -> str:
    """Return `text` as a JSON string, at most 512 characters of it; control characters are escaped (threat L3)."""
    return msgspec.json.encode(text[:512]).decode().replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


_second = 0
_stamp = ""


def timestamp() -> str:
    """Return now as RFC 3339 UTC with milliseconds; the part down to the second is formatted once a second."""
    global _second, _stamp
    now = time.time()
    second = int(now)
    if second != _second:
        _stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))
        _second = second
    return f"{_stamp}.{int((now - second) * 1000):03d}Z"
