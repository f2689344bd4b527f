"""A perceptual hash: 64 bits that stay nearly equal while a picture is scaled, recompressed or toned.

Equal to `phash` of the Python package `imagehash` (hash size 8, factor 4) on the same pixels. It scales with Pillow's
Lanczos filter, whose fixed-point arithmetic (`src/libImaging/Resample.c`) is repeated here to the bit: a scaler that
differs by one code now and then would turn bits. Two pictures look alike where fewer than some ten bits differ.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from operator import mul
from statistics import median

from imagemill.engine.summaries.cosines import Rows, transformed, waves
from imagemill.engine.summaries.pixels import Pixels

SIDE = 32
KEPT = 8

_SUPPORT = 3.0
_BITS = 32 - 8 - 2  # Resample.c, PRECISION_BITS

_EQUAL = 1e-6
"""Differences that only the order of a sum makes; a plain picture has no others, and its hash must not be chance."""


def perceptual_hash(pixels: Pixels) -> str:
    """Return the hash as 16 hexadecimal digits; alpha is not looked at."""
    grey = [
        [(r * 19595 + g * 38470 + b * 7471 + 0x8000) >> 16 for r, g, b in zip(*lines, strict=True)]
        for lines in zip(pixels.red, pixels.green, pixels.blue, strict=True)
    ]
    wave = waves(SIDE, KEPT, middle=True)
    low = [4 * value for line in transformed(_square(grey), wave, wave) for value in line]
    middle = median(low)
    bits = "".join("1" if value > middle + _EQUAL else "0" for value in low)
    return f"{int(bits, 2):0{KEPT * KEPT // 4}x}"


def _square(grey: list[list[int]]) -> Rows:
    """Scale a picture to 32x32. Which direction goes first decides over roundings: Pillow 13 takes the taller one."""
    width, height = len(grey[0]), len(grey)
    if height > SIDE and height - SIDE > 2 * (width - SIDE):
        return _scaled(_turned(_scaled(_turned(grey), SIDE)), SIDE)
    return _turned(_scaled(_turned(_scaled(grey, SIDE)), SIDE))


def _turned(rows: Sequence[Sequence[int]]) -> list[tuple[int, ...]]:
    """Rows become columns."""
    return list(zip(*rows, strict=True))


def _scaled(rows: Sequence[Sequence[int]], size: int) -> list[list[int]]:
    """Scale every row to `size` pixels."""
    taps = _taps(len(rows[0]), size)
    if taps is None:
        return [list(row) for row in rows]
    half = 1 << (_BITS - 1)
    return [
        [
            max(0, min(255, (half + sum(map(mul, row[at : at + len(weights)], weights))) >> _BITS))
            for at, weights in taps
        ]
        for row in rows
    ]


def _taps(before: int, after: int) -> list[tuple[int, list[int]]] | None:
    """Return for each new pixel where its filter begins and its weights; None where nothing is scaled."""
    if before == after:
        return None
    scale = before / after
    wide = max(scale, 1.0)
    support = _SUPPORT * wide
    taps = []
    for place in range(after):
        centre = (place + 0.5) * scale
        first = max(0, int(centre - support + 0.5))
        last = min(before, int(centre + support + 0.5))
        weights = [_lanczos((at - centre + 0.5) / wide) for at in range(first, last)]
        whole = sum(weights)
        taps.append((first, [_fixed(weight / whole) for weight in weights]))
    return taps


def _lanczos(x: float) -> float:
    if x == 0:
        return 1.0
    if not -_SUPPORT <= x < _SUPPORT:
        return 0.0
    x *= math.pi
    return math.sin(x) / x * (math.sin(x / _SUPPORT) / (x / _SUPPORT))


def _fixed(weight: float) -> int:
    """Return a weight in fixed point, rounded away from zero."""
    return int(math.copysign(0.5, weight) + weight * (1 << _BITS))
