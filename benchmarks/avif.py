"""AVIF while someone waits: what Imagemill writes, against libvips' `heifsave` at effort 1, at equal looks.

Effort 1 is speed 8 of libaom, what imgproxy 4 takes by default. For each photograph the effort 1 files of several
qualities are interpolated (logarithm of bytes, CPU) to the SSIMULACRA2 score of ours, so equal means equal, not near.
"""

from __future__ import annotations

import math
import statistics
import tempfile
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

from benchmarks import encodes, pictures
from benchmarks.encodes import Result, Setting
from benchmarks.measure import PAIRS, Figure, Outcome, at_most, rounded
from imagemill.recipe.quality import DEFAULT_QUALITY

CPU = 0.4
BYTES = 1.06
QUALITIES = (60, DEFAULT_QUALITY, 85)
"""Ours, on the scale of `q`; the gate is at the default, the others are reported."""

_THEIRS = (46, 54, 58, 62, 66, 70, 74, 78, 84)
_EFFORT_1 = {"compression": "av1", "encoder": "aom", "bitdepth": 8, "subsample_mode": "on", "effort": 1}


def at_score(results: Sequence[Result], score: float) -> tuple[float, float]:
    """Bytes and CPU-seconds that one photograph takes at a score, on the line through the two results around it.

    `results` are of one photograph at two or more qualities; beyond the ends the last line goes on.
    """
    ordered = sorted(results, key=lambda result: result.score)
    low, high = next(
        ((below, above) for below, above in pairwise(ordered) if score <= above.score), (ordered[-2], ordered[-1])
    )
    share = (score - low.score) / (high.score - low.score)
    size = math.exp(math.log(low.bytes) + share * (math.log(high.bytes) - math.log(low.bytes)))
    return size, low.cpu + share * (high.cpu - low.cpu)


def measure() -> Outcome:
    """Encode every photograph both ways."""
    theirs = [
        Setting(name="effort 1", saver="heifsave_buffer", quality=quality, options=_EFFORT_1) for quality in _THEIRS
    ]
    ours = [encodes.engine("avif", q) for q in QUALITIES]
    with tempfile.TemporaryDirectory(prefix="imagemill-bench-") as scratch:
        folder = Path(scratch)
        photos = encodes.references(pictures.photo_set(), folder)
        results = encodes.judged([*ours, *theirs], photos, folder, repeats=PAIRS)
    rows, figures = [], []
    for q, setting in zip(QUALITIES, ours, strict=True):
        pairs = _pairs(results, setting.name)
        cpu = statistics.median(mine.cpu / seconds for mine, _, seconds in pairs)
        size = statistics.median(mine.bytes / other for mine, other, _ in pairs)
        gated = q == DEFAULT_QUALITY
        figures += [
            Figure(name=f"q={q}: CPU / effort 1", value=cpu, unit="×", gate=at_most(CPU) if gated else None),
            Figure(name=f"q={q}: bytes / effort 1", value=size, unit="×", gate=at_most(BYTES) if gated else None),
            Figure(name=f"q={q}: CPU of all / effort 1", value=_of_all(pairs)[0], unit="×"),
            Figure(name=f"q={q}: bytes of all / effort 1", value=_of_all(pairs)[1], unit="×"),
        ]
        rows += [_row(q, *pair) for pair in pairs]
    return Outcome(
        method=(
            f"{len(photos)} photographs fitted into {encodes.SIDE} px, by the engine's own encode step and by heifsave "
            f"effort 1 (8 bits, 4:2:0) at {len(_THEIRS)} qualities, interpolated to the same SSIMULACRA2; CPU of the "
            f"save call, one thread, the smallest of {PAIRS} interleaved rounds; medians over the photographs, and sums"
        ),
        figures=tuple(figures),
        rows=(("q", "photo", "SSIMULACRA2", "bytes", "bytes, effort 1", "CPU ms", "CPU ms, effort 1"), *rows),
    )


def _pairs(results: Sequence[Result], name: str) -> list[tuple[Result, float, float]]:
    """For each photograph our result, and what effort 1 takes at its score."""
    pairs = []
    for mine in (result for result in results if result.setting == name):
        others = [result for result in results if result.setting == "effort 1" and result.photo == mine.photo]
        pairs.append((mine, *at_score(others, mine.score)))
    return pairs


def _of_all(pairs: Sequence[tuple[Result, float, float]]) -> tuple[float, float]:
    """CPU and bytes of all photographs together, ours over theirs."""
    cpu = sum(mine.cpu for mine, _, _ in pairs) / sum(seconds for _, _, seconds in pairs)
    return cpu, sum(mine.bytes for mine, _, _ in pairs) / sum(size for _, size, _ in pairs)


def _row(q: int, mine: Result, size: float, cpu: float) -> tuple[str, ...]:
    numbers = (mine.cpu * 1e3, cpu * 1e3)
    sizes = (str(mine.bytes), f"{size:.0f}")
    return (str(q), mine.photo, f"{mine.score:.1f}", *sizes, *(f"{rounded(number):g}" for number in numbers))
