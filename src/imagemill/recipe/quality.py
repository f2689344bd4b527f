"""The one scale of `q`: JPEG's, with the values of the other encoders that look equal (contract, "q").

Measured: mean SSIMULACRA2 of four photographs fitted into 560 px, with the efforts and subsampling that the engine
uses (JPEG as libvips sets it, WebP effort 2, AVIF effort 0); 76, 82 and 65 are the contract's own. WebP ends at a score
of 89 and AVIF at 91, because their colour is always subsampled, so above 90 the points only lead to 100. Between the
points the values are interpolated; `docs/options.md` prints them.
"""

from __future__ import annotations

from bisect import bisect_right

from imagemill.recipe.vocabulary import Format

DEFAULT_QUALITY = 76

EQUAL_LOOKS: tuple[tuple[int, int, int], ...] = (
    (1, 1, 1),
    (10, 5, 9),
    (20, 13, 28),
    (30, 27, 38),
    (40, 43, 45),
    (50, 55, 49),
    (60, 68, 54),
    (70, 77, 60),
    (76, 82, 65),
    (80, 85, 68),
    (85, 89, 74),
    (90, 95, 86),
    (95, 99, 94),
    (100, 100, 100),
)
"""Values that look equal: JPEG, WebP, AVIF."""

JXL_DISTANCES: tuple[tuple[int, float], ...] = (
    (1, 25.0),
    (10, 17.0),
    (20, 10.4),
    (30, 6.7),
    (40, 4.8),
    (50, 4.2),
    (60, 3.4),
    (70, 2.7),
    (76, 2.1),
    (80, 1.9),
    (85, 1.5),
    (90, 0.95),
    (95, 0.5),
    (100, 0.15),
)
"""JPEG XL has a distance, 25 to 0, for a quality: here the one that looks equal at effort 3 (SSIMULACRA2 of five
photographs in 560 px). Its worst looks like JPEG's 12."""

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
