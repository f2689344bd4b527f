"""What one process has counted, as a value: sent to the supervisor of a node, which adds the processes up.

Separate from `metrics`, which counts while serving. Counters and the histogram are summed, those of dead processes too
(Prometheus: a counter never goes back but by a restart of the whole). Gauges are summed over the living, but for those
that each process reads off what all share (`names.SHARED_GAUGES`): there the largest is the newest.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import msgspec

from imagemill.observability import names

Values = dict[tuple[str, ...], float]
Totals = Callable[[], Awaitable["Snapshot"]]
"""What returns the sum of all processes of a node."""


@dataclass(slots=True)
class Snapshot:
    """Values by metric name: counters by labels, gauges, and of each stage its buckets (not cumulated) and seconds."""

    counters: dict[str, Values] = field(default_factory=dict)
    gauges: dict[str, float] = field(default_factory=dict)
    buckets: dict[str, list[int]] = field(default_factory=dict)
    sums: dict[str, float] = field(default_factory=dict)

    def add(self, other: Snapshot, *, living: bool = True) -> None:
        """Add what another process has counted; of a dead one (`living` False) the gauges are no more."""
        for name, values in other.counters.items():
            mine = self.counters.setdefault(name, {})
            for labels, value in values.items():
                mine[labels] = mine.get(labels, 0.0) + value
        for stage, counts in other.buckets.items():
            before = self.buckets.get(stage, [0] * len(counts))
            self.buckets[stage] = [a + b for a, b in zip(before, counts, strict=True)]
        for stage, seconds in other.sums.items():
            self.sums[stage] = self.sums.get(stage, 0.0) + seconds
        for name, value in other.gauges.items() if living else ():
            if name in names.SHARED_GAUGES:
                self.gauges[name] = max(self.gauges.get(name, value), value)
            else:
                self.gauges[name] = self.gauges.get(name, 0.0) + value


class _Sent(msgspec.Struct, frozen=True):
    """The shape on the way: JSON has no tuples as keys."""

    counters: dict[str, list[tuple[list[str], float]]]
    gauges: dict[str, float]
    buckets: dict[str, list[int]]
    sums: dict[str, float]


def encode_snapshot(snapshot: Snapshot) -> bytes:
    """Return `snapshot` as one line of JSON without a newline."""
    counters = {
        name: [(list(labels), value) for labels, value in values.items()] for name, values in snapshot.counters.items()
    }
    return msgspec.json.encode(_Sent(counters, snapshot.gauges, snapshot.buckets, snapshot.sums))


def decode_snapshot(data: bytes) -> Snapshot:
    """Return what `encode_snapshot` was given."""
    sent = msgspec.json.decode(data, type=_Sent)
    counters = {name: {tuple(labels): value for labels, value in rows} for name, rows in sent.counters.items()}
    return Snapshot(counters, sent.gauges, sent.buckets, sent.sums)
