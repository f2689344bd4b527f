"""The folder where unchecked bytes wait, on the node that receives them.

    <data>/.imagemill/quarantine/<id>.part    the bytes
    <data>/.imagemill/quarantine/<id>.json    how many of them are safe, and what the client said of the whole
    <data>/.imagemill/quarantine/<id>.wanted  another process asks the one that holds them to let go

Every process of the node may go on with an upload: `hold` takes a flock(2) on the bytes, which the kernel drops with a
process that dies. Separate from the store of originals: nothing here is under a key, listed or served.
"""

# ruff: noqa: PTH118
# Paths here are strings, as in `object_store.local`: the calls are those of the system, with its flags.

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import time
from functools import partial
from pathlib import Path

from imagemill.errors import Conflict, StorageFull
from imagemill.object_store.durable import translated
from imagemill.object_store.threads import Threads
from imagemill.uploads.part import JOURNAL, PART, WANTED, Part, Progress, read_progress

OPEN_FLAGS = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC


class Quarantine:
    """The bytes of all unfinished uploads of a node."""

    def __init__(self, folder: Path, room: int) -> None:
        """`room` is how many bytes may wait here in all; the folder is made when first needed."""
        self._folder = str(folder)
        self._room = room
        self._threads = Threads("quarantine", 4)
        self._reserving = asyncio.Lock()

    async def hold(self, upload_id: str) -> Part:
        """Return the bytes of an upload, held by the caller alone until `release`.

        Raises Conflict (`upload_locked`) where somebody holds them, StorageFull, Overloaded.
        """
        with translated("begin an upload"):
            return await self._threads.run(partial(self._hold, upload_id), discard=Part.close)

    async def want(self, upload_id: str) -> None:
        """Ask whoever holds an upload's bytes to let go; it is asked until somebody else holds them."""
        with translated("ask for an upload"):
            await self._threads.run(Path(self._folder, upload_id + WANTED).touch)

    async def wanted(self, upload_id: str) -> bool:
        """Whether another process asks for bytes that we hold: one look for a name."""
        return await self._threads.run(Path(self._folder, upload_id + WANTED).exists)

    async def progress(self, upload_id: str) -> Progress | None:
        """Return how far an upload has come, None where this node has nothing of it."""
        return await self._threads.run(partial(read_progress, os.path.join(self._folder, upload_id + JOURNAL)))

    async def used(self) -> int:
        """Return the bytes that wait here."""
        return await self._threads.run(self._used)

    async def check_room(self, more: int) -> None:
        """Raise StorageFull (`quarantine_full`) where `more` bytes find no room."""
        if await self.used() + more > self._room:
            raise StorageFull(
                "There is no room for more unfinished uploads (uploads.quarantine_bytes); please try again later.",
                code="quarantine_full",
            )

    async def reserve(self, descriptor: int, end: int) -> None:
        """Make a file of ours `end` bytes long, by a hole where nothing is yet; raise StorageFull as `check_room` does.

        So bytes that are still to come count, for every process of the node. A file is never made shorter.
        """
        async with self._reserving:
            with translated("keep the upload"):
                before = await self._threads.run(partial(_lengthen, descriptor, end))
            try:
                await self.check_room(0)
            except StorageFull:
                await self._threads.run(partial(os.ftruncate, descriptor, before))
                raise

    async def ids(self) -> dict[str, float]:
        """Return the ids of what waits here with the seconds since it was last written."""
        return await self._threads.run(self._ids)

    async def drop(self, upload_id: str) -> bool:
        """Remove the bytes of an upload; False where somebody holds them, or there were none."""
        if upload_id not in await self.ids():
            return False
        try:
            part = await self.hold(upload_id)
        except Conflict:
            return False
        await part.remove()
        return True

    def close(self) -> None:
        """End the threads."""
        self._threads.close()

    def _hold(self, upload_id: str) -> Part:
        os.makedirs(self._folder, 0o700, exist_ok=True)  # noqa: PTH103 - as above
        path = os.path.join(self._folder, upload_id)
        while True:
            descriptor = os.open(path + PART, OPEN_FLAGS, 0o600)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if os.fstat(descriptor).st_nlink:
                    with contextlib.suppress(FileNotFoundError):
                        os.unlink(path + WANTED)  # noqa: PTH108 - as above
                    return Part(path, descriptor, self._threads, self.reserve)
            except BlockingIOError:
                os.close(descriptor)
                raise Conflict(
                    "This upload is being written by another request; ask again in a moment.", code="upload_locked"
                ) from None
            except BaseException:
                os.close(descriptor)
                raise
            os.close(descriptor)  # its holder has just removed it; the next round makes a new one

    def _used(self) -> int:
        total = 0
        for entry in self._entries():
            with contextlib.suppress(OSError):
                total += entry.stat(follow_symlinks=False).st_size
        return total

    def _ids(self) -> dict[str, float]:
        now = time.time()
        found: dict[str, float] = {}
        for entry in self._entries():
            with contextlib.suppress(OSError):
                age = now - entry.stat(follow_symlinks=False).st_mtime
                name = entry.name.split(".", 1)[0]
                found[name] = min(age, found.get(name, age))
        return found

    def _entries(self) -> list[os.DirEntry[str]]:
        try:
            with os.scandir(self._folder) as entries:
                return list(entries)
        except FileNotFoundError:
            return []


def _lengthen(descriptor: int, end: int) -> int:
    """Make a file so long and return how long it was."""
    before = os.fstat(descriptor).st_size
    if end > before:
        os.ftruncate(descriptor, end)
    return before
