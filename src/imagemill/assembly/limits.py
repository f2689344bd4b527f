"""Who counts how often somebody asks: this process, this node, or all nodes; and the judges that ask them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from imagemill.data_folder import DataFolder
from imagemill.delivery.spend import Spending
from imagemill.errors import ImagemillError, Kind
from imagemill.observability.metrics import Metrics
from imagemill.settings import Settings
from imagemill.throttling.gate import Attempts, Gate
from imagemill.throttling.memory import MemoryLimiter
from imagemill.throttling.port import Limiter
from imagemill.throttling.rates import read_rate
from imagemill.throttling.routes import RouteLimits, limits_of

if TYPE_CHECKING:  # its client costs 60 ms to import, and most platforms have none
    from imagemill.coordination.redis import SharedRedis

TABLE = "throttle"
"""The file of a node's buckets, in the folder of what lives no longer than the running server."""


@dataclass(frozen=True, slots=True)
class Throttling:
    """What counts and what judges: `gate` in front of routes, `attempts` in front of keys, `spending` before a make."""

    gate: Gate | None
    attempts: Attempts
    spending: Spending
    limiters: tuple[Limiter, ...]

    async def close(self) -> None:
        """Let go of the files."""
        for limiter in self.limiters:
            await limiter.close()


def build_throttling(
    settings: Settings, data: DataFolder, metrics: Metrics, *, cores: int, redis: SharedRedis | None
) -> Throttling:
    """Return the judges of `settings`; `cores` is how many workers make, `redis` what nodes share, if anything."""
    node = _node_limiter(settings, data)
    shared: Limiter = node
    if redis is not None:
        from imagemill.throttling.fallback import FallbackLimiter
        from imagemill.throttling.redis import RedisLimiter

        shared = FallbackLimiter(RedisLimiter(redis), node, nodes=settings.throttle.nodes)
    limits = limits_of(settings.throttle)
    tries = read_rate(settings.throttle.wrong_keys, "wrong_keys")
    return Throttling(
        gate=Gate(shared, limits, metrics) if limits else None,
        attempts=Attempts(node, None if tries is None else RouteLimits((), tries), metrics),
        spending=Spending(
            shared,
            burst=settings.limits.client_burst * cores,
            rate=settings.limits.client_rate * cores,
            metrics=metrics,
        ),
        limiters=(shared,),
    )


def _node_limiter(settings: Settings, data: DataFolder) -> Limiter:
    """Return who counts for this node: one process counts in memory, several in a table that they map."""
    if settings.server.processes < 2:
        return MemoryLimiter()
    from imagemill.throttling.table import TableLimiter

    try:
        return TableLimiter(data.own / "run" / TABLE)
    except OSError as error:
        raise ImagemillError(
            f"The table of rates that the processes share cannot be opened ({error.strerror}).",
            code="cannot_share",
            kind=Kind.INTERNAL,
        ) from None
