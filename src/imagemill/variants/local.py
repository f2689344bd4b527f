"""The variant store in a folder that a web server can serve beside us. See `paths` for where things lie.

What an operator should know: at most `max_bytes` are kept; then those unread for longest go until a tenth is free.
Reads by a web server count only where its disk keeps atimes (`relatime`, Linux's default; see `walking`), hits in the
memory in front of us by what `reads` tells.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from functools import partial
from pathlib import Path

from imagemill.object_store.durable import translated
from imagemill.object_store.threads import Brief, Threads
from imagemill.variants.ledger import Ledger
from imagemill.variants.oldest import newest_to_go, packed, size_in
from imagemill.variants.paths import Paths, check_purge, check_version
from imagemill.variants.port import NO_HEADERS, FileHeaders, Kept, Reads, VariantInfo, VariantName, stamp_of
from imagemill.variants.shelf import Shelf
from imagemill.variants.walking import everything, mend_after_power_cut
from imagemill.variants.workshop import Workshop

MAX_WAITING_FOR_ROOM = 64
"""Keeps that wait for a trim with their bytes in memory; further ones are dropped."""
log = logging.getLogger(__name__)


class LocalVariants:
    """Kept variants as files below `root`. See `port.VariantStore`."""

    def __init__(
        self, root: Path, *, max_bytes: int, max_per_original: int, threads: int = 8, reads: Reads = dict
    ) -> None:
        """Leftovers of a crash are removed, and what is there is counted, in the background.

        `reads` is asked before each trim.
        Raises Refused, Overloaded or StorageFull where the folder cannot be made.
        """
        self._ledger = Ledger(max_bytes)
        with translated("open the folder of variants"):
            paths = Paths(str(root.resolve()))
            self._workshop = Workshop(paths)
        self._reads = reads
        self._shelf = Shelf(paths, self._workshop, self._ledger, max_per_original)
        self._threads = Threads("variants", threads)
        self._brief = Brief(self._threads)
        self._housekeeper = Threads("variants-housekeeper", 1)
        self._making_room = asyncio.Lock()
        self._waiting = 0
        self._tasks: list[Future[None]] = []
        self._start(self._begin)

    async def publish(self, site: str, key: str, version: str, *, followed: bool = True) -> None:
        """Make `version` the current one; when this returns, no reader of `current` sees another, or any."""
        check_version(version)
        with translated("publish a version"):
            await self._threads.run(partial(self._shelf.publish, site, key, version, followed=followed))
        self._start(self._workshop.empty_trash)

    async def withdraw(self, site: str, key: str) -> None:
        """Remove everything made of `key`."""
        with translated("withdraw an original"):
            await self._threads.run(partial(self._shelf.withdraw, site, key))
        self._start(self._workshop.empty_trash)

    async def fetch(self, name: VariantName) -> Kept | None:
        """Return the variant's bytes; a file that is damaged or cannot be read is a miss.

        Every new variant is a miss first, so that is found out here: a look at a name costs some microseconds, a turn
        of a thread a hundred. Reading may wait for the disk and has a thread.
        """
        if not self._shelf.has(name):
            return None
        return await self._threads.run(partial(self._shelf.fetch, name))

    async def keep(
        self, name: VariantName, data: bytes, *, modified: float | None = None, headers: FileHeaders = NO_HEADERS
    ) -> bool:
        """Keep a variant; where the store is full this waits until the oldest have gone."""
        if not self._ledger.reserve(len(data)):
            await self._make_room(len(data))
            if not self._ledger.reserve(len(data)):
                return False
        return await self._brief.run(partial(self._shelf.keep, name, data, modified))

    async def list(self, site: str, key: str) -> tuple[VariantInfo, ...]:
        """Return what is kept of the current version."""
        return await self._threads.run(partial(self._shelf.infos, site, key))

    async def purge(
        self, site: str, *, key: str | None = None, prefix: str | None = None, leaf: str | None = None
    ) -> int:
        """Remove variants of one key, or of all with a prefix; with `leaf` only those of that name."""
        check_purge(key, prefix, leaf)
        if key is not None:
            work = partial(self._shelf.purge, self._shelf.paths.home(site, key), leaf)
        else:
            work = partial(self._shelf.purge_prefix, site, prefix or "", leaf)
        with translated("purge variants"):
            return await self._threads.run(work)

    async def read_record(self, site: str, key: str) -> bytes | None:
        """Return the original's record."""
        with translated("read a record", to_read=True):
            return await self._threads.run(partial(self._shelf.read_record, site, key))

    async def write_record(self, site: str, key: str, record: bytes) -> str:
        """Replace the original's record; durable when this returns."""
        with translated("write a record"):
            await self._threads.run(partial(self._shelf.write_record, site, key, record))
        return stamp_of(record) or ""

    async def record_stamp(self, site: str, key: str) -> str | None:
        """Return the mark of the original's record: of its bytes, for a file's times may be equal after two changes."""
        return stamp_of(await self.read_record(site, key))

    def usage(self) -> int:
        """Return the bytes kept; until the walk of the start has ended, of this process alone."""
        return self._ledger.total

    async def trim(self) -> int:
        """Count everything anew, remove leftovers, and what was not read for longest if there is too much."""
        async with self._making_room:
            return await self._housekeeper.run(partial(self._trim, 0, self._reads()))

    async def settled(self) -> None:
        """Wait until what runs in the background has ended: the walk of the start, the emptying of the trash."""
        for task in list(self._tasks):
            await asyncio.wrap_future(task)

    async def close(self) -> None:
        """Finish what is being kept and removed."""
        await self.settled()
        self._threads.close()
        self._housekeeper.close()
        self._workshop.close()

    async def _make_room(self, coming: int) -> None:
        """Trim once, however many wait for it."""
        if coming > self._ledger.limit or self._waiting >= MAX_WAITING_FOR_ROOM:
            return
        self._waiting += 1
        try:
            async with self._making_room:
                if self._ledger.total + coming > self._ledger.limit:  # the one before us may have made enough
                    await self._housekeeper.run(partial(self._trim, coming, self._reads()))
        finally:
            self._waiting -= 1

    def _start(self, work: Callable[[], None]) -> None:
        self._tasks = [task for task in self._tasks if not task.done()]
        self._tasks.append(self._housekeeper.start(work))

    def _begin(self) -> None:
        """Do what a start owes: remove leftovers, mend, count."""
        self._workshop.remove_leftovers()
        self._workshop.empty_trash()
        removed = mend_after_power_cut(self._shelf.paths)
        if removed:
            log.warning("The machine was restarted: %d variants written just before are made again.", removed)
        before = self._ledger.read()
        self._ledger.correct(sum(seen.size for seen in everything(self._shelf.paths)), before)

    def _trim(self, coming: int, reads: Mapping[VariantName, int]) -> int:
        """Remove the longest unread until a tenth is free, in two walks; `coming` 0 only if there is too much."""
        self._workshop.remove_leftovers()
        self._workshop.empty_trash()
        for name, read_ns in reads.items():
            self._shelf.mark_read(name, read_ns)
        before = self._ledger.read()
        numbers = [packed(seen.read_ns, seen.size) for seen in everything(self._shelf.paths)]
        self._ledger.correct(sum(map(size_in, numbers)), before)
        if not coming and self._ledger.total <= self._ledger.limit:
            return 0
        excess = self._ledger.excess(coming)
        newest = newest_to_go(numbers, excess)
        removed = 0
        for seen in everything(self._shelf.paths):
            if excess <= 0:
                break
            if seen.read_ns <= newest and (gone := self._shelf.remove_unread(seen.path, newest)):
                excess -= gone
                removed += 1
        return removed
