"""What is decided while Redis is away: each node counts for itself, and admits its share.

The other two answers were rejected. To admit everything (as some limiters do) makes an attack on Redis an attack on the
makers behind it. To refuse everything makes a limiter, which no picture needs, a part that all pictures depend on.

A share is rate and burst divided by `throttle.nodes`. Local buckets start full, so that going over and coming back can
admit one burst in all more than the shared bucket would have: the documented price. With `throttle.nodes` left at 1 on
n nodes it is n bursts, and n times the rate while Redis is away.

A Redis that hangs costs one request its patience: from then on it is asked by one request at a time, at most once a
second, while the others are judged locally.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

from imagemill.errors import Overloaded
from imagemill.throttling.bucket import Demand, Verdict
from imagemill.throttling.port import Limiter

TRY_AGAIN = 1.0
"""Seconds between two looks whether Redis is back."""


class FallbackLimiter:
    """A shared limiter, and a local one for when it is away."""

    def __init__(
        self, shared: Limiter, local: Limiter, *, nodes: int = 1, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """`nodes` is how many share; `shared` raises Overloaded when it is away."""
        self._shared = shared
        self._local = local
        self._nodes = nodes
        self._clock = clock
        self._local_until = 0.0

    async def take(self, demands: tuple[Demand, ...]) -> Verdict:
        """Take from the shared buckets, or from this node's."""
        if self._may_ask():
            try:
                verdict = await self._shared.take(demands)
            except Overloaded:
                self._away()
            else:
                self._local_until = 0.0
                return verdict
        return await self._local.take(tuple(self._share(demand) for demand in demands))

    async def give(self, demand: Demand) -> None:
        """Put back where tokens are taken now; what was taken elsewhere is one demand's worth, and is let go."""
        if self._may_ask():
            try:
                await self._shared.give(demand)
            except Overloaded:
                self._away()
            else:
                self._local_until = 0.0
                return
        await self._local.give(self._share(demand))

    async def close(self) -> None:
        """Close both."""
        await self._shared.close()
        await self._local.close()

    def _may_ask(self) -> bool:
        """Whether to ask the shared one; while it is away, one asker in a second is told yes."""
        if not self._local_until:
            return True
        if self._clock() < self._local_until:
            return False
        self._away()
        return True

    def _away(self) -> None:
        self._local_until = self._clock() + TRY_AGAIN

    def _share(self, demand: Demand) -> Demand:
        return replace(demand, bucket=demand.bucket.share(self._nodes))
