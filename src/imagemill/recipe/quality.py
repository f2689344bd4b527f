"""The one scale of `q`: JPEG's, with the values of the other encoders that look equal (contract, "q").

Measured: mean SSIMULACRA2 of fourteen photographs fitted into 560 px, with the settings that the engine uses
(`python -m benchmarks.scale`; `benchmarks/scale.py` checks it); 76, 82 and 65 are the contract's own, and 63 would be
AVIF's. From 90 on JPEG keeps its colour at full size, so it looks better at once; WebP ends at a score of 88 and AVIF
at 93, because theirs is always subsampled, so there the points only lead to 100. Between the points the values are
interpolated; `docs/options.md` prints them.
"""

from __future__ import annotations

from bisect import bisect_right

from imagemill.recipe.vocabulary import Format

DEFAULT_QUALITY = 76

EQUAL_LOOKS: tuple[tuple[int, int, int], ...] = (
    (1, 1, 1),
    (10, 3, 16),
    (15, 11, 27),
    (20, 19, 34),
    (30, 35, 42),
    (40, 48, 47),
    (50, 61, 51),
    (60, 73, 55),
    (70, 79, 60),
    (76, 82, 65),
    (80, 85, 67),
    (85, 88, 70),
    (89, 91, 74),
    (90, 97, 85),
    (95, 99, 94),
    (100, 100, 100),
)
"""Values that look equal: JPEG, WebP, AVIF."""

JXL_DISTANCES: tuple[tuple[int, float], ...] = (
    (1, 25.0),
    (10, 18.0),
    (15, 11.2),
    (20, 8.5),
    (30, 5.8),
    (40, 4.65),
    (50, 3.85),
    (60, 3.15),
    (70, 2.55),
    (76, 2.2),
    (80, 1.9),
    (85, 1.55),
    (89, 1.35),
    (90, 0.9),
    (95, 0.5),
    (100, 0.15),
)
"""JPEG XL has a distance, 25 to 0, for a quality: here the one that looks equal at effort 3. Its worst looks like
JPEG's 8."""

_COLUMN = {Format.WEBP: 1, Format.AVIF: 2}
_SCALE = [point[0] for point in EQUAL_LOOKS]


def _interpolated(quality: int, column: int) -> int:
    after = min(bisect_right(_SCALE, quality), len(EQUAL_LOOKS) - 1)
    low, high = EQUAL_LOOKS[after - 1], EQUAL_LOOKS[after]
    return low[column] + round((quality - low[0]) * (high[column] - low[column]) / (high[0] - low[0]))


_TABLES = {fmt: tuple(_interpolated(quality, column) for quality in range(1, 101)) for fmt, column in _COLUMN.items()}


def encoder_quality(quality: int, format: Format) -> int:  # noqa: A002  # the field's word
    """Return the encoder's own value (1…100) for `quality` 1…100 on JPEG's scale; other formats take it as it is."""
    table = _TABLES.get(format)
    return quality if table is None else table[quality - 1]


def jxl_distance(quality: int) -> float:
    """Return libjxl's distance for `quality` 1…100 on JPEG's scale."""
    scale = [point[0] for point in JXL_DISTANCES]
    after = min(bisect_right(scale, quality), len(scale) - 1)
    (low, far), (high, near) = JXL_DISTANCES[after - 1], JXL_DISTANCES[after]
    return round(far + (quality - low) * (near - far) / (high - low), 3)
