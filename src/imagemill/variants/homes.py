"""What one process knows of originals whose variants lie in a bucket: the current version, and what is kept of it.

Separate from `remote`, which asks the bucket: here is only memory, and it is bounded.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field

MOST_HOMES = 200_000
"""Originals whose current version is remembered: more than there are entries of originals, so that those known there
are known here; one that is forgotten keeps nothing new until it is published again."""
MOST_LEAVES = 500_000
"""Variants whose sizes are remembered, over all originals; an original that is pushed out is listed again."""

Owner = tuple[str, str]
"""Site and key."""


@dataclass(slots=True)
class Home:
    """One original. `leaves` maps what is kept of `version` to its bytes, None where nobody has looked yet.

    `meanwhile` is what was kept while somebody looks: a listing may have been made before it.
    """

    owner: Owner
    version: str
    leaves: dict[str, int] | None = None
    meanwhile: dict[str, int] = field(default_factory=dict)


class Homes:
    """Homes by owner; those used least recently go first."""

    def __init__(self, most_homes: int = MOST_HOMES, most_leaves: int = MOST_LEAVES) -> None:
        """The bounds are for tests."""
        self._most_homes = most_homes
        self._most_leaves = most_leaves
        self._homes: OrderedDict[Owner, Home] = OrderedDict()
        self._listed: OrderedDict[Owner, Home] = OrderedDict()
        self._leaves = 0

    def get(self, owner: Owner) -> Home | None:
        """Return what is known of an original and mark it as used."""
        home = self._homes.get(owner)
        if home is not None:
            self._homes.move_to_end(owner)
        return home

    def add(self, owner: Owner, version: str) -> Home:
        """Begin to know an original."""
        home = self._homes[owner] = Home(owner, version)
        if len(self._homes) > self._most_homes:
            self.remove(next(iter(self._homes)))
        return home

    def remove(self, owner: Owner) -> Home | None:
        """Forget an original; return what was known of it."""
        home = self._homes.pop(owner, None)
        if home is not None and self._listed.pop(owner, None) is not None:
            self._leaves -= len(home.leaves or ())
        return home

    def know(self, home: Home, listed: dict[str, int]) -> None:
        """Note what is kept of a home's version, unless the home was forgotten meanwhile."""
        if self._homes.get(home.owner) is not home:
            return
        leaves = listed | home.meanwhile
        self._leaves += len(leaves) - len(home.leaves or ())
        home.leaves = leaves
        self._listed[home.owner] = home
        self._bound(home)

    def change(self, home: Home, version: str) -> dict[str, int] | None:
        """Make `version` the current one; return what was known to be kept of the one before."""
        before = home.leaves
        if self._listed.pop(home.owner, None) is not None:
            self._leaves -= len(before or ())
        home.version, home.leaves = version, None
        home.meanwhile.clear()
        return before

    def keep(self, home: Home, leaf: str, size: int) -> int:
        """Note one more variant; return the bytes of the one it replaces, 0 where there was none."""
        home.meanwhile[leaf] = size
        if home.leaves is None:
            return 0
        before = home.leaves.get(leaf)
        home.leaves[leaf] = size
        if before is None:
            self._leaves += 1
            self._bound(home)
        return before or 0

    def drop(self, home: Home, leaf: str) -> int:
        """Note that a variant is no more; return its bytes, 0 where it was not known."""
        home.meanwhile.pop(leaf, None)
        size = None if home.leaves is None else home.leaves.pop(leaf, None)
        if size is not None:
            self._leaves -= 1
        return size or 0

    def _bound(self, newest: Home) -> None:
        self._listed.move_to_end(newest.owner)
        while self._leaves > self._most_leaves and len(self._listed) > 1:
            _, oldest = self._listed.popitem(last=False)
            self._leaves -= len(oldest.leaves or ())
            oldest.leaves = None
