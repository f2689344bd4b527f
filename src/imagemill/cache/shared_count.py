"""How many bytes a folder holds that several processes of a node fill: one number in a file, changed under a lock.

Separate from `variants.ledger`, which counts for one process. Its lock is flock(2), dropped with a process; what one
that was killed had reserved is found by the next walk (`correct`). What other processes are just writing, a walk may
miss: the next one finds it.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import struct
import threading
from collections.abc import Iterator

_NUMBERS = struct.Struct("<qq")
"""Bytes in all, and all that ever moved."""


class SharedCount:
    """A sum with a limit, both in bytes. Safe in several threads and processes."""

    def __init__(self, path: str, limit: int) -> None:
        """Open or make the file. Raises OSError."""
        self.limit = limit
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        self._threads = threading.Lock()
        self._pending = 0
        self._last: int | None = None

    @property
    def total(self) -> int:
        """Bytes kept or about to be; once it is closed what they were then, for metrics are read to the very end."""
        last = self._last
        return self._read()[0] if last is None else last

    def reserve(self, size: int) -> bool:
        """Take `size` bytes if there is room; `settle` them when they are in place, or not to be."""
        with self._alone():
            total, moved = self._read()
            if total + size > self.limit:
                return False
            self._write(total + size, moved + size)
            self._pending += size
            return True

    def settle(self, size: int, *, kept: bool) -> None:
        """End a reservation; the room of what was not kept is given back."""
        with self._threads:
            self._pending -= size
        if not kept:
            self.release(size)

    def release(self, size: int) -> None:
        """Give `size` bytes back."""
        with self._alone():
            total, moved = self._read()
            self._write(total - size, moved + size)

    def read(self) -> tuple[int, int]:
        """Return the sum, and what had moved by now without what is not in place yet, for `correct`."""
        with self._alone():
            total, moved = self._read()
            return total, moved - self._pending

    def correct(self, walked: int, before: tuple[int, int]) -> None:
        """Believe a walk begun at `before`, unless what moved meanwhile explains the difference."""
        with self._alone():
            total, moved = self._read()
            if abs(walked - before[0]) > moved - before[1]:
                self._write(total + walked - before[0], moved)

    def close(self) -> None:
        """Close the file."""
        self._last = self.total
        os.close(self._descriptor)

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        with self._threads:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX)
            try:
                yield
            finally:
                fcntl.flock(self._descriptor, fcntl.LOCK_UN)

    def _read(self) -> tuple[int, int]:
        data = os.pread(self._descriptor, _NUMBERS.size, 0)
        if len(data) != _NUMBERS.size:
            return 0, 0
        total, moved = _NUMBERS.unpack(data)
        return max(0, total), moved

    def _write(self, total: int, moved: int) -> None:
        os.pwrite(self._descriptor, _NUMBERS.pack(max(0, total), moved), 0)
