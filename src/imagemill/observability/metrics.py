"""Counting while serving: plain numbers in this process, turned into Prometheus text only when asked.

Separate from the Prometheus client because a hit is answered in some ten microseconds and a labelled counter of that
library costs a tenth of it; its exposition format is used as it is (`render`), imported at the first scrape.
"""

from __future__ import annotations

import time
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from imagemill.observability import names
from imagemill.observability.snapshot import Snapshot


class Metrics:
    """Counters, gauges read through callables, and one histogram over the stages."""

    def __init__(self) -> None:
        """Everything starts at zero."""
        self._counters: dict[str, defaultdict[tuple[str, ...], float]] = {
            name: defaultdict(float) for name in names.COUNTERS
        }
        self._gauges: dict[str, Callable[[], float]] = {}
        self._readers: dict[str, Callable[[], Mapping[tuple[str, ...], float]]] = {}
        self._buckets = {stage: [0] * (len(names.BUCKETS) + 1) for stage in names.STAGES}
        self._sums = dict.fromkeys(names.STAGES, 0.0)
        self.results = self._counters["imagemill_cache_results"]
        self.requests = self._counters["imagemill_requests"]
        self._sent = self._counters["imagemill_sent_bytes"]
        self._saved = self._counters["imagemill_saved_bytes"]

    def count(self, name: str, *labels: str, by: float = 1) -> None:
        """Add to a counter of `names.COUNTERS`; an unknown name is a KeyError, found by the first test that runs it."""
        self._counters[name][labels] += by

    def gauge(self, name: str, read: Callable[[], float]) -> None:
        """Have `read` called at each scrape for a gauge of `names.GAUGES`."""
        if name not in names.GAUGES:
            raise KeyError(name)
        self._gauges[name] = read

    def reader(self, name: str, read: Callable[[], Mapping[tuple[str, ...], float]]) -> None:
        """Have `read` called at each scrape for a counter that is counted elsewhere: its values by labels."""
        if name not in names.COUNTERS:
            raise KeyError(name)
        self._readers[name] = read

    def observe(self, stage: str, seconds: float) -> None:
        """Record how long a stage took."""
        self._buckets[stage][bisect_left(names.BUCKETS, seconds)] += 1
        self._sums[stage] += seconds

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Record how long the block took, also when it raises."""
        came = time.perf_counter()
        try:
            yield
        finally:
            self.observe(name, time.perf_counter() - came)

    def sent(self, size: int, original: int) -> None:
        """Record a body sent, and what it saved against sending the original."""
        self._sent[()] += size
        if original > size:
            self._saved[()] += original - size

    def made(self, made_format: str, original_bytes: int, variant_bytes: int, cpu_seconds: float) -> None:
        """Record a transcode."""
        self.count("imagemill_variants_made", made_format)
        self.count("imagemill_original_bytes", by=original_bytes)
        self.count("imagemill_variant_bytes", by=variant_bytes)
        self.count("imagemill_transcode_cpu_seconds", by=cpu_seconds)

    def kept(self, *, stored: bool) -> None:
        """Record whether a made variant found its place."""
        self.count("imagemill_variants_kept", "yes" if stored else "no")

    def snapshot(self) -> Snapshot:
        """Return everything as it is now, to be shown or added to that of other processes."""
        return Snapshot(
            counters={name: dict(self._values(name)) for name in names.COUNTERS},
            gauges={name: float(read()) for name, read in self._gauges.items()},
            buckets={stage: list(counts) for stage, counts in self._buckets.items()},
            sums=dict(self._sums),
        )

    def render(self) -> bytes:
        """Return what this process has counted in the Prometheus text format."""
        return render(self.snapshot())

    def _values(self, name: str) -> Mapping[tuple[str, ...], float]:
        read = self._readers.get(name)
        return self._counters[name] if read is None else read()


def render(snapshot: Snapshot) -> bytes:
    """Return a snapshot, of one process or of many, in the Prometheus text format."""
    from prometheus_client import CollectorRegistry, generate_latest

    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Families(snapshot))  # type: ignore[arg-type]  # a collector is anything with `collect`
    return generate_latest(registry)


class _Families:
    """A snapshot as the Prometheus client's collector protocol wants it."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot

    def collect(self) -> Iterator[object]:
        """Yield metric families."""
        from prometheus_client.core import (
            CounterMetricFamily,
            GaugeMetricFamily,
            HistogramMetricFamily,
        )

        shown = self._snapshot
        for name, (text, labels) in names.COUNTERS.items():
            counter = CounterMetricFamily(name, text, labels=labels)
            values = shown.counters.get(name) or ({} if labels else {(): 0.0})
            for key, value in values.items():
                counter.add_metric(key, value)
            yield counter
        for name, value in shown.gauges.items():
            yield GaugeMetricFamily(name, names.GAUGES[name], value=value)
        histogram = HistogramMetricFamily(names.HISTOGRAM, names.HISTOGRAM_HELP, labels=("stage",))
        for stage, counts in shown.buckets.items():
            histogram.add_metric((stage,), _cumulative(counts), shown.sums[stage])
        yield histogram


def _cumulative(counts: list[int]) -> list[tuple[str, float]]:
    total = 0
    rows: list[tuple[str, float]] = []
    for bound, count in zip((*map(str, names.BUCKETS), "+Inf"), counts, strict=True):
        total += count
        rows.append((bound, float(total)))
    return rows
