"""Objects by key and pages of keys, without changing anything but what is known of them."""

# ruff: noqa: PTH112, PTH208
# Paths here are strings: pathlib has no calls relative to an open folder, and costs more than the system call itself.

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from heapq import merge

from imagemill.object_store.local.layout import Layout
from imagemill.object_store.local.listing import Listing, Window
from imagemill.object_store.local.sidecar import Mark, Record, guessed_type, info_of, mark_of, settled
from imagemill.object_store.port import ObjectInfo

READ_AT_ONCE = 1 << 18
"""Bytes hashed at a time: enough for SHA-256 to run without the interpreter's lock, little enough for any memory."""


@dataclass(frozen=True, slots=True)
class Found:
    """An object's file; `record` is None when the file has to be read to know its digest."""

    key: str
    mark: Mark
    record: Record | None

    @property
    def info(self) -> ObjectInfo:
        """What the port says of it."""
        return info_of(self.key, self.mark, self.record)


class Finding:
    """The reading half of a local store. Blocks; raises OSError for what the disk refuses."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._listing = Listing(layout.theirs)
        self._odd_keys: dict[str, str] = {}  # file name → key: a digest never changes its meaning

    def mark(self, key: str) -> Mark | None:
        """Return the mark alone: one look at the file, none at the sidecar."""
        for home in self._layout.homes(key):
            located = home.tree.locate(home.segments)
            if located is not None:
                return mark_of(located[1])
        return None

    def find(self, key: str) -> Found | None:
        """Return the object of `key` without reading its bytes."""
        mark = self.mark(key)
        return None if mark is None else Found(key, mark, self._layout.sidecars.find(key, mark))

    def open(self, key: str) -> tuple[int, Found] | None:
        """Open the object of `key`; the caller closes the descriptor."""
        for home in self._layout.homes(key):
            opened = home.tree.open(home.segments)
            if opened is not None:
                mark = mark_of(opened[1])
                return opened[0], Found(key, mark, self._layout.sidecars.find(key, mark))
        return None

    def open_unchanged(self, key: str, stamp: str) -> int | None:
        """Open the object of `key` where its mark is still `stamp`; the caller closes the descriptor."""
        for home in self._layout.homes(key):
            opened = home.tree.open(home.segments)
            if opened is not None:
                if str(mark_of(opened[1])) == stamp:
                    return opened[0]
                os.close(opened[0])
                return None
        return None

    def learn(self, key: str) -> Found | None:
        """Like `find`, reading the file where no record tells its digest."""
        opened = self.open(key)
        if opened is None:
            return None
        descriptor, found = opened
        try:
            return found if found.record is not None else with_digest(descriptor, found)
        finally:
            os.close(descriptor)

    def note(self, found: Found) -> None:
        """Remember what reading a file has told, unless it is gone or too fresh to be sure; the caller holds the key.

        Without fsync, since it can be found out again; on a disk that cannot be written it stays in memory.
        """
        record = found.record
        if record is None or not settled(record.mark):
            return
        try:
            with self._layout.sidecars.holding(found.key):
                if self.mark(found.key) == record.mark:
                    self._layout.sidecars.add(found.key, record, durable=False)
        except OSError:
            self._layout.sidecars.remember(found.key, (record,))

    def page(self, window: Window, delimiter: str, limit: int) -> tuple[list[ObjectInfo], list[str], str | None]:
        """Return the objects, the common prefixes, and the last of either when there is more."""
        keys: list[str] = []
        prefixes: list[str] = []
        last = ""
        for key in merge(self._listing.keys(window), self._odd(window)):
            if not window.wants(key) or key == last:
                continue
            common = common_prefix(key, window.prefix, delimiter)
            if common:
                window.skip = common
                if common <= window.after:
                    continue
            if len(keys) + len(prefixes) == limit:
                return self._infos(keys), prefixes, last
            last = common or key
            (prefixes if common else keys).append(last)
        return self._infos(keys), prefixes, None

    def _odd(self, window: Window) -> Iterator[str]:
        """Yield the keys kept apart that `window` wants, in order."""
        keys = []
        for name in os.listdir(self._layout.odd) if os.path.isdir(self._layout.odd) else ():
            key = self._odd_keys.get(name) or self._layout.sidecars.key_of(name)
            if key is not None:
                self._odd_keys[name] = key
                if window.wants(key):
                    keys.append(key)
        yield from sorted(keys)

    def _infos(self, keys: list[str]) -> list[ObjectInfo]:
        """Return what is known of `keys`; one that vanished since it was seen is left out."""
        return [found.info for found in map(self.find, keys) if found is not None]


def common_prefix(key: str, prefix: str, delimiter: str) -> str:
    """Return the prefix that stands for `key` in a listing with this delimiter, "" when the key stands for itself."""
    if not delimiter:
        return ""
    head, found, _ = key[len(prefix) :].partition(delimiter)
    return prefix + head + delimiter if found else ""


def with_digest(descriptor: int, found: Found) -> Found:
    """Return `found` with the digest of its open file.

    The mark is that of before reading: should the file change meanwhile, its next mark differs and it is read again.
    """
    digest = hashlib.sha256()
    buffer = bytearray(READ_AT_ONCE)
    offset = 0
    while count := os.preadv(descriptor, [buffer], offset):
        digest.update(memoryview(buffer)[:count])
        offset += count
    return replace(found, record=Record(found.mark, digest.hexdigest(), guessed_type(found.key)))
