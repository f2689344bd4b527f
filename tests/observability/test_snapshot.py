"""Counts of several processes, added up."""

from __future__ import annotations

from imagemill.observability.metrics import Metrics, render
from imagemill.observability.snapshot import Snapshot, decode_snapshot, encode_snapshot


def counted(requests: int, seconds: float, stored: int) -> Snapshot:
    """Return what a process has counted, after the way to the supervisor."""
    metrics = Metrics()
    metrics.count("imagemill_errors", "not_found", by=requests)
    metrics.observe("total", seconds)
    metrics.gauge("imagemill_workers", lambda: 2)
    metrics.gauge("imagemill_variant_store_bytes", lambda: stored)
    return decode_snapshot(encode_snapshot(metrics.snapshot()))


def test_processes_add_up() -> None:
    """Counters, gauges and the histogram are summed; what all read off one store counts once."""
    total = Snapshot()
    total.add(counted(3, 0.2, 1000))
    total.add(counted(4, 0.3, 1200))
    text = render(total).decode()
    assert 'imagemill_errors_total{code="not_found"} 7.0' in text
    assert "imagemill_workers 4.0" in text
    assert "imagemill_variant_store_bytes 1200.0" in text
    assert 'imagemill_stage_seconds_count{stage="total"} 2.0' in text
    assert 'imagemill_stage_seconds_sum{stage="total"} 0.5' in text


def test_the_dead_stay_counted_but_have_no_workers() -> None:
    """Of a process that is no more, what it counted stays; what it had is gone."""
    total = Snapshot()
    total.add(counted(3, 0.2, 1000), living=False)
    total.add(counted(4, 0.3, 900))
    assert total.counters["imagemill_errors"][("not_found",)] == 7
    assert total.gauges == {"imagemill_workers": 2.0, "imagemill_variant_store_bytes": 900.0}


def test_adding_changes_nothing_of_what_was_added() -> None:
    """A sum is made anew for each reader."""
    one = counted(3, 0.2, 1000)
    before = encode_snapshot(one)
    total = Snapshot()
    total.add(one)
    total.add(one)
    assert encode_snapshot(one) == before
