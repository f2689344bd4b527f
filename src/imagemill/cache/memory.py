"""The variants used most, in this process's memory, in front of the variant store.

Bounded by bytes, least recently used goes first. Entries are named by version, so a replaced original is never served
from here; forgetting by key exists so that a deleted picture does not linger (threat P5) and a purge is a purge.
"""

from __future__ import annotations

from collections import OrderedDict

from imagemill.variants.port import Kept, VariantName

OVERHEAD = 600
"""Bytes an entry costs beside its data: names, dictionary slots, the objects themselves (measured, rounded up)."""


class MemoryCache:
    """At most `max_bytes` of variants; all calls are synchronous and O(1) but `forget`."""

    def __init__(self, max_bytes: int) -> None:
        """`max_bytes` counts data and overhead; 0 keeps nothing."""
        self._max = max_bytes
        self._used = 0
        self._entries: OrderedDict[VariantName, Kept] = OrderedDict()
        self._by_key: dict[tuple[str, str], set[VariantName]] = {}

    @property
    def used_bytes(self) -> int:
        """Bytes held now."""
        return self._used

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, name: VariantName) -> Kept | None:
        """Return the variant and mark it as used."""
        kept = self._entries.get(name)
        if kept is not None:
            self._entries.move_to_end(name)
        return kept

    def put(self, name: VariantName, kept: Kept) -> None:
        """Keep it unless it alone would take more than an eighth of the room (one picture must not empty the cache)."""
        size = len(kept.data) + OVERHEAD
        if size * 8 > self._max:
            return
        self._drop(name)
        self._entries[name] = kept
        self._by_key.setdefault((name.site, name.key), set()).add(name)
        self._used += size
        while self._used > self._max:
            self._drop(next(iter(self._entries)))

    def forget(self, site: str, key: str, leaf: str | None = None) -> int:
        """Drop every variant of an original, or the one `leaf`; return how many."""
        names = [n for n in self._by_key.get((site, key), ()) if leaf is None or n.leaf == leaf]
        for name in names:
            self._drop(name)
        return len(names)

    def forget_prefix(self, site: str, prefix: str) -> int:
        """Drop every variant of every key that begins with `prefix`; return how many."""
        keys = [key for (of, key) in self._by_key if of == site and key.startswith(prefix)]
        return sum(self.forget(site, key) for key in keys)

    def _drop(self, name: VariantName) -> None:
        kept = self._entries.pop(name, None)
        if kept is None:
            return
        self._used -= len(kept.data) + OVERHEAD
        names = self._by_key[(name.site, name.key)]
        names.discard(name)
        if not names:
            del self._by_key[(name.site, name.key)]
