"""A purge through every layer: this process's caches, the variant store, the other processes, the CDN (row E2).

    note → caches → store → note → caches → log → CDN

Noted and forgotten twice, because a hit that is read from the store while the store is being emptied must not stay
(`fills`). The other processes are told when the store is empty, or they would fill themselves from it again. Until they
have heard of it, one of them may still keep what it made before, and the rest of us read that: so where others share
the store, the purge is carried out once more when all have heard. The CDN comes last, for it fills itself from us; it
may take its time, so it is only asked to (`cdn.queue`).
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable, Mapping
from pathlib import Path

from imagemill.cdn.port import Backlog, Purger
from imagemill.cdn.queue import CdnQueue
from imagemill.delivery.cache_tags import tag_of, tag_of_word
from imagemill.delivery.fills import Fills
from imagemill.delivery.purge_log import PurgeLog
from imagemill.delivery.purge_target import PurgeTarget
from imagemill.delivery.receipt import DONE, FAILED, PENDING, Receipt, read_receipt, written_receipt
from imagemill.errors import ImagemillError
from imagemill.object_store.port import ObjectStore
from imagemill.observability.logging import events
from imagemill.variants.port import VariantStore

Forget = Callable[[PurgeTarget], Awaitable[None]]
"""Drops what a cache of this process or node holds of a target."""
MAX_RECEIPTS = 1000
TELL_SECONDS = 5.0
"""For how long a CDN may take to answer where somebody else can ask it."""
ONCE_MORE_SECONDS = 3.0
"""When every process has heard of a purge, each looking every second, and has removed what it kept meanwhile."""


class Purging:
    """Every way in which something stops being kept while its original stays."""

    def __init__(
        self,
        *,
        site: str,
        variants: VariantStore,
        fills: Fills,
        caches: Mapping[str, Forget],
        shared: ObjectStore | None = None,
        cdn: Purger | None = None,
        backlog: Backlog | None = None,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
        announce: Callable[[], None] = lambda: None,
        copy: Path | None = None,
    ) -> None:
        """`caches` by the name of their layer; `shared` is the store of the log, None where nobody shares with us.

        `backlog` takes what the CDN did not take in the time that there is; None: this process goes on asking.
        `pause` waits for so many seconds before a purge is carried out once more; `announce` is called when there is
        something new in the log; `copy` as in `PurgeLog`.
        """
        self._announce = announce
        self._pause = pause
        self.site = site
        self._variants = variants
        self._fills = fills
        self._caches = caches
        self._log = None if shared is None else PurgeLog(shared, site, self._apply, copy=copy)
        self._purger = cdn
        self._backlog = backlog
        self._left: dict[str, set[str]] = {}
        given_up = None if backlog is None else self._give_up
        self._cdn = None if cdn is None else CdnQueue(cdn, finished=self._cdn_finished, given_up=given_up)
        self._receipts: OrderedDict[str, Receipt] = OrderedDict()
        self._tasks: set[asyncio.Task[None]] = set()

    # --- of one process --------------------------------------------------------------------------------------------

    async def purge(self, target: PurgeTarget) -> Receipt:
        """Remove what `target` names everywhere and return how far that has come. Raises what the stores raise."""
        removed = await self._remove_everywhere(target)
        return await self._receipt(removed, target=target, tags=(target.tag,))

    async def purge_tagged(self, word: str, keys: list[str]) -> Receipt:
        """Remove the variants of the originals `keys`, which are those tagged `word`."""
        removed = 0
        for key in keys:
            removed += await self._remove_everywhere(PurgeTarget(site=self.site, key=key))
        return await self._receipt(removed, word=word, tags=(tag_of_word(word),))

    def receipt(self, number: str) -> Receipt | None:
        """Return what became of an earlier purge of any process; None where it is not, or no longer, known."""
        found = self._receipts.get(number)
        if found is None:
            noted = None if self._log is None else self._log.receipt(number)
            return None if noted is None else read_receipt(self.site, number, noted)
        if found.layers.get("cdn") is None or self._cdn is None:
            return found
        return found.of_cdn(self._cdn.state(number), found.reason)

    def _cdn_finished(self, number: str, state: str, reason: str) -> None:
        found = self._receipts.get(number)
        if found is not None:
            self._receipts[number] = found.of_cdn(state, reason)
            self._start(self._note(self._receipts[number]))

    async def _note(self, receipt: Receipt) -> None:
        if self._log is not None:
            await self._log.note(receipt.id, written_receipt(receipt))

    def changed(self, key: str, state: str) -> None:
        """Have the CDN drop an original that was replaced, described or deleted; `state` is its version, or "gone".

        Only the first process that notices does it.
        """
        if self._purger is not None and self._backlog is not None:
            self._start(self._tell_or_leave(self._purger, key, state))
        elif self._cdn is not None:
            self._start(self._tell_cdn(key, state))

    async def changing(self, key: str) -> None:
        """Have the CDN told of a change that begins now, though this process may be ended before it can do so.

        Where the backlog does not take that, the change goes on: only if this process is ended as well is it missed.
        """
        if self._purger is None or self._backlog is None:
            return
        try:
            async with asyncio.timeout(TELL_SECONDS):
                await self._backlog.changing(key)
        except (ImagemillError, TimeoutError) as error:
            events().warning("cdn.change_not_announced", detail=str(error), key=key)

    async def tell(self, purger: Purger, key: str, state: str) -> None:
        """Have `purger` drop a changed original now, unless a CDN was told of this `state`; raises CdnError.

        For callers who are called again where it fails, as `changed` may not be lost by: the state is noted when the
        CDN has taken the purge, so that a purge may come twice but never not at all.
        """
        if self._log is not None and self._log.told(key) == state:
            return
        await purger.purge((tag_of(self.site, key),))
        await self.note_told(key, state)

    async def _tell_or_leave(self, purger: Purger, key: str, state: str) -> None:
        """Tell the CDN now, or leave it to the backlog: only what the CDN has taken is noted as told."""
        try:
            async with asyncio.timeout(TELL_SECONDS):
                await self.tell(purger, key, state)
        except (ImagemillError, TimeoutError) as error:
            events().warning("cdn.purge_left", detail=str(error), key=key)
            self._give_up(tag_of(self.site, key), set())

    def _give_up(self, tag: str, numbers: set[str]) -> None:
        self._left.setdefault(tag, set()).update(numbers)

    async def taken(self, numbers: Iterable[str]) -> None:
        """Note that the CDN has taken these purges of another process, which left them to this one."""
        await self._note_of_others(numbers, DONE, "")

    async def not_taken(self, numbers: Iterable[str], reason: str) -> None:
        """Note that these purges of another process are given up, and why; who asks for them again may note `taken`."""
        await self._note_of_others(numbers, FAILED, reason)

    async def _note_of_others(self, numbers: Iterable[str], state: str, reason: str) -> None:
        if self._log is None:
            return
        await self._log.refresh()
        for number in numbers:
            noted = self._log.receipt(number)
            if noted is not None:
                await self._note(read_receipt(self.site, number, noted).of_cdn(state, reason))

    async def note_told(self, key: str, state: str) -> None:
        """Note that no CDN needs to be told of this `state`: nobody can have asked for it before."""
        if self._log is not None:
            await self._log.claim(key, state)

    async def _remove_everywhere(self, target: PurgeTarget) -> int:
        removed = await self._remove(target)
        if self._log is not None:
            await self._log.append(target)
            self._announce()
            self._start(self._once_more(target, self._log))
        return removed

    async def _once_more(self, target: PurgeTarget, log: PurgeLog) -> None:
        await self._pause(ONCE_MORE_SECONDS)
        await self._remove(target)
        await log.append(target)
        self._announce()

    async def _remove(self, target: PurgeTarget) -> int:
        self._fills.purge(target)
        await self._forget(target)
        try:
            return await self._variants.purge(target.site, key=target.key, prefix=target.prefix, leaf=target.leaf)
        finally:
            await self._fills.kept(target)
            self._fills.purge(target)
            await self._forget(target)

    async def _forget(self, target: PurgeTarget) -> None:
        for forget in self._caches.values():
            await forget(target)

    async def _receipt(
        self,
        removed: int,
        *,
        tags: tuple[str, ...],
        target: PurgeTarget | None = None,
        word: str | None = None,
    ) -> Receipt:
        number = secrets.token_hex(8)
        layers = {**dict.fromkeys(self._caches, DONE), "store": DONE}
        if self._log is not None:
            layers["nodes"] = DONE
        if self._cdn is not None:
            self._cdn.add(number, tags)
            layers["cdn"] = PENDING
        receipt = Receipt(number, target, word, layers, removed, time.time())
        self._receipts[number] = receipt
        while len(self._receipts) > MAX_RECEIPTS:
            self._receipts.popitem(last=False)
        await self._note(receipt)
        return receipt

    # --- of the others ---------------------------------------------------------------------------------------------

    async def load(self) -> None:
        """Begin to follow the purges of the other processes."""
        if self._log is not None:
            await self._log.load()

    async def refresh(self) -> bool:
        """Apply the purges of other processes since the last look; raises what the store raises."""
        return self._log is not None and await self._log.refresh()

    @property
    def last(self) -> int:
        """The number of the newest purge that was applied here; 0 where nobody shares with us."""
        return 0 if self._log is None else self._log.last

    def since(self, number: int) -> tuple[PurgeTarget, ...] | None:
        """Return what was purged after `number`; None where that cannot be known any more."""
        return () if self._log is None else self._log.since(number)

    def _apply(self, target: PurgeTarget) -> None:
        self._fills.purge(target)
        self._start(self._apply_now(target))

    async def _apply_now(self, target: PurgeTarget) -> None:
        await self._forget(target)
        # We may have kept these after the other process had emptied the store, and before we heard of it.
        for name in self._fills.kept_lately(target):
            await self._variants.purge(name.site, key=name.key, leaf=name.leaf)
        self._fills.purge(target)
        await self._forget(target)

    async def _tell_cdn(self, key: str, state: str) -> None:
        assert self._cdn is not None
        first = True
        if self._log is not None:
            try:
                first = await self._log.claim(key, state)
            except ImagemillError as error:
                events().warning("purge.not_agreed", detail=error.sentence)  # rather twice than never
        if first:
            self._cdn.add(None, (tag_of(self.site, key),))

    def _start(self, work: Awaitable[None]) -> None:
        task = asyncio.ensure_future(self._guarded(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _guarded(self, work: Awaitable[None]) -> None:
        try:
            await work
        except (ImagemillError, OSError) as error:
            events().warning("purge.failed", detail=str(error))

    async def settled(self) -> None:
        """Wait until what was begun behind an answer is done, but for what only the CDN has to do."""
        while self._tasks:
            await asyncio.wait(self._tasks)  # not `gather`: of ended tasks Python 3.12 gives no turn to their callbacks

    async def told(self, seconds: float) -> bool:
        """As `settled`, and wait for the CDN `seconds` at most; say whether nothing is left to be told to it.

        What is left goes to the backlog, where there is one; what becomes of it stands in the log then.
        """
        await self.settled()
        told = self._cdn is None or await self._cdn.idle(seconds)
        if self._cdn is not None and self._backlog is not None:
            await self._cdn.surrender()
            told = await self._leave(self._backlog)
        await self.settled()  # what is noted of that
        return told

    async def _leave(self, backlog: Backlog) -> bool:
        """Give what the CDN did not take to the backlog; False where that takes nothing, so that it comes next time."""
        if not self._left:
            return True
        try:
            await backlog.purges(self._left.items())
        except ImagemillError as error:
            events().error("cdn.purge_not_left", detail=error.sentence, tags=list(self._left)[:10])
            return False
        for numbers in self._left.values():
            for number in numbers:
                self._receipts.pop(number, None)  # from now on the log knows more of it
        self._left.clear()
        return True

    async def close(self) -> None:
        """Finish what was begun; what the CDN was not yet asked is asked now, briefly."""
        await self.settled()
        if self._cdn is not None:
            await self._cdn.close()
        if self._backlog is not None:
            await self._backlog.close()
