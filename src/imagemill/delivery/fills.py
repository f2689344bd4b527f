"""Fills that a purge has overtaken: a variant made or read before a purge must not come back after it (threat C8).

A fill begins with a mark; before it puts its bytes anywhere it asks whether a purge that covers them came since. A
purge is noted before it removes anything and again when it is done, so that a fill that read the old bytes in between
is overtaken as well. What was kept a moment before a purge became known here (another process made it) is told by
`kept_lately`, so that it can be removed again.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from imagemill.delivery.purge_target import PurgeTarget
from imagemill.variants.port import VariantName

REMEMBERED = 60.0
"""Seconds a purge is remembered: longer than any fill, which has 8 s in the queue and 10 s at work."""
MOST = 10_000
"""Purges and kept variants remembered; a fill older than the oldest of them counts as overtaken."""
LATELY = 10.0
"""Seconds: a purge is known to every process within two."""


@dataclass(frozen=True, slots=True)
class _Noted:
    number: int
    at: float
    target: PurgeTarget


class Fills:
    """All fills of one process; calls belong to one event loop."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """`clock` is monotonic, in seconds."""
        self._clock = clock
        self._number = 0
        self._forgotten = 0
        self._purges: deque[_Noted] = deque()
        self._keeping: dict[asyncio.Future[None], VariantName] = {}
        self._kept: deque[tuple[float, VariantName]] = deque(maxlen=MOST)

    def begin(self) -> int:
        """Return the mark of a fill that begins now."""
        return self._number

    def overtaken(self, mark: int, name: VariantName) -> bool:
        """Whether a purge that covers `name` came since `mark`."""
        if mark == self._number:
            return False
        if mark < self._forgotten:
            return True
        return any(noted.number > mark and noted.target.covers(name) for noted in reversed(self._purges))

    def last_purge(self, name: VariantName) -> int:
        """Return the number of the newest purge that covers `name`, 0 where none is remembered."""
        return next((noted.number for noted in reversed(self._purges) if noted.target.covers(name)), 0)

    def purge(self, target: PurgeTarget) -> None:
        """Note a purge: what covers it and began before is overtaken."""
        now = self._clock()
        self._number += 1
        self._purges.append(_Noted(self._number, now, target))
        while len(self._purges) > MOST or self._purges[0].at < now - REMEMBERED:
            self._forgotten = self._purges.popleft().number

    @contextmanager
    def keeping(self, name: VariantName) -> Iterator[None]:
        """Say that `name` is being kept in the variant store, and removed again if a purge comes meanwhile."""
        ended = asyncio.get_running_loop().create_future()
        self._keeping[ended] = name
        try:
            yield
        finally:
            self._kept.append((self._clock(), name))
            del self._keeping[ended]
            ended.set_result(None)

    async def kept(self, target: PurgeTarget) -> None:
        """Wait for what is being kept and `target` covers: a purge is not done while a late one still lies there."""
        await asyncio.gather(*(ended for ended, name in self._keeping.items() if target.covers(name)))

    def kept_lately(self, target: PurgeTarget) -> set[VariantName]:
        """Return what this process kept in the last `LATELY` seconds and `target` covers."""
        since = self._clock() - LATELY
        return {name for at, name in self._kept if at >= since and target.covers(name)}
