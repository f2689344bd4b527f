"""Which settings of an encoder are worth their CPU: bytes at equal looks, and what they cost, for each format.

Every setting is judged against the one that the engine uses, at the score of that: 1.05 means 5 % more bytes for the
same SSIMULACRA2. Formats without a quality (GIF, PNG, its palette) are told as bytes and score. Writes the table of
`docs/encoders.md` between its marks, and the plot beside it.
"""

from __future__ import annotations

import math
import re
import statistics
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from benchmarks import encodes, pictures, plot
from benchmarks.encodes import JXL, Result, Setting
from benchmarks.load import ROOT
from benchmarks.measure import Figure, Outcome, rounded
from imagemill.engine.rare import jxl_library

SIDE = 560
REPEATS = 2
PAGE = ROOT / "docs" / "encoders.md"
PLOT = ROOT / "docs" / "pictures" / "frontier.svg"
_MARKS = re.compile(r"(<!-- frontier -->\n).*?(<!-- end -->)", re.DOTALL)

Named = tuple[str, dict[str, object]]
_AV1: dict[str, object] = {"compression": "av1", "encoder": "aom", "bitdepth": 8, "subsample_mode": "on"}


@dataclass(frozen=True, slots=True)
class Candidate:
    """Settings of one encoder under a name, at a few qualities. The first of a format is the one in use."""

    format: str
    name: str
    saver: str
    qualities: tuple[int | float | None, ...]
    options: dict[str, object]

    def settings(self) -> list[Setting]:
        """One setting for each quality; JPEG XL has its quality among the options."""
        return [
            Setting(name=self.key(at), saver=self.saver, quality=None, options=self.options | {"distance": quality})
            if self.saver == JXL
            else Setting(name=self.key(at), saver=self.saver, quality=_whole(quality), options=self.options)
            for at, quality in enumerate(self.qualities)
        ]

    def key(self, at: int) -> str:
        """The name of the setting at the quality with that number."""
        return f"{self.format}|{self.name}|{at}"


def _whole(quality: float | None) -> int | None:
    return None if quality is None else int(quality)


def _candidates() -> list[Candidate]:
    jpeg: list[Named] = [
        ("table 5, optimised", {"quant_table": 5, "optimize_coding": True}),
        ("standard", {}),
        ("standard, optimised", {"optimize_coding": True}),
        ("standard, progressive", {"interlace": True}),
        ("table 5", {"quant_table": 5}),
        ("table 3, optimised", {"quant_table": 3, "optimize_coding": True}),
        ("table 5, progressive", {"quant_table": 5, "interlace": True}),
        ("table 5, trellis", {"quant_table": 5, "trellis_quant": True, "optimize_coding": True}),
        ("table 5, optimised, 4:4:4", {"quant_table": 5, "optimize_coding": True, "subsample_mode": "off"}),
    ]
    webp: list[Named] = [
        ("effort 2", {"effort": 2}),
        ("effort 0", {"effort": 0}),
        ("effort 1", {"effort": 1}),
        ("effort 4", {"effort": 4}),
        ("effort 6", {"effort": 6}),
        ("effort 2, smart subsampling", {"effort": 2, "smart_subsample": True}),
        ("effort 2, preset photo", {"effort": 2, "preset": "photo"}),
    ]
    avif: list[Named] = [
        ("effort 0, 10 bits", {"effort": 0, "bitdepth": 10}),
        ("effort 0", {"effort": 0}),
        ("effort 0, 4:4:4", {"effort": 0, "subsample_mode": "off"}),
        ("effort 1", {"effort": 1}),
        ("effort 0, tune ssim", {"effort": 0, "tune": "ssim"}),
    ]
    gif: list[Named] = [
        ("effort 3, dither 0.5", {"effort": 3, "dither": 0.5}),
        ("effort 3", {"effort": 3}),
        ("effort 3, dither 0.25", {"effort": 3, "dither": 0.25}),
        ("effort 5, dither 0.5", {"effort": 5, "dither": 0.5}),
        ("effort 3, 7 bits", {"effort": 3, "dither": 0.5, "bitdepth": 7}),
    ]
    png: list[Named] = [
        ("level 3, paeth", {"compression": 3, "filter": "paeth"}),
        ("level 1, sub", {"compression": 1, "filter": "sub"}),
        ("level 3, average", {"compression": 3, "filter": "avg"}),
        ("level 6, all", {"compression": 6, "filter": "all"}),
    ]
    common: dict[str, object] = {"palette": True, "compression": 9}
    palette: list[Named] = [
        ("effort 3, dither 0.5", {"effort": 3, "dither": 0.5}),
        ("effort 3", {"effort": 3}),
        ("effort 4, dither 0.5", {"effort": 4, "dither": 0.5}),
    ]
    found = [
        *(Candidate("JPEG", name, "jpegsave_buffer", (50, 60, 76, 84, 88), options) for name, options in jpeg),
        *(Candidate("WebP", name, "webpsave_buffer", (64, 82, 92), options) for name, options in webp),
        *(Candidate("AVIF", name, "heifsave_buffer", (52, 65, 78), _AV1 | options) for name, options in avif),
        *(Candidate("GIF", name, "gifsave_buffer", (None,), options) for name, options in gif),
        *(Candidate("PNG", name, "pngsave_buffer", (None,), options) for name, options in png),
        *(Candidate("PNG, palette", name, "pngsave_buffer", (76,), common | options) for name, options in palette),
    ]
    if jxl_library.find():
        found += [Candidate("JPEG XL", f"effort {n}", JXL, (3.6, 2.2, 1.3), {"effort": n}) for n in (3, 1, 5)]
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """A candidate at one quality, over the photo set: score and CPU (ms a megapixel) are means, bytes geometric."""

    score: float
    bytes: float
    cpu: float


def curve(candidate: Candidate, results: Sequence[Result]) -> list[Point]:
    """The points of a candidate, in the order of its qualities."""
    points = []
    for at in range(len(candidate.qualities)):
        found = [result for result in results if result.setting == candidate.key(at)]
        points.append(
            Point(
                score=statistics.mean(result.score for result in found),
                bytes=math.exp(statistics.mean(math.log(result.bytes) for result in found)),
                cpu=statistics.mean(result.cpu / result.megapixels for result in found) * 1e3,
            )
        )
    return points


def bytes_at(points: Sequence[Point], score: float) -> float:
    """The bytes of a curve with rising scores at a score, on the line of their logarithms; NaN outside the curve."""
    for low, high in pairwise(points):
        if low.score <= score <= high.score:
            share = (score - low.score) / (high.score - low.score)
            return math.exp(math.log(low.bytes) + share * (math.log(high.bytes) - math.log(low.bytes)))
    return math.nan


def measure() -> Outcome:
    """Encode everything, write the plot and the table."""
    candidates = _candidates()
    with tempfile.TemporaryDirectory(prefix="imagemill-bench-") as scratch:
        folder = Path(scratch)
        photos = encodes.references(pictures.photo_set(), folder, SIDE)
        settings = [setting for candidate in candidates for setting in candidate.settings()]
        results = encodes.judged(settings, photos, folder, REPEATS)
    curves = [(candidate, curve(candidate, results)) for candidate in candidates]
    rows = _rows(curves)
    _write_table(rows)
    plot.write(PLOT, [_series(candidate, points) for candidate, points in curves if len(points) > 1])
    return Outcome(
        method=(
            f"{len(photos)} photographs fitted into {SIDE} px; CPU of the save call, one thread, the smaller of "
            f"{REPEATS} interleaved tries; bytes of a setting over those of the one in use (the first of each format) "
            "at its SSIMULACRA2, mean over its qualities"
        ),
        figures=_figures(rows),
        rows=tuple(rows),
    )


_HEADS = ("format", "setting", "SSIMULACRA2", "bytes", "CPU ms/MP", "bytes at equal looks", "CPU")


def _rows(curves: Sequence[tuple[Candidate, list[Point]]]) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = [_HEADS]
    used: dict[str, list[Point]] = {}
    for candidate, points in curves:
        base = used.setdefault(candidate.format, points)
        middle, base_middle = points[len(points) // 2], base[len(base) // 2]
        rows.append(
            (
                candidate.format,
                candidate.name + (" (used)" if points is base else ""),
                f"{middle.score:.1f}",
                f"{middle.bytes:.0f}",
                f"{rounded(middle.cpu):g}",
                _ratio(points, base),
                f"{middle.cpu / base_middle.cpu:.2f}",
            )
        )
    return rows


def _ratio(points: Sequence[Point], base: Sequence[Point]) -> str:
    """Bytes over the used setting's at the same score, where both have a scale; else over its bytes as they are."""
    if len(points) == 1:
        return f"({points[0].bytes / base[0].bytes:.3f})"
    found = [point.bytes / bytes_at(base, point.score) for point in points]
    known = [ratio for ratio in found if not math.isnan(ratio)]
    return f"{statistics.geometric_mean(known):.3f}" if known else "?"


def _figures(rows: Sequence[tuple[str, ...]]) -> tuple[Figure, ...]:
    """CPU of the settings in use."""
    return tuple(
        Figure(name=f"{row[0]}: {row[1]}", value=float(row[4]), unit="ms/MP")
        for row in rows[1:]
        if row[1].endswith("(used)")
    )


def _series(candidate: Candidate, points: Sequence[Point]) -> plot.Series:
    used = candidate.name == next(c.name for c in _candidates() if c.format == candidate.format)
    cpu = statistics.mean(point.cpu for point in points)
    return plot.Series(
        group=candidate.format,
        label=f"{candidate.name} · {rounded(cpu):.3g} ms/MP",
        points=tuple((point.bytes / 1000, point.score) for point in points),
        used=used,
    )


def _write_table(rows: Sequence[tuple[str, ...]]) -> None:
    """Put the table between its marks in the page."""
    heads, *cells = ["| " + " | ".join(row) + " |" for row in rows]
    table = "\n".join([heads, "|---|---|---|---|---|---|---|", *cells])
    page = PAGE.read_text()
    PAGE.write_text(_MARKS.sub(lambda marks: f"{marks[1]}{table}\n{marks[2]}", page))
