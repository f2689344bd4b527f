"""How many bytes are kept in all, without asking the disk each time.

Room is reserved before a variant is written and given back when it goes, so the total never passes its limit while
several are written at once. What other processes keep in the same folder is counted when it is walked: at the start,
and by every trim.
"""

from __future__ import annotations

import threading

TRIMMED_TO = 0.9
"""Share of the limit that a trim leaves, so that it need not come again with the next variant."""


class Ledger:
    """A total with a limit, both in bytes. Safe in several threads."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._total = 0
        self._guard = threading.Lock()

    @property
    def total(self) -> int:
        """Bytes kept or about to be."""
        return self._total

    def reserve(self, size: int) -> bool:
        """Take `size` bytes if there is room."""
        with self._guard:
            if self._total + size > self.limit:
                return False
            self._total += size
            return True

    def release(self, size: int) -> None:
        """Give `size` bytes back."""
        with self._guard:
            self._total = max(0, self._total - size)

    def correct(self, walked: int, before: int) -> None:
        """Set the total to the `walked` bytes of a walk that began when it was `before`, plus what changed since."""
        with self._guard:
            self._total = max(0, walked + self._total - before)

    def excess(self, coming: int) -> int:
        """Return how many bytes must go so that a trim has done its work and `coming` bytes find room."""
        return self._total - min(int(self.limit * TRIMMED_TO), self.limit - coming)
