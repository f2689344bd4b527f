"""Bytes fetched from the store become a descriptor: in memory while they are few, in an unlinked file beyond that.

A worker maps a descriptor, whatever the store; nothing of it has a name, so a crash leaves nothing behind.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import tempfile
from functools import partial
from pathlib import Path

from imagemill.object_store.durable import write_all
from imagemill.object_store.port import ObjectInfo
from imagemill.object_store.s3.found import Found
from imagemill.object_store.threads import Threads

IN_MEMORY = 16 * 1024 * 1024
"""Bytes up to which an object is held in memory: nearly every original; a few of 500 MB at once must not be."""
_SEALS = fcntl.F_SEAL_WRITE | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_SEAL


class S3Object:
    """An object open for reading; see `port.OpenObject`."""

    def __init__(self, info: ObjectInfo, descriptor: int) -> None:
        self._info = info
        self._descriptor = descriptor

    @property
    def info(self) -> ObjectInfo:
        """What it is."""
        return self._info

    def fileno(self) -> int:
        """Return the descriptor, for reading only."""
        if self._descriptor < 0:
            raise ValueError("the object is closed")
        return self._descriptor

    def close(self) -> None:
        """Release the descriptor; safe to call twice."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)


class Fetching:
    """Where a fetch puts its bytes; see `connection.Sink`."""

    def __init__(self, spool: Path, threads: Threads) -> None:
        """`spool` is the folder for long objects; its disk is written in `threads`."""
        self._spool = spool
        self._threads = threads
        self._descriptor = -1
        self._in_memory = True

    def start(self, found: Found) -> None:
        """Open a new, empty place of the right kind."""
        self.close()
        self._in_memory = found.size <= IN_MEMORY
        self._descriptor = memory_file() if self._in_memory else nameless(self._spool)

    async def write(self, chunk: bytes | memoryview) -> None:
        """Append; memory takes it at once."""
        if self._in_memory:
            write_all(self._descriptor, chunk)
        else:
            await self._threads.run(partial(write_all, self._descriptor, chunk))

    def done(self) -> int:
        """Give away the descriptor of the whole, which nobody can write to any more."""
        descriptor, self._descriptor = self._descriptor, -1
        if self._in_memory:
            fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, _SEALS)
            return descriptor
        try:
            return read_only(descriptor)
        finally:
            os.close(descriptor)

    def close(self) -> None:
        """Forget what came so far."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)


def memory_file() -> int:
    """Return an empty file in memory."""
    return os.memfd_create("imagemill", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)


def nameless(folder: Path) -> int:
    """Return an empty file on the disk of `folder` that has no name; raises OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(OSError):  # not every file system has files without a name
        return os.open(folder, os.O_RDWR | os.O_TMPFILE | os.O_CLOEXEC, 0o600)
    descriptor, path = tempfile.mkstemp(dir=folder)
    os.unlink(path)  # noqa: PTH108 - the string mkstemp gave
    return descriptor


def read_only(descriptor: int) -> int:
    """Return another descriptor of the same file, for reading alone."""
    return os.open(f"/proc/self/fd/{descriptor}", os.O_RDONLY | os.O_CLOEXEC)
