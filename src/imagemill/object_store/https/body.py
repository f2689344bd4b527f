"""The bytes of one answer: in memory while small, else in a file without a name; counted and hashed as they come.

Separate from `fetch`, which receives them, and from `store`, which keeps a few of them for a moment. Many readers may
have one body open: each gets a descriptor of its own that can only be read (see `descriptors`).
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from imagemill.object_store.descriptors import memory_file, nameless_file, read_only, seal
from imagemill.object_store.durable import write_all

IN_MEMORY = 1 << 20
"""Bytes up to which a body whose length is announced stays in memory."""


class Body:
    """Bytes that may be read by many; released when the last descriptor is closed."""

    def __init__(self, descriptor: int, size: int, sha256: str) -> None:
        self._descriptor = descriptor
        self.size = size
        self.sha256 = sha256

    def open(self) -> int:
        """Return a new descriptor, for reading only, with a position of its own; the caller closes it."""
        return read_only(self._descriptor)

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
        self._descriptor = memory_file() if self._sealed else nameless_file(scratch)
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
            seal(self._descriptor)
        descriptor, self._descriptor = self._descriptor, -1
        return Body(descriptor, self.size, self._digest.hexdigest())

    def abort(self) -> None:
        """Forget it; safe after `finish` and twice."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)
