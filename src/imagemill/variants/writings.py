"""Keeps under way in this process, so that what removes variants can overtake them, and sums count nothing twice."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from imagemill.variants.port import VariantName


@dataclass(slots=True, eq=False)
class Writing:
    """One keep; `placing` once its object may be there, `late` once something removed what it writes."""

    name: VariantName
    placing: bool = False
    late: bool = False


class Writings:
    """All keeps under way: a few hundred at most (`delivery.make.MAX_KEEPING`). Belongs to one event loop."""

    def __init__(self) -> None:
        self._all: set[Writing] = set()

    @contextmanager
    def begin(self, name: VariantName) -> Iterator[Writing]:
        """Note a keep until the block ends."""
        writing = Writing(name)
        self._all.add(writing)
        try:
            yield writing
        finally:
            self._all.discard(writing)

    def overtake(self, site: str, key: str, leaf: str | None = None) -> None:
        """Have the keeps of an original, or of its `leaf`, know that what they write is being removed."""
        for one in self._all:
            if (one.name.site, one.name.key) == (site, key) and leaf in (None, one.name.leaf):
                one.late = True

    def leaves(self, site: str, key: str, version: str, *, placing: bool = False) -> set[str]:
        """Return what is being kept of a version, or only that of which nobody knows whether it is there already."""
        name = (site, key, version)
        return {
            one.name.leaf
            for one in self._all
            if (one.name.site, one.name.key, one.name.version) == name and (one.placing or not placing)
        }

    def keys(self, site: str, prefix: str) -> set[str]:
        """Return the keys with this prefix of which something is being kept."""
        return {one.name.key for one in self._all if one.name.site == site and one.name.key.startswith(prefix)}
