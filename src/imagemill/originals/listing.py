"""What there is: a page of originals, and those that people gave a tag.

Separate from `changing`, because nothing here changes an original, or opens one: a listing tells what is known.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import TypeVar

from imagemill.object_store.port import ObjectInfo, ObjectStore
from imagemill.originals.entries import Entries
from imagemill.originals.finding import Finder
from imagemill.originals.values import Original

T = TypeVar("T")

RECORDS_AT_ONCE = 32
"""Records read side by side where all of them are looked through."""


@dataclass(frozen=True, slots=True)
class Listed:
    """A line of a listing; `original` is given where it is known without opening the object."""

    info: ObjectInfo
    original: Original | None


@dataclass(frozen=True, slots=True)
class Listing:
    """A page of originals in byte order of the key; see `object_store.port.Page`."""

    originals: tuple[Listed, ...]
    prefixes: tuple[str, ...]
    next_after: str | None


class Listings:
    """Lists the originals of one site; safe to use from any task of one event loop."""

    def __init__(self, store: ObjectStore, finder: Finder, entries: Entries, site: str) -> None:
        """The parts of the library that it works with."""
        self._store = store
        self._finder = finder
        self._entries = entries
        self._site = site

    async def page(self, prefix: str, delimiter: str, after: str, limit: int) -> Listing:
        """List originals after `after`, at most `limit` (1…1000) keys and common prefixes; opens no object."""
        page = await self._store.list(prefix, delimiter=delimiter, after=after, limit=limit)
        lines = [Listed(info, await self._known(info)) for info in page.objects]
        return Listing(tuple(lines), page.prefixes, page.next_after)

    async def tagged(self, word: str) -> AsyncIterator[str]:
        """Yield the key of every original that people tagged `word`, in byte order.

        Every record is read for it, some at a time: linear in the number of originals until a catalog knows tags (C1).
        """
        after: str | None = ""
        while after is not None:
            page = await self._store.list("", after=after, limit=1000)
            for keys in _batched([info.key for info in page.objects], RECORDS_AT_ONCE):
                found = await asyncio.gather(*(self._finder.tags(key) for key in keys))
                for key, tags in zip(keys, found, strict=True):
                    if word in tags:
                        yield key
            after = page.next_after

    async def _known(self, info: ObjectInfo) -> Original | None:
        """Return the original that a listing shows, if an entry or a record speaks of exactly these bytes."""
        entry = self._entries.fresh(info.key)
        if entry is not None and info.etag in ("", entry.original.info.etag):
            return entry.original
        record = await self._finder.record(info.key, info.etag) if info.etag else None
        if record is None or record.facts is None:
            return None
        return Original(
            site=self._site,
            key=info.key,
            info=info,
            facts=record.facts,
            description=record.description,
            closed=self._finder.is_closed(info.key),
        )


def _batched(items: list[T], size: int) -> Iterator[list[T]]:
    """Yield `items` in lists of at most `size`."""
    for start in range(0, len(items), size):
        yield items[start : start + size]
