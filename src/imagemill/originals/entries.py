"""What this process remembers of originals: bounded, and for how long it is believed.

Separate from `library`, which fills it: every hit of delivery asks here, so `fresh` is one look in a dictionary.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from imagemill.errors import ImagemillError
from imagemill.originals.changes import Changes
from imagemill.originals.values import Original

MAX_ENTRIES = 100_000
"""Originals remembered; about 1 KB each."""
MAX_FAILURES = 10_000
FAILURE_SECONDS = 10.0
"""For how long bytes that are no picture are not looked at again: a broken page must not cost a worker per request."""


@dataclass(slots=True)
class Entry:
    """An original as last seen; `fresh_until` is on the clock of `Entries`."""

    original: Original
    placeholder: str | None
    fresh_until: float


@dataclass(frozen=True, slots=True)
class _Failure:
    mark: str
    error: ImagemillError
    until: float


class Entries:
    """Least recently used entries go first; failures are kept apart and briefly."""

    def __init__(self, recheck: float, *, most: int = MAX_ENTRIES, clock: Callable[[], float] = time.monotonic) -> None:
        """`recheck` is in seconds: for so long an entry is believed without asking the store."""
        self._recheck = recheck
        self._most = most
        self._clock = clock
        self._entries: OrderedDict[str, Entry] = OrderedDict()
        self._failures: OrderedDict[str, _Failure] = OrderedDict()
        self.changes = Changes()

    def fresh(self, key: str) -> Entry | None:
        """Return the entry that needs no look at the store, else None."""
        entry = self._entries.get(key)
        if entry is None or entry.fresh_until <= self._clock():
            return None
        self._entries.move_to_end(key)
        return entry

    def known(self, key: str) -> Entry | None:
        """Return the entry, fresh or not."""
        return self._entries.get(key)

    def remember(self, original: Original, placeholder: str | None = None) -> Entry:
        """Keep what was just seen, in place of whatever was known of the key."""
        entry = Entry(original, placeholder, self._clock() + self._recheck)
        self._entries[original.key] = entry
        self._entries.move_to_end(original.key)
        self._failures.pop(original.key, None)
        while len(self._entries) > self._most:
            self._entries.popitem(last=False)
        return entry

    def renew(self, entry: Entry, seconds: float | None = None) -> None:
        """Believe `entry` for `seconds` more, by default as long as a new one."""
        entry.fresh_until = self._clock() + (self._recheck if seconds is None else seconds)

    def doubt(self, key: str) -> None:
        """Look at the store before the entry of `key` is used again."""
        entry = self._entries.get(key)
        if entry is not None:
            entry.fresh_until = float("-inf")

    def forget(self, key: str) -> bool:
        """Drop all that is known of `key`; say whether there was an entry."""
        self._failures.pop(key, None)
        return self._entries.pop(key, None) is not None

    def fail(self, key: str, mark: str, error: ImagemillError) -> None:
        """Remember that the bytes with this `mark` (the store's stamp) are refused with `error`."""
        self._failures[key] = _Failure(mark, error, self._clock() + FAILURE_SECONDS)
        self._failures.move_to_end(key)
        while len(self._failures) > MAX_FAILURES:
            self._failures.popitem(last=False)

    def failure(self, key: str, mark: str) -> ImagemillError | None:
        """Return the error that the same bytes met a moment ago."""
        failure = self._failures.get(key)
        if failure is None:
            return None
        if failure.mark != mark or failure.until <= self._clock():
            del self._failures[key]
            return None
        return failure.error

    def __len__(self) -> int:
        return len(self._entries)
