"""Variants on a local disk, between memory and a store that is somewhere else (row E1 in a cluster; threat C9).

A hit here costs a file's read instead of a request over the network, survives a restart, and goes on while the store is
away. It is a help and never the truth: a full or broken disk is bypassed, a damaged file fetched again. What is
forgotten is gone when the call returns, for every process that shares the folder; a fill that was overtaken is told by
its caller (`delivery.fills`).

A small file that the kernel has in memory is read in place (`RWF_NOWAIT`): that takes some ten microseconds, a turn of
a thread a hundred. Where a file system cannot tell, it is read in place until that once took long.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import time
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from pathlib import Path

from imagemill.cache.disk_shelf import DiskShelf
from imagemill.object_store.durable import translated
from imagemill.object_store.threads import DISTRUST_SECONDS, SLOW_SECONDS, Threads
from imagemill.variants.port import Kept, VariantName

_CANNOT_TELL = frozenset({errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS})
MOST_HIDDEN = 1000
"""Purges that a failing disk could not carry out; beyond it the whole site is hidden."""
BYPASS_SECONDS = 10.0
"""For how long nothing is written after the disk refused."""

log = logging.getLogger(__name__)


class DiskCache:
    """At most `max_bytes` of variants below `root`. Belongs to one event loop; processes may share the folder."""

    def __init__(
        self, root: Path, max_bytes: int, *, threads: int = 4, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """What is there is kept; leftovers of a crash are removed, and everything counted, in the background.

        Raises Refused, Overloaded or StorageFull where the folder cannot be made.
        """
        with translated("open the folder of the disk cache"):
            self._shelf = DiskShelf(str(root.resolve()), max_bytes)
        self._threads = Threads("disk-cache", threads)
        self._housekeeper = Threads("disk-cache-housekeeper", 1)
        self._clock = clock
        self._can_tell = hasattr(os, "RWF_NOWAIT")
        self._slow_until = 0.0
        self._bypass_until = 0.0
        self._hidden: list[tuple[str, str]] = []
        self._undropped: set[tuple[str, str]] = set()
        self._tidying: Future[None] | None = None
        self._work: list[Future[None]] = []
        self._tidy_soon()

    @property
    def used_bytes(self) -> int:
        """Bytes of disk taken, by all processes that share the folder."""
        return self._shelf.count.total

    def near(self, name: VariantName) -> Kept | None:
        """Return the variant if that takes no time; None says nothing of whether it is here."""
        if (self._hidden or self._undropped) and self._is_hidden(name):
            return None
        if self._can_tell:
            try:
                return self._shelf.near(name)
            except OSError as error:
                if error.errno not in _CANNOT_TELL:
                    return None
                self._can_tell = False
        began = self._clock()
        if began < self._slow_until:
            return None
        kept = self._shelf.get(name)
        if self._clock() - began > SLOW_SECONDS:
            self._slow_until = self._clock() + DISTRUST_SECONDS
        return kept

    async def get(self, name: VariantName) -> Kept | None:
        """Return the variant, None when it is not here; that much is found out in place, as every new one is a miss."""
        if self._is_hidden(name) or not self._shelf.has(name):
            return None
        kept = await self._threads.run(partial(self._shelf.get, name))
        return None if self._is_hidden(name) else kept

    async def put(self, name: VariantName, kept: Kept) -> bool:
        """Write the variant; False where there is no room for it, in the cache or on the disk."""
        if self._clock() < self._bypass_until or self._is_hidden(name) or 8 * len(kept.data) > self._shelf.count.limit:
            return False  # one picture must not empty the cache
        try:
            written = await self._threads.run(partial(self._shelf.put, name, kept))
        except OSError as error:
            self._bypass_until = self._clock() + BYPASS_SECONDS
            reason = os.strerror(error.errno) if error.errno else "unknown error"
            log.warning("The disk cache is bypassed for %g s: %s", BYPASS_SECONDS, reason)
            self._tidy_soon()
            return False
        if not written:
            self._tidy_soon()
        if self._is_hidden(name):
            self._shelf.forget(name.site, name.key, name.leaf)
        return written

    def forget(self, site: str, key: str, leaf: str | None = None) -> int:
        """Drop every variant of an original, or the one `leaf`; return how many."""
        try:
            count = self._shelf.forget(site, key, leaf)
        except OSError as error:
            self._hide_for_good(site, key, error)
            return 0
        if count:
            self._start(self._shelf.empty_trash)
        return count

    async def forget_prefix(self, site: str, prefix: str) -> int:
        """Drop every variant of every key that begins with `prefix`; from the call on none of them is a hit."""
        hidden = (site, prefix)
        self._hidden.append(hidden)
        try:
            return await self._housekeeper.run(partial(self._shelf.forget_prefix, site, prefix))
        except OSError as error:
            self._hide_for_good(site, prefix, error)
            return 0
        finally:
            self._hidden.remove(hidden)
            self._start(self._shelf.empty_trash)

    def _hide_for_good(self, site: str, prefix: str, error: OSError) -> None:
        """Never serve what a failing disk does not let us remove; a purge and a change of an original go on without.

        A start after that carries purges out again, as far as they were not noted (`note_purges`).
        """
        reason = os.strerror(error.errno) if error.errno else "unknown error"
        log.warning("The disk cache cannot drop what was purged, and hides it: %s", reason)
        self._undropped.add((site, "" if len(self._undropped) >= MOST_HIDDEN else prefix))

    async def clear(self) -> None:
        """Drop everything."""
        await self._housekeeper.run(self._shelf.clear)

    async def purges_seen(self) -> int | None:
        """Return the number of the newest purge that was carried out here, None where that is not known."""
        return await self._threads.run(self._shelf.purges_seen)

    async def note_purges(self, number: int) -> None:
        """Remember that purges up to `number` were carried out here, for a start after a time away."""
        try:
            await self._threads.run(partial(self._shelf.note_purges, number))
        except OSError as error:
            log.warning("The disk cache could not note a purge, which will come again: %s", error.strerror)

    async def settled(self) -> None:
        """Wait until what runs in the background has ended."""
        for future in (*self._work, *([self._tidying] if self._tidying else [])):
            await asyncio.wrap_future(future)

    async def close(self) -> None:
        """Finish what is being written."""
        await self.settled()
        self._threads.close()
        self._housekeeper.close()
        self._shelf.close()

    def _is_hidden(self, name: VariantName) -> bool:
        hidden = (*self._hidden, *self._undropped)
        return any(name.site == site and name.key.startswith(prefix) for site, prefix in hidden)

    def _tidy_soon(self) -> None:
        if self._tidying is None or self._tidying.done():
            self._tidying = self._housekeeper.start(self._tidy)

    def _tidy(self) -> None:
        try:
            self._shelf.tidy()
        except OSError as error:
            log.warning("The disk cache could not be tidied: %s", error.strerror)

    def _start(self, work: Callable[[], None]) -> None:
        self._work = [one for one in self._work if not one.done()]
        self._work.append(self._housekeeper.start(work))
