"""Which originals have broken workers, so that a third one is not offered up (threats D18).

Kept in memory only: a restart forgives, and an upgrade that mends a decoder needs no clean-up. Separate from the pool
because it is plain policy on plain values.

A content that has once been decoded to the end here is no poison: where its jobs are killed, the recipe is to blame.
Its strikes then count for that recipe alone, otherwise two heavy recipes would let anyone put a stranger's picture out
of service.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable

from imagemill.errors import Unprocessable

STRIKES = 2
"""Kills after which the content is refused without a worker (contract, statuses: 422)."""

REMEMBERED_SECONDS = 3600.0
REMEMBERED_NAMES = 10_000
"""About 2 MB at worst; the oldest go first, which costs an attacker two more kills for each of ten thousand files."""


class Strikes:
    """Counts broken workers per content, and per content and recipe; forgets after `seconds` and beyond `names`."""

    def __init__(
        self,
        *,
        seconds: float = REMEMBERED_SECONDS,
        names: int = REMEMBERED_NAMES,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._seconds = seconds
        self._names = names
        self._clock = clock
        self._counts: OrderedDict[str, tuple[int, float]] = OrderedDict()
        self._sound: OrderedDict[str, None] = OrderedDict()

    def __len__(self) -> int:
        return len(self._counts)

    def refuse(self, digest: str, work: str) -> None:
        """Raise Unprocessable where this content, or this content with this `work`, has struck out."""
        if not self._counts:
            return
        if max(self._count(digest), self._count(self._both(digest, work))) >= STRIKES:
            raise Unprocessable(
                f"This image broke the limits of a job {STRIKES} times and is refused for a while.",
                code="too_complex",
            )

    def add(self, digest: str, work: str) -> int:
        """Count one broken worker; return how many this name has now."""
        name = self._both(digest, work) if digest in self._sound else digest
        count = self._count(name) + 1
        self._counts[name] = (count, self._clock() + self._seconds)
        self._counts.move_to_end(name)
        while len(self._counts) > self._names:
            self._counts.popitem(last=False)
        return count

    def sound(self, digest: str) -> None:
        """Note that this content was decoded to the end, and forgive what was held against it alone."""
        self._sound[digest] = None
        self._sound.move_to_end(digest)
        if len(self._sound) > self._names:
            self._sound.popitem(last=False)
        self._counts.pop(digest, None)

    def _count(self, name: str) -> int:
        count, until = self._counts.get(name, (0, 0.0))
        if count and until <= self._clock():
            del self._counts[name]
            return 0
        return count

    @staticmethod
    def _both(digest: str, work: str) -> str:
        return f"{digest} {work}"
