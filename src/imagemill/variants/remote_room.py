"""How many bytes a bucket of variants holds, and what goes when there is too much: found out by listing.

Separate from `remote`, which keeps and removes single originals. The sum is that of the last listing and what this
process did since; what other nodes keep is learned by the next one, so several nodes may pass the limit for a while.
When a variant was last read is known of this process only, and of others by when they kept it.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections import OrderedDict

from imagemill.errors import ImagemillError
from imagemill.variants.bucket import Bucket, objects, remove_all
from imagemill.variants.ledger import Ledger
from imagemill.variants.oldest import newest_to_go, packed, size_in
from imagemill.variants.port import Reads
from imagemill.variants.remote_names import RemoteNames, parts_of

MAX_WAITING = 64
"""Keeps that wait for a trim with their bytes in memory; further ones are dropped."""
ROOM_SECONDS = 10.0
"""For how long a keep waits for a trim: to list a large bucket takes minutes."""
COUNT_SECONDS = 6 * 3600.0
"""How often everything is counted anew: a request for each 1000 variants."""
MOST_USED = 100_000
"""Variants of which this process remembers when it last kept or fetched them."""
REMOVED_TOGETHER = 200

log = logging.getLogger(__name__)


class RemoteRoom:
    """The room in one bucket. Belongs to one event loop."""

    def __init__(self, bucket: Bucket, names: RemoteNames, ledger: Ledger, reads: Reads) -> None:
        """`reads` is asked before each trim."""
        self._bucket = bucket
        self._names = names
        self._ledger = ledger
        self._reads = reads
        self._used: OrderedDict[str, int] = OrderedDict()
        self._trimming: asyncio.Task[int] | None = None
        self._waiting = 0

    def use(self, path: str, read_ns: int | None = None) -> None:
        """Note that a variant was kept or fetched now (or at `read_ns`, in nanoseconds since 1970)."""
        self._used[path] = max(self._used.get(path, 0), time.time_ns() if read_ns is None else read_ns)
        self._used.move_to_end(path)
        if len(self._used) > MOST_USED:
            self._used.popitem(last=False)

    async def reserve(self, size: int) -> bool:
        """Take `size` bytes, after a trim where there is no room; False where that takes too long or does not help."""
        if self._ledger.reserve(size):
            return True
        if size > self._ledger.limit or self._waiting >= MAX_WAITING:
            return False
        self._waiting += 1
        try:
            if self._trimming is None or self._trimming.done():
                self._trimming = asyncio.create_task(self._trim(size))
            await asyncio.wait((self._trimming,), timeout=ROOM_SECONDS)
        finally:
            self._waiting -= 1
        return self._ledger.reserve(size)

    async def run(self) -> None:
        """Count everything now and then, beginning now, until cancelled."""
        while True:
            try:
                before = self._ledger.read()
                sizes = [one.size async for one in objects(self._bucket, "") if parts_of(one.key)]
                self._ledger.correct(sum(sizes), before)
            except ImagemillError as error:
                log.warning("Kept variants could not be counted: %s", error)
            await asyncio.sleep(COUNT_SECONDS * random.uniform(0.9, 1.1))  # noqa: S311 - spreads nodes in time

    async def trim(self) -> int:
        """Count everything anew and remove the longest unread if there is too much; return how many went."""
        if self._trimming is None or self._trimming.done():
            self._trimming = asyncio.create_task(self._trim(0))
        return await asyncio.shield(self._trimming)

    async def close(self) -> None:
        """Give up a trim under way."""
        if self._trimming is not None:
            self._trimming.cancel()
            await asyncio.gather(self._trimming, return_exceptions=True)

    async def _trim(self, coming: int) -> int:
        """Remove until a tenth is free, in two listings; `coming` 0 only if there is too much."""
        try:
            return await self._remove_longest_unread(coming)
        except ImagemillError as error:
            log.warning("Room for variants could not be made: %s", error)
            return 0

    async def _remove_longest_unread(self, coming: int) -> int:
        for name, read_ns in self._reads().items():
            self.use(self._names.variant(name), read_ns)
        before = self._ledger.read()
        numbers = [
            packed(self._read(one.key, one.modified), one.size)
            async for one in objects(self._bucket, "")
            if parts_of(one.key)
        ]
        self._ledger.correct(sum(map(size_in, numbers)), before)
        if not coming and self._ledger.total <= self._ledger.limit:
            return 0
        excess = self._ledger.excess(coming)
        newest = newest_to_go(numbers, excess)
        removed = 0
        going: list[tuple[str, int]] = []
        async for one in objects(self._bucket, ""):
            if excess <= 0:
                break
            if parts_of(one.key) and self._read(one.key, one.modified) <= newest:
                going.append((one.key, one.size))
                excess -= one.size
                if len(going) == REMOVED_TOGETHER:
                    removed += await self._remove(going)
        return removed + await self._remove(going)

    async def _remove(self, going: list[tuple[str, int]]) -> int:
        await remove_all(self._bucket, [path for path, _ in going])
        for path, size in going:
            self._used.pop(path, None)
            self._ledger.release(size)
        count = len(going)
        going.clear()
        return count

    def _read(self, path: str, modified: float) -> int:
        """Return when a variant was last read, as far as known."""
        return max(self._used.get(path, 0), int(modified * 1e9))
