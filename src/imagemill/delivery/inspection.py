"""Everything known of an original: kept, or found out now, which costs like a make and is admitted like one.

Separate from `make`, whose results are variants with names and tiers; here there is one result for an original, kept in
its record. Many askers share one inspection, a client's bucket pays for it, and it waits for a slot like any transcode,
so that a flood of `/info` gets no further than one of `/img` (threats A4, O4).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from imagemill.delivery.admission import admitted
from imagemill.delivery.cache_status import COLLAPSED, FROM_STORE, MADE
from imagemill.delivery.coalesce import Coalescer, Flight
from imagemill.delivery.slots import Slots
from imagemill.delivery.spend import Spending
from imagemill.engine.cost import check_affordable
from imagemill.engine.findings import Findings
from imagemill.engine.inspection import estimate_inspection
from imagemill.engine.limits import Limits
from imagemill.engine.port import Engine
from imagemill.engine.settings import EngineSettings
from imagemill.errors import Conflict
from imagemill.observability.metrics import Metrics
from imagemill.originals.library import Originals
from imagemill.originals.values import Original, source_of


class Inspector:
    """Tells everything of originals, each decoded once however many ask."""

    def __init__(
        self,
        *,
        originals: Originals,
        engine: Engine,
        slots: Slots,
        spending: Spending,
        metrics: Metrics,
        settings: EngineSettings,
        limits: Limits,
    ) -> None:
        """Everything is shared with the rest of delivery; the coalescer is its own."""
        self._originals = originals
        self._engine = engine
        self._slots = slots
        self._spending = spending
        self._metrics = metrics
        self._settings = settings
        self._limits = limits
        self._flights: Coalescer[tuple[Findings, bytes]] = Coalescer()

    async def known(self, original: Original) -> Findings | None:
        """Return what was found out before; nothing is decoded."""
        return await self._originals.findings.read(original)

    async def locate(self, key: str) -> Original:
        """Return the original of `key`; nothing is decoded. Raises what `Originals.locate` does."""
        return await self._originals.locate(key)

    async def inspect(self, key: str, client: str, *, pays: bool = True) -> tuple[Original, Findings, bytes]:
        """Return the original of `key`, its findings, and how they came as a Cache-Status (RFC 9211).

        `client` waits in its own queue and, where it `pays`, spends from its bucket. Raises what `locate` raises and
        what a make would: TooMany, Overloaded, Unprocessable, NotAnImage.
        """
        try:
            return await self._inspect(key, client, pays=pays)
        except Conflict:  # replaced in between
            return await self._inspect(key, client, pays=pays)

    async def _inspect(self, key: str, client: str, *, pays: bool) -> tuple[Original, Findings, bytes]:
        original = await self._originals.locate(key)
        known = await self.known(original)
        if known is not None:
            return original, known, FROM_STORE
        name = (original.key, original.info.etag)
        (findings, status), collapsed = await self._flights.join(name, self._work(original, client, pays=pays))
        return original, findings, COLLAPSED if collapsed and status is MADE else status

    def _work(
        self, original: Original, client: str, *, pays: bool
    ) -> Callable[[Flight[tuple[Findings, bytes]]], Awaitable[tuple[Findings, bytes]]]:
        async def work(flight: Flight[tuple[Findings, bytes]]) -> tuple[Findings, bytes]:
            known = await self.known(original)  # the flight before this one may just have landed
            if known is not None:
                return known, FROM_STORE
            findings = await self._admitted(original, client, flight, pays=pays)
            await self._originals.findings.keep(original, findings)
            return findings, MADE

        return work

    async def _admitted(
        self, original: Original, client: str, flight: Flight[tuple[Findings, bytes]], *, pays: bool
    ) -> Findings:
        cost = estimate_inspection(original.facts, self._limits)
        check_affordable(cost, self._settings)
        spending = self._spending if pays else None
        async with admitted(flight, client, cost.cpu_seconds, slots=self._slots, spending=spending):
            with self._metrics.stage("inspect"):
                return await self._look(original)

    async def _look(self, original: Original) -> Findings:
        opened = await self._originals.open(original)
        try:
            return await self._engine.inspect(source_of(opened), original.facts)
        finally:
            opened.close()

    async def drain(self) -> None:
        """Finish what is being found out."""
        await self._flights.drain()
