"""Pages of a bucket's keys as the port wants them, out of as many pages of S3 as that takes.

Separate from the store's other verbs: here is what S3 leaves open (whether a common prefix comes again when the listing
starts after it) and what must not be seen: our own objects under `.imagemill/`, the empty "folders" that consoles make,
and keys that nothing can address (a segment `..`, bytes that are no UTF-8).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from imagemill.errors import ImagemillError
from imagemill.object_store.naming import RESERVED, check_existing_key
from imagemill.object_store.port import ObjectInfo, Page
from imagemill.object_store.s3.identity import listed_info
from imagemill.object_store.s3.listing import ListedObject, ListedPage

Ask = Callable[[str, str, str, int], Awaitable[ListedPage]]
"""Gives one page of the store: prefix, delimiter, after, limit."""

_LAST = "\U0010ffff"
"""The greatest character: a key with it after a folder's name sorts behind all that is in the folder."""


async def page(ask: Ask, prefix: str, delimiter: str, after: str, limit: int) -> Page:
    """Return the page of at most `limit` names after `after`, asking the store until it is full or there is no more."""
    objects: list[ObjectInfo] = []
    prefixes: list[str] = []
    start = _beyond(after, delimiter, prefix)
    while True:
        missing = limit - len(objects) - len(prefixes)
        # One more than is missing, so that the last page need not be followed by an empty one.
        got = await ask(prefix, delimiter, start, min(missing + 1, 1000))
        names: dict[str, ListedObject | None] = {one.key: one for one in got.objects} | dict.fromkeys(got.prefixes)
        for name in sorted(names):
            line = names[name]
            if name <= after or not _visible(name, line):
                continue
            if len(objects) + len(prefixes) == limit:
                return Page(tuple(objects), tuple(prefixes), _last(objects, prefixes))
            if line is None:
                prefixes.append(name)
            else:
                objects.append(listed_info(name, line))
        if not got.more or not names:
            return Page(tuple(objects), tuple(prefixes), None)
        start = _beyond(max(names), delimiter, prefix)


def _beyond(name: str, delimiter: str, prefix: str) -> str:
    """Return the name to go on after: behind a whole common prefix, or behind what is ours."""
    if delimiter and len(name) > len(prefix) and name.endswith(delimiter):
        return name + _LAST
    if name.split("/", 1)[0] in RESERVED and "/" in name:
        return name.split("/", 1)[0] + "/" + _LAST
    return name


def _last(objects: list[ObjectInfo], prefixes: list[str]) -> str:
    return max([one.key for one in objects[-1:]] + prefixes[-1:])


def _visible(name: str, line: ListedObject | None) -> bool:
    if name.split("/", 1)[0] in RESERVED:
        return False
    if line is not None and line.size == 0 and name.endswith("/"):
        return False  # what consoles make for an empty folder
    try:
        check_existing_key(name if line is not None else name + "x")
    except (ImagemillError, UnicodeEncodeError):
        return False
    return True
