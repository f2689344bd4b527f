"""What one client may make transcode: a bucket of CPU-seconds for each address (contract "Access"; threat A4).

Making costs, hitting does not. The estimate is taken before the make and corrected by what it really cost. The levels
are kept where all rates are (`throttling`): in this process, shared by those of a node, or by all nodes through Redis.
"""

from __future__ import annotations

from imagemill.errors import TooMany
from imagemill.observability.metrics import Metrics
from imagemill.throttling.bucket import Bucket, Demand
from imagemill.throttling.clients import client_of
from imagemill.throttling.port import Limiter

__all__ = ["Spending", "client_of"]


class Spending:
    """The bucket of each client, in CPU-seconds."""

    def __init__(self, limiter: Limiter, *, burst: float, rate: float, metrics: Metrics | None = None) -> None:
        """`burst` in CPU-seconds, `rate` in CPU-seconds per second; `limiter` is shared, and closed by who made it."""
        self._limiter = limiter
        self._bucket = Bucket("make", rate, burst)
        self._metrics = metrics

    async def take(self, client: str, seconds: float) -> None:
        """Spend `seconds`; raise TooMany with the time after which the same request succeeds.

        A make dearer than a whole bucket may go when the bucket is full: what one job may cost is the engine's limit.
        """
        verdict = await self._limiter.take((Demand(self._bucket, client, seconds),))
        if verdict.met:
            return
        if self._metrics is not None:
            self._metrics.count("imagemill_refusals", "make")
        raise TooMany(
            "This client asked for more new variants than its share; those already made are not affected.",
            retry_after=verdict.wait,
        )

    async def correct(self, client: str, seconds: float) -> None:
        """Give back (or take, when negative) the difference between an estimate and the true cost."""
        await self._limiter.give(Demand(self._bucket, client, seconds))
