"""The one scale of `q`: JPEG's, with the values of the other encoders that look equal (contract, "q").

The anchor is measured: JPEG 76, WebP 82 and AVIF 65 score the same on SSIMULACRA2 at the efforts we encode with
(`architecture.md`, the table of encoders). Between the points the values are interpolated; `docs/options.md` prints
them.
"""

from __future__ import annotations

from bisect import bisect_right

from imagemill.recipe.vocabulary import Format

DEFAULT_QUALITY = 76

EQUAL_LOOKS: tuple[tuple[int, int, int], ...] = (
    (1, 1, 1),
    (10, 12, 14),
    (20, 26, 24),
    (30, 38, 32),
    (40, 48, 39),
    (50, 57, 46),
    (60, 66, 53),
    (70, 76, 60),
    (76, 82, 65),
    (80, 85, 69),
    (85, 89, 74),
    (90, 93, 80),
    (95, 97, 88),
    (100, 100, 100),
)
"""Values that look equal: JPEG, WebP, AVIF."""

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
