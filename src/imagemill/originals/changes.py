"""When keys were last something else, and the steps of time that tell their versions apart.

A variant's entity tag is made of the second it says it was modified (`delivery.validators`), so each version of a key
has steps of `STEP` seconds to itself: never one that an earlier version can have had. Only what this process saw counts
here; what others did is known by the time of the object in the store (`Originals.modified_from`).
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

STEP = 8
"""Seconds; each output format has one of its own in every step."""
MAX_CHANGES = 10_000
"""Keys of which we remember when they last were something else."""


@dataclass(frozen=True, slots=True)
class _Change:
    at: float
    step: int


class Changes:
    """The last change of each key, bounded; times in seconds since 1970."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        """What was before this moment is not known, so every key begins with a step of now."""
        self._clock = clock
        self._first = int(clock()) // STEP
        self._known: OrderedDict[str, _Change] = OrderedDict()

    def note(self, key: str) -> None:
        """Remember that until now something else was under `key`.

        Usually its new step is that of the clock; of several changes in one step each begins one of its own, ahead.
        """
        now = self._clock()
        self._known[key] = _Change(now, max(int(now) // STEP, self._step(key) + 1))
        self._known.move_to_end(key)
        if len(self._known) > MAX_CHANGES:
            self._known.popitem(last=False)

    def at(self, key: str) -> float:
        """Return when something else was last under `key`; 0 where nothing is known of it."""
        change = self._known.get(key)
        return 0.0 if change is None else change.at

    def step(self, key: str, *, placed: float, superseded: bool) -> int:
        """Return the first second of the step that what is made now of `key` belongs to.

        `placed` is when the object was put there, by the store's clock. `superseded` says that another version has
        come since: then it is the last step before that one, which no variant of the new one can have.
        """
        present = self._step(key)
        if superseded:
            return STEP * (present - 1)
        # Of a whole step in the past every second is over, so nothing says it was modified in the future.
        now = int(self._clock())
        return STEP * max(now // STEP - 1, present, int(min(placed, now)) // STEP)

    def _step(self, key: str) -> int:
        change = self._known.get(key)
        return self._first if change is None else change.step
