"""How many variants each original has, so that random sizes of one cannot fill the store (threats: random-size attack).

The count of a version is remembered with its folder's mtime: as long as nobody else changes the folder, a keep counts
nothing anew.
"""

# ruff: noqa: PTH116, PTH208
# Paths here are strings: pathlib has no calls relative to an open folder, and costs more than the system call itself.

from __future__ import annotations

import os
from collections import OrderedDict

REMEMBERED = 10_000


class Shares:
    """Counts by version folder. The caller holds the original for whatever changes a count."""

    def __init__(self, most: int) -> None:
        """`most` variants of one original are kept."""
        self._most = most
        self._known: OrderedDict[str, tuple[int, int]] = OrderedDict()  # folder → its mtime, files in it

    def count(self, version: str) -> int:
        """Return how many variants the folder `version` has. Raises FileNotFoundError where it is not published."""
        changed = os.stat(version).st_mtime_ns
        known = self._known.get(version)
        return known[1] if known is not None and known[0] == changed else len(os.listdir(version))

    def is_full(self, count: int) -> bool:
        """Whether an original with `count` variants has its share."""
        return count >= self._most

    def remember(self, version: str, count: int) -> None:
        """Note the count after a change of ours."""
        self._known[version] = (os.stat(version).st_mtime_ns, count)
        self._known.move_to_end(version)
        if len(self._known) > REMEMBERED:
            self._known.popitem(last=False)

    def forget(self, version: str) -> None:
        """Count anew next time."""
        self._known.pop(version, None)
