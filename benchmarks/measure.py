"""The arithmetic of a benchmark: medians, percentiles, ratios of pairs, and figures that meet their gate or do not.

Pure functions and values, apart from everything that starts a process, so that they can be tested without one.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

PAIRS = 7
"""Interleaved pairs that a gate's median needs at least (issue 2, "Speed and memory")."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """What a figure must meet: `sign` is "<=" or ">=", `limit` is in the figure's unit."""

    sign: Literal["<=", ">="]
    limit: float

    def met(self, value: float) -> bool:
        """Whether the value is on the right side; a value that is not a number never is."""
        if math.isnan(value):
            return False
        return value <= self.limit if self.sign == "<=" else value >= self.limit

    def __str__(self) -> str:
        return f"{'≤' if self.sign == '<=' else '≥'} {self.limit:g}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One measured number. `unit` is a word such as "ms", "MB" or "×"; a figure without a gate is only reported."""

    name: str
    value: float
    unit: str
    gate: Gate | None = None
    note: str = ""

    @property
    def passed(self) -> bool | None:
        """Whether the gate is met; None where there is none."""
        return None if self.gate is None else self.gate.met(self.value)

    def as_json(self) -> dict[str, object]:
        """The figure as `latest.json` holds it."""
        return {
            "name": self.name,
            "value": rounded(self.value),
            "unit": self.unit,
            "gate": None if self.gate is None else str(self.gate),
            "pass": self.passed,
            "note": self.note,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What one benchmark found: the method in words, its figures, and a table for the curious.

    `rows` are printed in the report as they stand; the first one holds the headings.
    """

    method: str
    figures: tuple[Figure, ...]
    rows: tuple[tuple[str, ...], ...] = field(default=())


def at_most(limit: float) -> Gate:
    """A gate that larger values miss."""
    return Gate(sign="<=", limit=limit)


def at_least(limit: float) -> Gate:
    """A gate that smaller values miss."""
    return Gate(sign=">=", limit=limit)


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that `share` (0…1) of all values do not exceed (the nearest-rank definition)."""
    if not values:
        return math.nan
    ordered = sorted(values)
    rank = max(1, math.ceil(share * len(ordered)))
    return ordered[rank - 1]


def median_ratio(ours: Sequence[float], theirs: Sequence[float]) -> float:
    """The median over pairs of ours / theirs; each pair was measured back to back, so drift cancels within it."""
    if len(ours) != len(theirs) or not ours:
        raise ValueError(f"pairs expected, got {len(ours)} and {len(theirs)} measurements")
    return statistics.median(mine / other for mine, other in zip(ours, theirs, strict=True))


def rounded(value: float) -> float:
    """Four significant digits: more would pretend to a precision that no run has."""
    if not math.isfinite(value) or value == 0:
        return value
    return round(value, 3 - math.floor(math.log10(abs(value))))


def spread(values: Sequence[float]) -> str:
    """Median, smallest and largest in words, for a note beside a figure."""
    low, middle, high = (rounded(v) for v in (min(values), statistics.median(values), max(values)))
    return f"median {middle:g} of {len(values)} ({low:g}…{high:g})"
