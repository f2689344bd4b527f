"""The variant store in memory: for tests, and for a server without a disk."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterable
from dataclasses import dataclass, field

from imagemill.variants.ledger import TRIMMED_TO
from imagemill.variants.paths import check_leaf, check_purge, check_site, check_version
from imagemill.variants.port import NO_HEADERS, FileHeaders, Kept, Reads, VariantInfo, VariantName, stamp_of


@dataclass(slots=True)
class _Variant:
    kept: Kept
    read: int
    """When it was last read, in nanoseconds since 1970."""


@dataclass(slots=True)
class _Original:
    version: str | None = None
    record: bytes | None = None
    variants: dict[str, _Variant] = field(default_factory=dict)


class MemoryVariants:
    """Kept variants in dictionaries. See `port.VariantStore`."""

    def __init__(self, *, max_bytes: int, max_per_original: int, reads: Reads = dict) -> None:
        """`reads` is asked before each trim."""
        self._max_bytes = max_bytes
        self._max_per_original = max_per_original
        self._originals: dict[tuple[str, str], _Original] = {}
        self._total = 0
        self._reads = reads
        self._last_reading = 0

    async def publish(self, site: str, key: str, version: str, *, followed: bool = True) -> None:
        """Make `version` the current one; the variants of another go. Nobody but us reads here, followed or not."""
        check_version(version)
        original = self._original(site, key)
        if original.version != version:
            original.version = version
            self._drop(original, original.variants)

    async def withdraw(self, site: str, key: str) -> None:
        """Remove everything made of `key`."""
        original = self._originals.pop((check_site(site), key), None)
        if original is not None:
            self._drop(original, original.variants)

    async def fetch(self, name: VariantName) -> Kept | None:
        """Return the variant's bytes."""
        original = self._find(name)
        variant = None if original is None else original.variants.get(name.leaf)
        if variant is None:
            return None
        variant.read = self._now()
        return variant.kept

    async def keep(
        self, name: VariantName, data: bytes, *, modified: float | None = None, headers: FileHeaders = NO_HEADERS
    ) -> bool:
        """Keep a variant, removing what was not read for longest where there is no room."""
        check_leaf(name.leaf)
        original = self._find(name)
        if original is None or len(data) > self._max_bytes:
            return False
        if name.leaf not in original.variants and len(original.variants) >= self._max_per_original:
            return False
        self._drop(original, [name.leaf] if name.leaf in original.variants else [])
        if self._total + len(data) > self._max_bytes:
            self._trim(min(int(self._max_bytes * TRIMMED_TO), self._max_bytes - len(data)))
        kept = Kept(bytes(data), hashlib.sha256(data).hexdigest(), time.time() if modified is None else modified)
        original.variants[name.leaf] = _Variant(kept, self._now())
        self._total += len(data)
        return True

    async def list(self, site: str, key: str) -> tuple[VariantInfo, ...]:
        """Return what is kept of the current version."""
        original = self._originals.get((check_site(site), key))
        if original is None or original.version is None:
            return ()
        return tuple(
            VariantInfo(
                VariantName(site, key, original.version, leaf),
                len(original.variants[leaf].kept.data),
                original.variants[leaf].kept.modified,
            )
            for leaf in sorted(original.variants)
        )

    async def purge(
        self, site: str, *, key: str | None = None, prefix: str | None = None, leaf: str | None = None
    ) -> int:
        """Remove variants of one key, or of all with a prefix; with `leaf` only those of that name."""
        check_purge(key, prefix, leaf)
        check_site(site)
        count = 0
        for (owner, name), original in self._originals.items():
            if owner == site and (name == key or (prefix is not None and name.startswith(prefix))):
                count += self._drop(original, [one for one in original.variants if leaf in (None, one)])
        return count

    async def read_record(self, site: str, key: str) -> bytes | None:
        """Return the original's record."""
        original = self._originals.get((check_site(site), key))
        return None if original is None else original.record

    async def write_record(self, site: str, key: str, record: bytes) -> str:
        """Replace the original's record."""
        self._original(site, key).record = bytes(record)
        return stamp_of(record) or ""

    async def record_stamp(self, site: str, key: str) -> str | None:
        """Return the mark of the original's record."""
        return stamp_of(await self.read_record(site, key))

    def usage(self) -> int:
        """Return the bytes kept."""
        return self._total

    async def trim(self) -> int:
        """Remove what was not read for longest if there is too much."""
        return self._trim(int(self._max_bytes * TRIMMED_TO)) if self._total > self._max_bytes else 0

    async def close(self) -> None:
        """Nothing is held."""

    def _original(self, site: str, key: str) -> _Original:
        return self._originals.setdefault((check_site(site), key), _Original())

    def _find(self, name: VariantName) -> _Original | None:
        check_version(name.version)
        original = self._originals.get((check_site(name.site), name.key))
        return original if original is not None and original.version == name.version else None

    def _drop(self, original: _Original, leaves: Iterable[str]) -> int:
        count = 0
        for leaf in tuple(leaves):
            self._total -= len(original.variants.pop(leaf).kept.data)
            count += 1
        return count

    def _now(self) -> int:
        """Return a time later than every one before, however coarse the clock."""
        self._last_reading = max(self._last_reading + 1, time.time_ns())
        return self._last_reading

    def _trim(self, target: int) -> int:
        for name, read in self._reads().items():
            known = self._find(name)
            variant = None if known is None else known.variants.get(name.leaf)
            if variant is not None:
                variant.read = max(variant.read, read)
        everything = [
            (variant.read, leaf, original)
            for original in self._originals.values()
            for leaf, variant in original.variants.items()
        ]
        removed = 0
        for _, leaf, original in sorted(everything, key=lambda one: one[0]):
            if self._total <= target:
                break
            removed += self._drop(original, [leaf])
        return removed
