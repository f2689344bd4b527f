"""What this process remembers of originals: bounded, with the times up to which it is believed.

Separate from `finding` and `changing`, which fill it: every hit asks here, so `fresh` is one look in a dictionary. For
how long something is believed says `freshness`.
"""

from __future__ import annotations

import random
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from imagemill.errors import ImagemillError
from imagemill.originals.changes import Changes
from imagemill.originals.freshness import Freshness
from imagemill.originals.values import Original

MAX_ENTRIES = 100_000
"""Originals remembered; about 1 KB each."""
MAX_FAILURES = 10_000
FAILURE_SECONDS = 10.0
"""For how long bytes that are no picture are not looked at again: a broken page must not cost a worker per request."""


NEVER = float("-inf")


@dataclass(slots=True)
class Entry:
    """An original as last seen, with the stamp of its record at that time.

    Times are on the clock of `Entries`: `looked` is when the last good look began, `fresh_until` when the next is due,
    `stale_until` up to when answers go out while that one runs. `failures` counts the looks that failed since.
    """

    original: Original
    placeholder: str | None
    record_stamp: str | None
    looked: float
    fresh_until: float
    stale_until: float
    failures: int = 0
    doubted: float = NEVER


@dataclass(frozen=True, slots=True)
class _Failure:
    mark: str
    error: ImagemillError
    until: float


class Entries:
    """Least recently used entries go first; failures are kept apart and briefly."""

    def __init__(
        self,
        freshness: Freshness,
        *,
        most: int = MAX_ENTRIES,
        clock: Callable[[], float] = time.monotonic,
        draw: Callable[[], float] = random.random,
    ) -> None:
        """`draw` gives a number from 0 to 1 for each jitter."""
        self._freshness = freshness
        self._told = freshness
        self._told_since: float | None = None
        self._most = most
        self._clock = clock
        self._draw = draw
        self._entries: OrderedDict[str, Entry] = OrderedDict()
        self._failures: OrderedDict[str, _Failure] = OrderedDict()
        self.changes = Changes()

    def follow(self, told: Freshness | None) -> None:
        """Believe what is looked at from now on as `told` says, because changes are told; None: nobody tells any more.

        What is believed for longer than without being told is then looked at before it is used again.
        """
        if told is not None:
            self._told, self._told_since = told, self._clock()
            return
        self._told_since = None
        for entry in self._entries.values():
            entry.fresh_until = min(entry.fresh_until, entry.looked + self._freshness.check)
            entry.stale_until = min(entry.stale_until, entry.looked + self._freshness.limit)

    def fresh(self, key: str) -> Entry | None:
        """Return the entry that needs no look at the store, else None."""
        entry = self._entries.get(key)
        if entry is None or entry.fresh_until <= self._clock():
            return None
        self._entries.move_to_end(key)
        return entry

    def stale(self, key: str, *, looking: bool) -> Entry | None:
        """Return the entry that may be answered while a look behind the answer runs, else None.

        `looking` says that one runs already: while the store is away it may take longer than the time it was given.
        """
        entry = self._entries.get(key)
        if entry is None:
            return None
        now = self._clock()
        if now < entry.stale_until or (looking and entry.failures and self._excusable(entry, now)):
            self._entries.move_to_end(key)
            return entry
        return None

    def known(self, key: str) -> Entry | None:
        """Return the entry, fresh or not."""
        return self._entries.get(key)

    def now(self) -> float:
        """Return the time, for the beginning of a look."""
        return self._clock()

    def remember(
        self,
        original: Original,
        placeholder: str | None = None,
        *,
        record_stamp: str | None = None,
        looked: float | None = None,
    ) -> Entry:
        """Keep what was just seen, in place of whatever was known of the key; `looked` is when that look began."""
        began = self._clock() if looked is None else looked
        entry = Entry(original, placeholder, record_stamp, began, began, began)
        self._believe(entry)
        self._entries[original.key] = entry
        self._entries.move_to_end(original.key)
        self._failures.pop(original.key, None)
        while len(self._entries) > self._most:
            self._entries.popitem(last=False)
        return entry

    def renew(self, entry: Entry, looked: float) -> None:
        """Believe `entry` as long as a new one: a look that began at `looked` found it unchanged."""
        if looked > entry.doubted:
            entry.looked = looked
            self._believe(entry)

    def excuse(self, entry: Entry) -> bool:
        """Note that a look failed because the store is away; say whether `entry` may be answered all the same.

        The next look comes after a pause that grows, behind an answer if somebody asks in time (stale-if-error).
        """
        now = self._clock()
        if not self._excusable(entry, now):
            return False
        entry.failures += 1
        pause = self._freshness.pause(entry.failures, self._draw())
        last = entry.looked + self._freshness.if_error
        entry.fresh_until = min(now + pause, last)
        entry.stale_until = min(now + 2 * pause, last)
        return True

    def doubt(self, key: str) -> None:
        """Look at the store before the entry of `key` is used again, and do not use it while the store is away."""
        entry = self._entries.get(key)
        if entry is not None:
            entry.doubted = self._clock()
            entry.looked = entry.fresh_until = entry.stale_until = NEVER

    def _believe(self, entry: Entry) -> None:
        entry.failures = 0
        told = self._told_since is not None and entry.looked >= self._told_since
        freshness = self._told if told else self._freshness
        entry.fresh_until = entry.looked + freshness.fresh_for(self._draw())
        entry.stale_until = entry.looked + freshness.limit

    def _excusable(self, entry: Entry, now: float) -> bool:
        return now < entry.looked + self._freshness.if_error

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
