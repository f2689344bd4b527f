"""Counting while serving, and the text that a scrape gets."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest

from imagemill.observability import names
from imagemill.observability.access_log import AccessLog, quoted, timestamp
from imagemill.observability.metrics import Metrics

PAGE = Path(__file__).resolve().parents[2] / "docs" / "observability.md"


def text(metrics: Metrics) -> str:
    """Return what a scrape gets."""
    return metrics.render().decode()


def test_counters_add_up_by_label() -> None:
    """Each label has its own sum."""
    metrics = Metrics()
    metrics.count("imagemill_errors", "bad_option")
    metrics.count("imagemill_errors", "bad_option", by=2)
    metrics.count("imagemill_errors", "not_found")
    assert 'imagemill_errors_total{code="bad_option"} 3.0' in text(metrics)
    assert 'imagemill_errors_total{code="not_found"} 1.0' in text(metrics)


def test_an_unknown_name_is_refused() -> None:
    """A metric that is not in the table cannot be counted by a slip of the pen."""
    metrics = Metrics()
    with pytest.raises(KeyError):
        metrics.count("imagemill_typo")
    with pytest.raises(KeyError):
        metrics.gauge("imagemill_typo", lambda: 0)
    with pytest.raises(KeyError):
        metrics.reader("imagemill_typo", dict)


def test_the_histogram_is_cumulative_and_complete() -> None:
    """Every bucket counts what is at most its bound; +Inf counts all."""
    metrics = Metrics()
    for seconds in (0.0004, 0.0005, 0.02, 60.0):
        metrics.observe("total", seconds)
    shown = text(metrics)
    assert 'imagemill_stage_seconds_bucket{le="0.0005",stage="total"} 2.0' in shown
    assert 'imagemill_stage_seconds_bucket{le="0.025",stage="total"} 3.0' in shown
    assert 'imagemill_stage_seconds_bucket{le="+Inf",stage="total"} 4.0' in shown
    assert 'imagemill_stage_seconds_count{stage="total"} 4.0' in shown


def test_gauges_and_readers_are_asked_at_each_scrape() -> None:
    """A gauge shows the present value, a reader the counts kept elsewhere."""
    metrics = Metrics()
    values = iter((1.0, 2.0))
    metrics.gauge("imagemill_workers", lambda: next(values))
    metrics.reader("imagemill_worker_kills", lambda: {("memory",): 7.0})
    assert "imagemill_workers 1.0" in text(metrics)
    shown = text(metrics)
    assert "imagemill_workers 2.0" in shown
    assert 'imagemill_worker_kills_total{reason="memory"} 7.0' in shown


def test_bytes_saved_never_shrink() -> None:
    """A variant larger than its original saves nothing and takes nothing back."""
    metrics = Metrics()
    metrics.sent(100, 1000)
    metrics.sent(2000, 1000)
    assert "imagemill_saved_bytes_total 900.0" in text(metrics)
    assert "imagemill_sent_bytes_total 2100.0" in text(metrics)


def test_every_metric_is_in_the_docs() -> None:
    """The page of metrics names each one of the table and none that does not exist."""
    page = PAGE.read_text()
    known = {*names.COUNTERS, *names.GAUGES, names.HISTOGRAM}
    shown = {name.removesuffix("_total") for name in re.findall(r"imagemill_[a-z_]+", page)}
    assert known <= shown, known - shown
    extra = {name for name in shown - known if name.removesuffix("_bucket").removesuffix("_count") not in known}
    assert not extra, extra


def test_a_log_line_is_one_line_of_json_whatever_is_in_it() -> None:
    """Line ends, escapes and separators of a stranger's path are escaped and long ones cut (threat L3)."""
    nasty = 'a"\\\r\n\x1b[31m\u2028\u2029' + "x" * 5000
    line = f'{{"path":{quoted(nasty)}}}'
    assert len(line.splitlines()) == 1
    assert json.loads(line)["path"] == nasty[:512]
    assert len(line) < 2000


def test_the_log_writes_every_line_before_it_closes() -> None:
    """A clean stop loses none."""
    reading, writing = os.pipe()
    log = AccessLog(writing, lambda: None)
    for number in range(1000):
        log.write(str(number))
    log.close()
    os.close(writing)
    with os.fdopen(reading) as lines:
        assert lines.read().split() == [str(number) for number in range(1000)]


def test_a_log_that_cannot_be_written_counts_what_it_lost() -> None:
    """A closed pipe is no reason to fail a request; the loss shows in the metrics."""
    reading, writing = os.pipe()
    os.close(reading)
    lost = []
    log = AccessLog(writing, lambda: lost.append(1))
    log.write("one")
    log.close()
    os.close(writing)
    assert lost == [1]


def test_timestamps_are_rfc_3339_in_utc() -> None:
    """Seconds with milliseconds and a Z."""
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", timestamp())
