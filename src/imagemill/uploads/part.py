"""The bytes of one upload so far, and the one rule that lets a client go on after any crash.

What the journal says is safe is safe: bytes are synced to the disk first, the journal after them, and only then is a
client told. Bytes behind the journal's offset may be anything after a power cut, so they are cut off before the next is
written. A long PATCH is made safe every `CHECKPOINT` bytes, so that a killed server costs its client no more than that.

Separate from `quarantine`, which knows the folder and the locks.
"""

# ruff: noqa: PTH108
# Paths here are strings, as in `object_store.local`.

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial

import msgspec

from imagemill.object_store.durable import translated, write_all, write_file
from imagemill.object_store.threads import Threads
from imagemill.originals.uploads import check_whole, too_large
from imagemill.uploads.checksum import Checksum

PART = ".part"
JOURNAL = ".json"
WANTED = ".wanted"
CHECKPOINT = 8 * 1024 * 1024
READ_BYTES = 1024 * 1024


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """What the journal says: bytes that are safe, and what the client declared (`length` None: not yet)."""

    offset: int = 0
    length: int | None = None
    metadata: str = ""
    begun: bool = False


def read_progress(path: str) -> Progress | None:
    """Return the journal at `path`; None where there is none, or none that can be read (it is replaced as a whole)."""
    try:
        with open(path, "rb") as file:  # noqa: PTH123 - as above
            return msgspec.json.decode(file.read(), type=Progress)
    except (OSError, msgspec.MsgspecError):
        return None


class Part:
    """The bytes of one upload, held by whoever has this object until `release` or `remove`."""

    def __init__(
        self, path: str, descriptor: int, threads: Threads, reserve: Callable[[int, int], Awaitable[None]]
    ) -> None:
        """Take over the locked `descriptor` of `path` + ".part"; blocks for a moment.

        `reserve` makes the file of a descriptor so long if there is room, as `Quarantine.reserve`.
        """
        self._path = path
        self._descriptor = descriptor
        self._threads = threads
        self._reserve = reserve
        self.progress = read_progress(path + JOURNAL) or Progress()
        size = os.fstat(descriptor).st_size
        if size < self.progress.offset:  # only a damaged disk can do that
            self.progress = msgspec.structs.replace(self.progress, offset=size)
        os.ftruncate(descriptor, self.progress.offset)

    @property
    def offset(self) -> int:
        """Bytes that are safe."""
        return self.progress.offset

    @property
    def whole(self) -> bool:
        """Whether all declared bytes are here."""
        return self.progress.length is not None and self.progress.offset == self.progress.length

    async def declare(self, *, length: int | None, metadata: str | None = None) -> None:
        """Note durably what the client says of the whole."""
        said = self.progress.metadata if metadata is None else metadata
        await self._note(msgspec.structs.replace(self.progress, length=length, metadata=said, begun=True))

    async def receive_whole(self, chunks: AsyncIterator[bytes], *, most: int, declared: int | None) -> None:
        """Receive all bytes in one go, from the beginning; safe all at once, or nothing is kept.

        Raises what `append` raises, and InvalidRequest (`empty_body`, `incomplete_body`) where they are not `declared`.
        """
        self.progress = Progress()
        size = await self._write_all(chunks, most, None, expected=declared, keep=False)
        check_whole(size, declared)
        await self._make_safe(msgspec.structs.replace(self.progress, offset=size, length=size, begun=True))

    async def append(
        self, chunks: AsyncIterator[bytes], *, most: int, expected: int | None = None, checksum: Checksum | None = None
    ) -> None:
        """Append `chunks`, `expected` bytes where that is known, and make them safe; the file may have `most` in all.

        Where the client goes, or anything fails, what came is kept, unless a checksum stands for the bytes. Raises
        TooLarge at the first byte over `most`, whatever `chunks` raises, StorageFull, and what `checksum` raises.
        """
        offset = await self._write_all(chunks, most, checksum, expected=expected, keep=checksum is None)
        await self._make_safe(self._at(offset))

    async def _write_all(
        self,
        chunks: AsyncIterator[bytes],
        most: int,
        checksum: Checksum | None,
        *,
        expected: int | None,
        keep: bool,
    ) -> int:
        """Write `chunks` behind the offset and return where they end; only what is to be kept is made safe now.

        The room for what comes next is taken before it comes: many who send at once would find it free each.
        """
        began = at = safe = self.offset
        end = most if expected is None else min(most, began + expected)
        try:
            await self._reserve(self._descriptor, min(end, at + CHECKPOINT))
            async for chunk in chunks:
                if at + len(chunk) > most:
                    raise too_large(most)
                if checksum is not None:
                    checksum.update(chunk)
                with translated("keep the upload"):
                    await self._threads.run(partial(self._write, chunk, at))
                at += len(chunk)
                if at - safe >= CHECKPOINT:
                    safe = at
                    if keep:
                        await self._make_safe(self._at(at))
                    await self._reserve(self._descriptor, max(at, min(end, at + CHECKPOINT)))
            if checksum is not None:
                checksum.check()
        except BaseException:
            await asyncio.shield(self._after_failure(at if keep else began))
            raise
        return at

    async def chunks(self) -> AsyncIterator[bytes]:
        """Yield the bytes from the beginning."""
        at = 0
        while at < self.offset:
            with translated("read an upload", to_read=True):
                data = await self._threads.run(partial(os.pread, self._descriptor, READ_BYTES, at))
            if not data:
                return
            at += len(data)
            yield data

    async def release(self) -> None:
        """Let others have it; the bytes stay."""
        await self._threads.run(self.close)

    async def remove(self) -> None:
        """Remove the bytes and let go."""
        await self._threads.run(self._remove)

    def close(self) -> None:
        """Close the file, and with it the lock; safe to call twice."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)

    async def _after_failure(self, offset: int) -> None:
        """Keep what is good; the disk may be the very thing that failed, and then the journal still says what is."""
        with contextlib.suppress(Exception):
            if offset > self.offset:
                await self._make_safe(self._at(offset))
            with translated("keep the upload"):
                await self._threads.run(partial(os.ftruncate, self._descriptor, self.offset))

    def _at(self, offset: int) -> Progress:
        return msgspec.structs.replace(self.progress, offset=offset, begun=True)

    async def _make_safe(self, progress: Progress) -> None:
        with translated("keep the upload"):
            await self._threads.run(partial(self._sync, progress.offset))
        await self._note(progress)

    async def _note(self, progress: Progress) -> None:
        if progress == self.progress:
            return
        write = partial(
            write_file, f"{self._path}.new", self._path + JOURNAL, msgspec.json.encode(progress), durable=True
        )
        with translated("keep the upload"):
            await self._threads.run(write)
        self.progress = progress

    def _sync(self, end: int) -> None:
        os.ftruncate(self._descriptor, end)  # less what was reserved
        os.fdatasync(self._descriptor)

    def _write(self, chunk: bytes, at: int) -> None:
        os.lseek(self._descriptor, at, os.SEEK_SET)
        write_all(self._descriptor, chunk)

    def _remove(self) -> None:
        for ending in (JOURNAL, ".new", WANTED, PART):
            with contextlib.suppress(OSError):
                os.unlink(self._path + ending)
        self.close()
