"""Bytes fetched from the store become a descriptor: in memory while they are few, in a nameless file beyond that."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path

from imagemill.object_store.descriptors import memory_file, nameless_file, read_only, seal
from imagemill.object_store.durable import write_all
from imagemill.object_store.s3.found import Found
from imagemill.object_store.threads import Threads

IN_MEMORY = 16 * 1024 * 1024
"""Bytes up to which an object is held in memory: nearly every original; a few of 500 MB at once must not be."""


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
        self._descriptor = memory_file() if self._in_memory else nameless_file(self._spool)

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
            seal(descriptor)
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
