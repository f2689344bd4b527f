"""The variants used most, in this process's memory, in front of the variant store.

Bounded by bytes, least recently used goes first. Entries are named by version, so a replaced original is never served
from here; forgetting by key exists so that a deleted picture does not linger (threat P5) and a purge is a purge.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from dataclasses import dataclass

from imagemill.variants.port import Kept, VariantName

OVERHEAD = 600
"""Bytes an entry costs beside its data: names, dictionary slots, the objects themselves (measured, rounded up)."""
MAX_READS = 100_000
"""Variants no longer here whose reading the store has not been told yet; further ones are forgotten, oldest first."""


@dataclass(slots=True)
class _Entry:
    """A variant and when it was last read, in nanoseconds since 1970; 0 when the store knows."""

    kept: Kept
    read: int


class MemoryCache:
    """At most `max_bytes` of variants; all calls are synchronous and O(1) but `forget`."""

    def __init__(self, max_bytes: int) -> None:
        """`max_bytes` counts data and overhead; 0 keeps nothing."""
        self._max = max_bytes
        self._used = 0
        self._entries: OrderedDict[VariantName, _Entry] = OrderedDict()
        self._past_reads: OrderedDict[VariantName, int] = OrderedDict()
        self._by_key: dict[tuple[str, str], set[VariantName]] = {}

    @property
    def used_bytes(self) -> int:
        """Bytes held now."""
        return self._used

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, name: VariantName) -> Kept | None:
        """Return the variant and mark it as used."""
        entry = self._entries.get(name)
        if entry is None:
            return None
        self._entries.move_to_end(name)
        entry.read = time.time_ns()
        return entry.kept

    def put(self, name: VariantName, kept: Kept) -> None:
        """Keep it unless it alone would take more than an eighth of the room (one picture must not empty the cache).

        Either way it counts as read: it comes here because it is being answered.
        """
        size = len(kept.data) + OVERHEAD
        if size * 8 > self._max:
            self._note(name, time.time_ns())
            return
        self._drop(name)
        self._entries[name] = _Entry(kept, time.time_ns())
        self._by_key.setdefault((name.site, name.key), set()).add(name)
        self._used += size
        while self._used > self._max:
            oldest = next(iter(self._entries))
            self._note(oldest, self._entries[oldest].read)
            self._drop(oldest)

    def take_reads(self) -> dict[VariantName, int]:
        """Return when variants were last read since the last call, in nanoseconds since 1970.

        A hit here never reaches the store, which must know of it before it removes what was not read for longest.
        """
        reads = dict(self._past_reads)
        self._past_reads.clear()
        for name, entry in self._entries.items():
            if entry.read:
                reads[name] = entry.read
                entry.read = 0
        return reads

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

    def _note(self, name: VariantName, read: int) -> None:
        if not read:
            return
        self._past_reads[name] = read
        self._past_reads.move_to_end(name)
        if len(self._past_reads) > MAX_READS:
            self._past_reads.popitem(last=False)

    def _drop(self, name: VariantName) -> None:
        entry = self._entries.pop(name, None)
        if entry is None:
            return
        self._used -= len(entry.kept.data) + OVERHEAD
        names = self._by_key[(name.site, name.key)]
        names.discard(name)
        if not names:
            del self._by_key[(name.site, name.key)]
