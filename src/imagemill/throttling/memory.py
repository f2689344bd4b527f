"""Token buckets in this process: a dictionary, O(1) a request, bounded in number."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable

from imagemill.throttling.bucket import Demand, Verdict, judge, level_at

MAX_BUCKETS = 100_000
"""Buckets remembered (some 25 MB when full); the least recently asked goes first (threat O1: a million keys)."""


class MemoryLimiter:
    """Levels in memory; safe to use from several threads."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic, max_buckets: int = MAX_BUCKETS) -> None:
        """`clock` is in seconds and monotonic: setting the machine's clock changes nothing."""
        self._clock = clock
        self._max = max_buckets
        self._levels: OrderedDict[tuple[str, str], tuple[float, float]] = OrderedDict()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._levels)

    async def take(self, demands: tuple[Demand, ...]) -> Verdict:
        """Take from all buckets or none."""
        with self._lock:
            now = self._clock()
            verdict = judge(demands, [self._level(demand, now) for demand in demands])
            if verdict.met:
                for demand, level in zip(demands, verdict.levels, strict=True):
                    self._set(demand, level, now)
        return verdict

    async def give(self, demand: Demand) -> None:
        """Put tokens back."""
        with self._lock:
            now = self._clock()
            self._set(demand, min(demand.bucket.burst, self._level(demand, now) + demand.tokens), now)

    async def close(self) -> None:
        """There is nothing to let go of."""

    def _level(self, demand: Demand, now: float) -> float:
        known = self._levels.get((demand.bucket.name, demand.key))
        return demand.bucket.burst if known is None else level_at(demand.bucket, known[0], now - known[1])

    def _set(self, demand: Demand, level: float, now: float) -> None:
        name = (demand.bucket.name, demand.key)
        self._levels[name] = (level, now)
        self._levels.move_to_end(name)
        if len(self._levels) > self._max:
            self._levels.popitem(last=False)
