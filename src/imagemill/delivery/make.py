"""A variant that is made now: spend, wait for a slot, open the original, render, answer, keep afterwards.

The answer goes out as soon as the bytes exist; keeping them happens behind it, because a variant can always be made
again. A maker whose original was replaced or deleted meanwhile answers its own askers, who asked before that, and keeps
nothing. Where nothing runs behind an answer (`keep_first`), it is kept before, and the originals are looked at once
more after that: nobody would come later to remove what was overtaken, nor to drop its answer from a CDN.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import time
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from imagemill.cache.memory import MemoryCache
from imagemill.delivery.admission import admitted
from imagemill.delivery.cache_status import COLLAPSED, FROM_STORE, MADE
from imagemill.delivery.cache_tags import PLAIN, Tagging
from imagemill.delivery.coalesce import Coalescer, Flight
from imagemill.delivery.file_headers import file_headers
from imagemill.delivery.fills import Fills
from imagemill.delivery.layers import superseded
from imagemill.delivery.recall import recall_far
from imagemill.delivery.slots import Slots
from imagemill.delivery.spend import Spending
from imagemill.delivery.turns import Turns
from imagemill.delivery.values import Plan, Variant
from imagemill.engine.port import Engine, Rendered
from imagemill.errors import Conflict, ImagemillError
from imagemill.observability.metrics import Metrics
from imagemill.originals.library import Originals
from imagemill.originals.values import Original, source_of
from imagemill.variants.port import Kept, VariantStore

if TYPE_CHECKING:  # it reads through ctypes; a platform on a local disk has none
    from imagemill.cache.disk import DiskCache

MAX_KEEPING = 256
"""Variants being written behind their answers; beyond it makers wait for the disk, so that memory stays bounded."""


class Maker:
    """Makes variants, each once however many ask."""

    def __init__(
        self,
        *,
        originals: Originals,
        variants: VariantStore,
        engine: Engine,
        cache: MemoryCache,
        slots: Slots,
        spending: Spending,
        metrics: Metrics,
        fills: Fills | None = None,
        turns: Turns | None = None,
        disk: DiskCache | None = None,
        keep_first: bool = False,
        tagging: Tagging = PLAIN,
    ) -> None:
        """Everything is shared with the rest of delivery; the coalescer is its own.

        `turns` tells who makes, where several processes or nodes do; without, this process alone. `keep_first` answers
        when the variant is kept, or cannot be: `Variant.stored` tells which. `tagging` is how answers
        are tagged, and what is kept in a bucket with them.
        """
        self._originals = originals
        self._variants = variants
        self._engine = engine
        self._cache = cache
        self._slots = slots
        self._spending = spending
        self._metrics = metrics
        self._fills = fills or Fills()
        self._turns = turns or Turns()
        self._disk = disk
        self._keep_first = keep_first
        self._tagging = tagging
        self._flights: Coalescer[Variant] = Coalescer()
        self._keeping: set[asyncio.Task[None]] = set()

    @property
    def under_way(self) -> int:
        """How many different variants are being looked up or made."""
        return len(self._flights)

    async def make(self, plan: Plan, client: str) -> Variant:
        """Return the variant from the store or freshly made; `client` pays for a make."""
        # Who asks after a purge must not be answered by a fill that began before it.
        flight = (plan.name, self._fills.last_purge(plan.name))
        variant, collapsed = await self._flights.join(flight, self._work(plan, client))
        return replace(variant, status=COLLAPSED) if collapsed and variant.status is MADE else variant

    def _work(self, plan: Plan, client: str) -> Callable[[Flight[Variant]], Awaitable[Variant]]:
        async def work(flight: Flight[Variant]) -> Variant:
            mark = self._fills.begin()
            with self._metrics.stage("recall"):
                known = await self._recall(plan, mark)
            if known is not None:
                return known
            # Before a lease, which may be a server away, and a budget: a refusal must cost nothing (threat O4).
            self._slots.check(client, plan.job.estimate)
            turn = await self._turns.await_turn(str(plan.name), lambda: self._recall(plan, mark))
            if isinstance(turn, Variant):
                return replace(turn, status=COLLAPSED)
            async with contextlib.AsyncExitStack() as held:
                held.push_async_callback(turn.release)
                return await self._make(plan, client, flight, mark, held)

        return work

    async def _make(
        self, plan: Plan, client: str, flight: Flight[Variant], mark: int, held: contextlib.AsyncExitStack
    ) -> Variant:
        """Make the variant; `held` is released when it is kept, so that who waits for it elsewhere finds it."""
        rendered, timing = await self._render(plan, client, flight)
        kept = Kept(rendered.data, hashlib.sha256(rendered.data).hexdigest(), plan.modified)
        if self._keep_first:
            return Variant(kept, MADE, timing, stored=await self._keep_now(plan, kept, mark))
        await self._keep_later(plan, kept, mark, held)
        return Variant(kept, MADE, timing)

    async def _keep_now(self, plan: Plan, kept: Kept, mark: int) -> bool:
        """Keep the variant and say whether it is there now, made of originals that still are what they were.

        Raises Conflict where one is another by now, or is shown to fewer people: a CDN that was told of that already
        would keep this answer under its address for good, and is told no second time (threat G8).
        """
        if not plan.storable or not await self._keep(plan, kept, mark):
            return False
        for original in plan.originals:
            if await self._originals.confirm(original):
                continue
            name = plan.name
            with contextlib.suppress(ImagemillError):  # the store is away: its next look at the original tidies
                await self._variants.purge(name.site, key=name.key, leaf=name.leaf)
            seen = self._originals.last_seen(original.key)
            if seen is None or seen.kept_under != original.kept_under:
                raise Conflict("The original changed while its variant was made; ask again.", code="original_changed")
            return False
        return True

    async def _recall(self, plan: Plan, mark: int) -> Variant | None:
        """Return the variant from the disk or the store; what came from far away is written to the disk behind it."""
        known = await recall_far(plan, self._cache, self._variants, lambda: self._still(mark, plan), self._disk)
        if known is not None and known.status is FROM_STORE and self._disk is not None:
            await self._behind(self._write(self._disk, plan, known.kept, mark))
        return known

    async def _write(self, disk: DiskCache, plan: Plan, kept: Kept, mark: int) -> None:
        """Write a variant to the disk cache, unless a purge overtakes that."""
        name = plan.name
        if self._still(mark, plan) and await disk.put(name, kept) and not self._still(mark, plan):
            disk.forget(name.site, name.key, name.leaf)

    async def _render(self, plan: Plan, client: str, flight: Flight[Variant]) -> tuple[Rendered, bytes]:
        estimate = plan.job.estimate
        async with admitted(flight, client, estimate, slots=self._slots, spending=self._spending) as waited:
            self._metrics.observe("queue", waited)
            began = time.perf_counter()
            with self._metrics.stage("render"):
                rendered = await self._render_now(plan)
            timing = _timing(queue=waited, render=time.perf_counter() - began)
        await self._spending.correct(client, estimate - rendered.cpu_seconds)
        self._metrics.made(plan.format.value, plan.original.info.size, len(rendered.data), rendered.cpu_seconds)
        return rendered, timing

    async def _render_now(self, plan: Plan) -> Rendered:
        with contextlib.ExitStack() as opened:
            sources = []
            for original in plan.originals:
                one = await self._originals.open(original)
                opened.callback(one.close)
                sources.append(source_of(one))
            return await self._engine.render(sources[0], plan.job, sources[1:])

    def _is_present(self, original: Original) -> bool:
        present = self._originals.last_seen(original.key)
        return present is not None and present.version == original.version

    def _still(self, mark: int, plan: Plan) -> bool:
        """Whether no purge has overtaken the fill that began at `mark`."""
        return not self._fills.overtaken(mark, plan.name)

    async def _keep_later(self, plan: Plan, kept: Kept, mark: int, held: contextlib.AsyncExitStack) -> None:
        if not self._still(mark, plan):
            return
        if all(map(self._is_present, plan.originals)):
            self._cache.put(plan.name, kept)
        elif plan.layers:
            return  # its name holds the versions of its layers: the variant store cannot know that they are gone
        if not plan.storable:
            return
        await self._behind(self._keep_and_release(plan, kept, mark, held.pop_all()))

    async def _behind(self, work: Coroutine[Any, Any, None]) -> None:
        """Do `work` behind the answer, as soon as there is room for one more such."""
        while len(self._keeping) >= MAX_KEEPING:
            await asyncio.wait(self._keeping, return_when=asyncio.FIRST_COMPLETED)
        task = asyncio.create_task(work)
        self._keeping.add(task)
        task.add_done_callback(self._keeping.discard)

    async def _keep_and_release(self, plan: Plan, kept: Kept, mark: int, held: contextlib.AsyncExitStack) -> None:
        async with held:
            await self._keep(plan, kept, mark)

    async def _keep(self, plan: Plan, kept: Kept, mark: int) -> bool:
        """Keep the variant unless a purge has overtaken it; say whether the store has it."""
        if plan.layers:
            await self._forget_superseded(plan)
        if not self._still(mark, plan):
            return False
        name = plan.name
        if self._disk is not None:
            await self._write(self._disk, plan, kept, mark)
        with self._fills.keeping(name):
            headers = file_headers(plan.original, plan.layers, plan.format, self._tagging)
            stored = await self._variants.keep(name, kept.data, modified=kept.modified, headers=headers)
            if not self._still(mark, plan):
                await self._variants.purge(name.site, key=name.key, leaf=name.leaf)
                stored = False
        self._metrics.kept(stored=stored)
        return stored

    async def _forget_superseded(self, plan: Plan) -> None:
        """Remove what was made with layers that have been replaced: nobody will ask for it again."""
        name = plan.name
        listed = await self._variants.list(name.site, name.key)
        for leaf in superseded(name.leaf, [info.name.leaf for info in listed]):
            await self._variants.purge(name.site, key=name.key, leaf=leaf)

    async def drain(self) -> None:
        """Finish what is being made and kept."""
        await self._flights.drain()
        await asyncio.gather(*self._keeping, return_exceptions=True)


def _timing(*, queue: float, render: float) -> bytes:
    """Return the Server-Timing of a make: milliseconds waited for a slot and spent in the worker."""
    return b"queue;dur=%.1f, render;dur=%.1f" % (queue * 1000, render * 1000)
