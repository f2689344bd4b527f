"""The arithmetic of the benchmarks, without starting anything."""

from __future__ import annotations

import math
from pathlib import Path
from xml.etree import ElementTree

import pytest
from benchmarks.encodes import Result
from benchmarks.load import Answer, Report
from benchmarks.measure import Figure, at_least, at_most, median_ratio, percentile, rounded

from benchmarks import avif, bare_loop, bursts, cold, fairness, frontier, hot, plot, quality, report, scale
from imagemill.engine.port import Facts


@pytest.mark.parametrize(
    ("values", "share", "expected"),
    [([5.0], 0.99, 5.0), ([1.0, 2.0, 3.0, 4.0], 0.5, 2.0), ([4.0, 1.0, 3.0, 2.0], 0.75, 3.0), ([1.0, 2.0], 1.0, 2.0)],
)
def test_a_percentile_is_one_of_the_values(values: list[float], share: float, expected: float) -> None:
    """The nearest-rank percentile never invents a value between two measured ones."""
    assert percentile(values, share) == expected


def test_the_percentile_of_nothing_is_not_a_number() -> None:
    """Without answers there is no latency, and no gate can be met with it."""
    assert math.isnan(percentile([], 0.5))
    assert not at_most(1).met(percentile([], 0.5))


def test_ratios_are_taken_within_pairs() -> None:
    """A machine that slows down for both sides of a pair does not move the ratio."""
    assert median_ratio([10, 20, 40], [20, 40, 80]) == 0.5


@pytest.mark.parametrize(("ours", "theirs"), [([], []), ([1.0], [1.0, 2.0])])
def test_a_ratio_needs_pairs(ours: list[float], theirs: list[float]) -> None:
    """Measurements that are not pairs are refused."""
    with pytest.raises(ValueError, match="pairs expected"):
        median_ratio(ours, theirs)


@pytest.mark.parametrize(
    ("figure", "passed"),
    [
        (Figure(name="a", value=1.12, unit="×", gate=at_most(1.12)), True),
        (Figure(name="a", value=1.13, unit="×", gate=at_most(1.12)), False),
        (Figure(name="a", value=0.89, unit="×", gate=at_least(0.9)), False),
        (Figure(name="a", value=math.nan, unit="×", gate=at_least(0.9)), False),
        (Figure(name="a", value=5, unit="ms"), None),
    ],
)
def test_a_gate_is_met_or_not(figure: Figure, passed: bool | None) -> None:
    """The limit itself passes, beyond it fails, and a figure without a gate has no verdict."""
    assert figure.passed is passed


@pytest.mark.parametrize(("value", "expected"), [(0.0, 0.0), (1234.56, 1235.0), (0.0123456, 0.01235), (99.99, 99.99)])
def test_figures_keep_four_digits(value: float, expected: float) -> None:
    """More digits would pretend to a precision that no run has."""
    assert rounded(value) == expected


@pytest.mark.parametrize(
    ("ratio", "factor"),
    [(1.0, 1), (2.79, 1), (2.8, 2), (7.99, 2), (8.0, 4), (15.99, 4), (16.0, 8), (100.0, 8)],
)
def test_the_loop_shrinks_by_the_rule(ratio: float, factor: int) -> None:
    """By 2 from a residual of 1.4 on, by 4 and 8 only from 2 on."""
    assert bare_loop.shrink_factor(ratio) == factor


@pytest.mark.parametrize("factor", quality.FACTORS)
def test_the_switch_is_where_the_factor_changes(factor: int) -> None:
    """The switch width is the widest that the engine makes with its factor; one pixel more is beyond it."""
    facts = Facts(format="jpeg", width=4048, height=3024)
    width = quality.switch_width(facts, factor)
    assert width == 4048 // {2: 2.8, 4: 8, 8: 16}[factor]
    assert bare_loop.shrink_factor(4048 / width) == factor
    assert bare_loop.shrink_factor(4048 / (width + 1)) < factor


def test_no_cold_request_is_asked_twice() -> None:
    """Every request of every round is a new size of some original."""
    names = [f"{n}.jpg" for n in range(15)]
    rounds = cold.requests(names, 9, 160)
    asked = [pair for pairs in rounds for pair in pairs]
    assert [len(pairs) for pairs in rounds] == [160] * 9
    assert len(set(asked)) == len(asked)


def test_too_few_originals_are_refused() -> None:
    """A cold run that would have to repeat itself does not start."""
    with pytest.raises(ValueError, match="needed"):
        cold.requests(["a.jpg"], 9, 160)


def test_the_body_nearest_to_the_wanted_size_is_chosen() -> None:
    """Hot bodies are as near to 15 kB as a quality step allows."""
    assert hot.nearest_quality({60: 9_000, 75: 14_200, 90: 24_000}, 15_000) == 75


def test_without_wrk_the_gate_is_the_cpu(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Our own generator is slower than the servers, so that the throughput would be its own."""
    monkeypatch.setenv("PATH", str(tmp_path))
    ours, others = [bursts.Burst(100, 0.002, 0, 0, 0)], [bursts.Burst(200, 0.001, 0, 0, 0)]
    figures = bursts.compared(ours, others, other="theirs", gate=at_least(0.5))
    assert [(one.name, one.value) for one in figures if one.gate] == [("CPU per request, theirs / ours", 0.5)]


def test_a_stage_is_averaged_between_two_looks() -> None:
    """Only what happened between the looks counts."""
    total, count = 'imagemill_stage_seconds_sum{stage="render"}', 'imagemill_stage_seconds_count{stage="render"}'
    assert fairness.mean_seconds({total: 10.0, count: 100.0}, {total: 12.0, count: 110.0}, "render") == 0.2


def test_a_report_counts_only_good_answers() -> None:
    """Refusals are not throughput, and their latency is not mixed in."""
    answers = [Answer(200, 0.2, 10, 0.0), Answer(503, 0.001, 5, 0.0), Answer(0, 9.0, 0, 0.0)]
    found = Report(answers=answers, wall=2.0, cpu=0.1)
    assert found.rate == 0.5
    assert found.latency(0.99) == 0.2
    assert found.statuses() == {0: 1, 200: 1, 503: 1}
    with pytest.raises(RuntimeError, match="200 expected"):
        found.require_good("this run")


def test_the_page_says_what_the_results_say() -> None:
    """docs/benchmarks.md is printed from results/latest.json; neither may be edited alone."""
    assert report.PAGE.read_text() == report.page(report.load_results())


def _result(quality: int, size: int, score: float) -> Result:
    """One result of one photograph, whose CPU is a hundredth of its score."""
    return Result(
        setting="theirs", quality=quality, photo="p", bytes=size, cpu=score / 100, score=score, megapixels=1.0
    )


@pytest.mark.parametrize(
    ("score", "size"), [(70.0, 1000.0), (75.0, 2000.0), (80.0, 4000.0), (85.0, 4000 * math.sqrt(2)), (65.0, 500.0)]
)
def test_bytes_at_a_score_lie_on_the_line_of_their_logarithms(score: float, size: float) -> None:
    """Between two results bytes grow by the same factor for each point; beyond the ends the last line goes on."""
    found, cpu = avif.at_score([_result(60, 1000, 70), _result(80, 4000, 80), _result(90, 8000, 90)], score)
    assert found == pytest.approx(size)
    assert cpu == pytest.approx(score / 100)


def test_a_value_that_looks_equal_is_found_on_the_curve() -> None:
    """Between two measured values it is on the line; beyond the ends there is no better one than the end."""
    curve = [(10.0, 40.0), (20.0, 60.0), (30.0, 70.0)]
    assert [scale.equal(curve, score) for score in (0, 50, 65, 99)] == [10.0, 15.0, 25.0, 30.0]


def test_a_setting_is_only_compared_where_the_used_one_was_measured() -> None:
    """Outside its scores there is nothing to compare with, and no number is made up."""
    curve = [frontier.Point(score=60, bytes=100, cpu=1), frontier.Point(score=70, bytes=400, cpu=1)]
    assert frontier.bytes_at(curve, 65) == pytest.approx(200)
    assert math.isnan(frontier.bytes_at(curve, 71))


def test_a_plot_holds_every_curve_once_and_is_a_picture() -> None:
    """One line for each curve, labels escaped, and an XML parser reads it."""
    drawn = plot.svg(
        [
            plot.Series(group="A<B", label="one & only", points=((1, 2), (3, 4)), used=True),
            plot.Series(group="C", label="two", points=((1, 1), (1, 1))),
        ]
    )
    root = ElementTree.fromstring(drawn)  # noqa: S314  # our own text, drawn a line above
    assert len(root.findall(".//{*}polyline")) == 2
    assert {text.text for text in root.findall(".//{*}text")} >= {"A<B", "one & only", "two"}
