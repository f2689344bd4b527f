"""What one client may make transcode: a bucket of CPU-seconds for each address (contract "Access"; threat A4).

Making costs, hitting does not. The estimate is taken before the make and corrected by what it really cost. A client is
an IPv4 address or an IPv6 /64, because a /64 is what one household or one machine gets.
"""

from __future__ import annotations

import ipaddress
import time
from collections import OrderedDict
from collections.abc import Callable

from imagemill.errors import TooMany

MAX_CLIENTS = 100_000
"""Buckets remembered; the least recently seen goes first. A forgotten client starts full, which costs us one burst."""


def client_of(address: str) -> str:
    """Return the name under which `address` spends: itself, or its /64 for IPv6."""
    if ":" not in address:
        return address
    try:
        parsed = ipaddress.IPv6Address(address.split("%", 1)[0])
    except ValueError:
        return address
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.IPv6Network((parsed, 64), strict=False).network_address) + "/64"


class Spending:
    """Token buckets in CPU-seconds; O(1) each, bounded in number."""

    def __init__(self, *, burst: float, rate: float, clock: Callable[[], float] = time.monotonic) -> None:
        """`burst` in CPU-seconds, `rate` in CPU-seconds per second; `clock` must be monotonic."""
        self._burst = burst
        self._rate = rate
        self._clock = clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, client: str, seconds: float) -> None:
        """Spend `seconds`; raise TooMany with the time after which the same request succeeds.

        A make dearer than a whole bucket may go when the bucket is full: what one job may cost is the engine's limit.
        """
        level = self._level(client)
        need = min(seconds, self._burst)
        if level < need:
            wait = (need - level) / self._rate if self._rate > 0 else 3600.0
            raise TooMany(
                "This client asked for more new variants than its share; those already made are not affected.",
                retry_after=wait,
            )
        self._set(client, level - seconds)

    def correct(self, client: str, seconds: float) -> None:
        """Give back (or take, when negative) the difference between an estimate and the true cost."""
        self._set(client, min(self._burst, self._level(client) + seconds))

    def _level(self, client: str) -> float:
        known = self._buckets.get(client)
        if known is None:
            return self._burst
        level, at = known
        return min(self._burst, level + (self._clock() - at) * self._rate)

    def _set(self, client: str, level: float) -> None:
        self._buckets[client] = (level, self._clock())
        self._buckets.move_to_end(client)
        if len(self._buckets) > MAX_CLIENTS:
            self._buckets.popitem(last=False)
