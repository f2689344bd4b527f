"""The bytes of one answer: in memory while small, else in a file without a name; counted and hashed as they come.

Separate from `fetch`, which receives them, and from `store`, which keeps a few of them for a moment. Many readers may
have one body open: each gets a descriptor of its own that can only be read, and a sealed memfd or a file of mode 0400
under it, for a worker that was taken over must not change what the next one reads.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
from pathlib import Path

from imagemill.object_store.durable import write_all

IN_MEMORY = 1 << 20
"""Bytes up to which a body whose length is announced stays in memory."""
_SEALS = fcntl.F_SEAL_WRITE | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_SEAL


class Body:
    """Bytes that may be read by many; released when the last descriptor is closed."""

    def __init__(self, descriptor: int, size: int, sha256: str) -> None:
        self._descriptor = descriptor
        self.size = size
        self.sha256 = sha256

    def open(self) -> int:
        """Return a new descriptor, for reading only, with a position of its own; the caller closes it."""
        return os.open(f"/proc/self/fd/{self._descriptor}", os.O_RDONLY | os.O_CLOEXEC)

    def close(self) -> None:
        """Give up this hold; safe to call twice."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)


class Filling:
    """A body being received."""

    def __init__(self, scratch: Path, announced: int | None) -> None:
        """`scratch` is a folder on a disk; `announced` the length the host has promised, if any. Raises OSError."""
        self._sealed = announced is not None and announced <= IN_MEMORY
        if self._sealed:
            self._descriptor = os.memfd_create("imagemill", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        else:
            self._descriptor = os.open(scratch, os.O_TMPFILE | os.O_RDWR | os.O_CLOEXEC, 0o400)
        self._digest = hashlib.sha256()
        self.size = 0

    def write(self, chunk: bytes) -> None:
        """Append; raises OSError when there is no room."""
        write_all(self._descriptor, chunk)
        self._digest.update(chunk)
        self.size += len(chunk)

    def finish(self) -> Body:
        """Return what came; nobody can change it any more."""
        if self._sealed:
            fcntl.fcntl(self._descriptor, fcntl.F_ADD_SEALS, _SEALS)
        descriptor, self._descriptor = self._descriptor, -1
        return Body(descriptor, self.size, self._digest.hexdigest())

    def abort(self) -> None:
        """Forget it; safe after `finish` and twice."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)
