"""The judge in front of the routes: asks the limiter, remembers what is paid in advance, says no in words.

A hit in memory takes some ten microseconds, and a limiter may be a server away. So a client that asks often pays for a
handful of requests at once, and the rest of the handful is a look in a dictionary (`prepaid`). Nothing is admitted that
was not paid for: the handful is small against the burst, and what of it is never used was merely asked in vain.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from imagemill.errors import Quota, TooMany
from imagemill.observability.metrics import Metrics
from imagemill.throttling.bucket import Demand, Verdict
from imagemill.throttling.clients import client_of
from imagemill.throttling.port import Limiter
from imagemill.throttling.routes import Route, RouteLimits

HANDFUL = 16
"""Requests paid for at once at most."""
HANDFUL_OF_BURST = 64
"""And at most this part of the narrowest burst, so that a burst in two processes is short by 2/64 at worst; a burst
below twice that is counted one by one."""
MAX_PREPAID = 10_000
"""Addresses with a handful; when there are more, all handfuls are forgotten, paid as they are."""
SENTENCES = {
    "account": "This site is asked more often than it allows; please wait.",
    "wrong_keys": "This client has sent too many wrong keys; until it waits, none is looked at.",
}
"""What the refused reads; for the others a route and a client are named from the bucket."""


class Gate:
    """Judges requests by route and client."""

    def __init__(self, limiter: Limiter, limits: Mapping[Route, RouteLimits], metrics: Metrics) -> None:
        """`limits` are those of `routes.limits_of`; a route that is not in them is open."""
        self._limiter = limiter
        self._limits = limits
        self._metrics = metrics
        self._prepaid: dict[str, int] = {}
        self._handful = 0
        if Route.DELIVERY in limits:
            self._handful = min(HANDFUL, int(limits[Route.DELIVERY].smallest_burst / HANDFUL_OF_BURST))

    def judges(self, route: Route) -> bool:
        """Whether the route has a limit."""
        return route in self._limits

    def prepaid(self, address: str) -> bool:
        """Whether a picture for this address has been paid for already; if so, it is now used."""
        left = self._prepaid.get(address, 0)
        if left:
            self._prepaid[address] = left - 1
            return True
        return False

    async def admit(self, route: Route, address: str) -> tuple[Quota, ...]:
        """Take a token from each bucket of the route and return what is left in them; raise TooMany."""
        limits = self._limits.get(route)
        if limits is None:
            return ()
        client = client_of(address)
        known = address in self._prepaid
        if route is Route.DELIVERY and self._handful > 1 and known:
            demands = limits.demands(client, float(self._handful))
            if (await self._limiter.take(demands)).met:
                self._prepaid[address] = self._prepaid.get(address, 0) + self._handful - 1
                return ()
        demands = limits.demands(client)
        verdict = await self._limiter.take(demands)
        quotas = quotas_of(demands, verdict)
        if not verdict.met:
            self._metrics.count("imagemill_refusals", demands[verdict.refused or 0].bucket.name)
            raise _refusal(demands, verdict, quotas)
        if route is Route.DELIVERY and self._handful > 1 and not known:
            if len(self._prepaid) >= MAX_PREPAID:
                self._prepaid.clear()
            self._prepaid[address] = 0
        return quotas


class Attempts:
    """Calls of the control API with a wrong key or none, counted for each client of this node (threat O2).

    Counted before the key is looked at and given back when it is right: so no number of calls at once gets through,
    and who has the key never meets the limit, unless somebody at its own address uses it up.
    """

    def __init__(self, limiter: Limiter, limits: RouteLimits | None, metrics: Metrics) -> None:
        """`limits` None: not counted. The limiter is this node's own: a flood must not become another server's."""
        self._limiter = limiter
        self._limits = limits
        self._metrics = metrics

    async def begin(self, address: str) -> None:
        """Count a call of which nothing is known yet; raise TooMany before its key is looked at."""
        if self._limits is None:
            return
        demands = self._limits.demands(client_of(address))
        verdict = await self._limiter.take(demands)
        if not verdict.met:
            self._metrics.count("imagemill_refusals", "wrong_keys")
            raise _refusal(demands, verdict, quotas_of(demands, verdict))

    async def right(self, address: str) -> None:
        """The key was right: the call is not counted."""
        if self._limits is not None:
            for demand in self._limits.demands(client_of(address)):
                await self._limiter.give(demand)


def quotas_of(demands: tuple[Demand, ...], verdict: Verdict) -> tuple[Quota, ...]:
    """Return what clients may know of the buckets: their size, what is left, and for how long."""
    found = []
    for place, (demand, level) in enumerate(zip(demands, verdict.levels, strict=True)):
        bucket = demand.bucket
        refused = place == verdict.refused
        full = (bucket.burst - level) / bucket.rate if bucket.rate > 0 else 0.0
        found.append(
            Quota(
                name=bucket.name,
                limit=int(bucket.burst),
                window=max(1, math.ceil(bucket.burst / bucket.rate)) if bucket.rate > 0 else 0,
                left=0 if refused else max(0, int(level)),
                # Retry-After and RateLimit must name the same moment (draft section "Server Behavior").
                reset=max(1, math.ceil(verdict.wait)) if refused else max(0, math.ceil(full)),
            )
        )
    return tuple(found)


def _refusal(demands: tuple[Demand, ...], verdict: Verdict, quotas: tuple[Quota, ...]) -> TooMany:
    name = demands[verdict.refused or 0].bucket.name
    route, _, client = name.partition("_")
    sentence = SENTENCES.get(name) or (
        f"This client asks {route} more often than its share; please wait."
        if client
        else f"More is asked of {route} than this site allows; please wait."
    )
    return TooMany(sentence, retry_after=verdict.wait, quotas=quotas)
