"""Is `q` one scale? The SSIMULACRA2 of what the engine writes for the same `q` in each format, over the photo set.

`python -m benchmarks.scale` measures the encoders anew instead and prints the values that would look equal to JPEG's,
for the table in `imagemill.recipe.quality`.
"""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

from benchmarks import encodes, pictures
from benchmarks.encodes import Result, Setting
from benchmarks.measure import Figure, Outcome, at_most
from imagemill.engine.rare import jxl_library

SIDE = 560
POINTS = (30, 40, 50, 60, 70, 76, 80, 85, 88)
"""Where the formats are compared: below 30 nobody asks, from 90 on WebP and AVIF cannot follow."""

MEAN = 1.5
"""SSIMULACRA2 that a format may be off JPEG on average over the points; a score of 1 is hardly seen."""

_ALL_POINTS = (1, 5, 10, 15, 20, 25, 30, 40, 50, 60, 70, 76, 80, 85, 89, 90, 95, 98, 100)
_GRIDS: dict[str, tuple[float, ...]] = {
    "webp": (1, 5, 10, 20, 30, 40, 50, 60, 66, 72, 77, 82, 86, 90, 94, 97, 100),
    "avif": (1, 10, 20, 28, 36, 42, 48, 52, 56, 60, 65, 70, 75, 80, 85, 90, 95, 100),
    "jxl": (25, 17, 12, 9, 7, 5.5, 4.5, 3.7, 3, 2.5, 2, 1.6, 1.2, 0.9, 0.6, 0.3, 0.1),
}


def formats() -> tuple[str, ...]:
    """The formats with a scale of their own that can be written here."""
    return ("jpeg", "webp", "avif", *(("jxl",) if jxl_library.find() else ()))


def measure() -> Outcome:
    """Score every format at every point."""
    settings = [encodes.engine(kind, q) for kind in formats() for q in POINTS]
    results = _judged(settings)
    means = {setting.name: _mean(results, setting.name) for setting in settings}
    rows = [(str(q), *(f"{means[f'{kind} q={q}']:.1f}" for kind in formats())) for q in POINTS]
    figures = []
    for kind in formats()[1:]:
        off = [means[f"{kind} q={q}"] - means[f"jpeg q={q}"] for q in POINTS]
        note = f"from {min(off):.1f} to {max(off):.1f}"
        figures.append(
            Figure(
                name=f"{kind}: distance from JPEG at the same q",
                value=statistics.mean(abs(number) for number in off),
                unit="",
                gate=at_most(MEAN),
                note=note,
            )
        )
    return Outcome(
        method=(
            f"{len({result.photo for result in results})} photographs fitted into {SIDE} px; mean SSIMULACRA2 of what "
            "the engine writes for the same q; the distance is the mean over these q"
        ),
        figures=tuple(figures),
        rows=(("q", *formats()), *rows),
    )


def _judged(settings: Sequence[Setting]) -> list[Result]:
    with tempfile.TemporaryDirectory(prefix="imagemill-bench-") as scratch:
        folder = Path(scratch)
        return encodes.judged(settings, encodes.references(pictures.photo_set(), folder, SIDE), folder, repeats=1)


def _mean(results: Sequence[Result], name: str) -> float:
    return statistics.mean(result.score for result in results if result.setting == name)


def equal(curve: Sequence[tuple[float, float]], score: float) -> float:
    """The encoder's value at a score: `curve` holds (value, score) with rising scores, and its ends are the ends."""
    if score <= curve[0][1]:
        return curve[0][0]
    for (low, below), (high, above) in pairwise(curve):
        if score <= above:
            return low + (high - low) * (score - below) / max(1e-9, above - below)
    return curve[-1][0]


def main() -> None:
    """Print for each point of the scale the values that look equal."""
    options: dict[str, tuple[str, dict[str, object]]] = {
        "webp": ("webpsave_buffer", {"effort": 2}),
        "avif": (
            "heifsave_buffer",
            {"compression": "av1", "encoder": "aom", "bitdepth": 10, "effort": 0, "subsample_mode": "on"},
        ),
    }
    settings = [encodes.engine("jpeg", q) for q in _ALL_POINTS]
    for kind in formats()[1:]:
        for value in _GRIDS[kind]:
            name = f"{kind} {value:g}"
            if kind == "jxl":
                settings.append(
                    Setting(name=name, saver=encodes.JXL, quality=None, options={"distance": value, "effort": 3})
                )
            else:
                saver, extra = options[kind]
                settings.append(Setting(name=name, saver=saver, quality=int(value), options=extra))
    results = _judged(settings)
    curves = {kind: [(value, _mean(results, f"{kind} {value:g}")) for value in _GRIDS[kind]] for kind in formats()[1:]}
    print("q    JPEG  " + "  ".join(formats()[1:]))
    for q in _ALL_POINTS:
        score = _mean(results, f"jpeg q={q}")
        print(f"{q:<4} {score:5.1f} " + "  ".join(f"{kind} {equal(curves[kind], score):6.2f}" for kind in curves))
    for kind, curve in curves.items():
        print(kind, " ".join(f"{value:g}:{score:.1f}" for value, score in curve))


if __name__ == "__main__":
    main()
