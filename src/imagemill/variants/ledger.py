"""How many bytes are kept in all, without asking the disk each time.

Room is reserved before a variant is written and given back when it goes, so the total never passes its limit while
several are written at once. What other processes keep in the same folder is learned from a walk over it, at the start
and by every trim. A walk takes its time, and what this process writes and removes meanwhile may be in its sum or not;
so its sum counts only where it differs from ours by more than that.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass

TRIMMED_TO = 0.9
"""Share of the limit that a trim leaves, so that it need not come again with the next variant."""


@dataclass(frozen=True, slots=True)
class Reading:
    """The ledger at one moment: bytes in all, of which `pending` are not in place yet, and all that ever `moved`."""

    total: int
    pending: int
    moved: int


class Ledger:
    """A total with a limit, both in bytes. Safe in several threads."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._total = 0
        self._pending = 0
        self._moved = 0
        self._guard = threading.Lock()

    @property
    def total(self) -> int:
        """Bytes kept or about to be."""
        return self._total

    def reserve(self, size: int) -> bool:
        """Take `size` bytes if there is room; `settle` them when they are in place, or not to be."""
        with self._guard:
            if self._total + size > self.limit:
                return False
            self._total += size
            self._pending += size
            self._moved += size
            return True

    def settle(self, size: int, *, kept: bool) -> None:
        """End a reservation; the room of what was not kept is given back."""
        with self._guard:
            self._pending -= size
            if not kept:
                self._total = max(0, self._total - size)

    def release(self, size: int) -> None:
        """Give back the room of `size` bytes that were in place."""
        with self._guard:
            self._total = max(0, self._total - size)
            self._moved += size

    def read(self) -> Reading:
        """Return the present state, for `correct`."""
        with self._guard:
            return Reading(self._total, self._pending, self._moved)

    def correct(self, walked: int, before: Reading) -> None:
        """Believe the `walked` bytes of a walk begun at `before`, unless our own doings explain the difference."""
        with self._guard:
            explained = before.pending + self._moved - before.moved
            if abs(walked - before.total) > explained:
                self._total = max(0, self._total + walked - before.total)

    def excess(self, coming: int) -> int:
        """Return how many bytes must go so that a trim has done its work and `coming` bytes find room."""
        return self._total - min(int(self.limit * TRIMMED_TO), self.limit - coming)
