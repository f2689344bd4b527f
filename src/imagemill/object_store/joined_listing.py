"""Which part of one store belongs into a listing of several, and how its lines are called there.

Separate from `joined`, which asks the stores: this is about names alone. A store that is attached under a prefix shows
its keys with that prefix before them; what was asked (prefix, delimiter, after) is translated the other way.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from imagemill.object_store.port import ObjectInfo, Page

LAST = "\U0010ffff"
"""Sorts after every key below a prefix that it is put behind."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A listing as `ObjectStore.list` takes it."""

    prefix: str
    delimiter: str
    after: str
    limit: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """What one store, `mounted` under a prefix, is asked for; `collapsed` is the one line that stands for all of it."""

    mounted: str
    prefix: str = ""
    delimiter: str = ""
    after: str = ""
    collapsed: str = ""


def window_of(asked: Asked, mounted: str) -> Window | None:
    """Return what the store under the prefix `mounted` has to say, None where that is nothing."""
    if asked.prefix.startswith(mounted):
        prefix, delimiter = asked.prefix[len(mounted) :], asked.delimiter
    elif mounted.startswith(asked.prefix):
        common = common_prefix(mounted, asked)
        if common:
            return Window(mounted=mounted, collapsed=common) if common > asked.after else None
        # A delimiter of several characters may begin in `mounted` and end in a key: then lines are gathered here.
        prefix, delimiter = "", "" if len(asked.delimiter) > 1 else asked.delimiter
    else:
        return None
    if asked.after.startswith(mounted):
        return Window(mounted=mounted, prefix=prefix, delimiter=delimiter, after=asked.after[len(mounted) :])
    if asked.after > mounted:
        return None
    return Window(mounted=mounted, prefix=prefix, delimiter=delimiter)


def whole_lines(page: Page, window: Window, asked: Asked) -> Iterator[tuple[str, ObjectInfo | None]]:
    """Yield the lines of a page of one store as the listing of all shows them, in order; None marks a common prefix."""
    lines: dict[str, ObjectInfo | None] = {info.key: info for info in page.objects}
    lines |= dict.fromkeys(page.prefixes)
    for name in sorted(lines):
        whole = window.mounted + name
        common = common_prefix(whole, asked)
        if (common or whole) > asked.after:
            yield (common, None) if common else (whole, lines[name])


def common_prefix(key: str, asked: Asked) -> str:
    """Return the line that stands for `key` and its like, "" where the key stands for itself."""
    if not asked.delimiter:
        return ""
    head, found, _ = key[len(asked.prefix) :].partition(asked.delimiter)
    return asked.prefix + head + asked.delimiter if found else ""
