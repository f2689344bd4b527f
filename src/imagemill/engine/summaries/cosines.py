"""Sums of rows and columns with cosines, which BlurHash and the perceptual hash have in common.

Each transform is separable: first every row, then the columns of what came out. For 100x100 pixels that is a
fiftieth of the straight double sum.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from operator import mul

Rows = Sequence[Sequence[float]]
"""Values of one channel, row by row."""


def waves(length: int, count: int, *, middle: bool) -> list[list[float]]:
    """Return `count` cosines over `length` samples, of 0, 1, 2… half periods.

    They are taken in the `middle` of each sample (the DCT-II, ThumbHash) or at its start (BlurHash).
    """
    offset = 0.5 if middle else 0.0
    return [[math.cos(math.pi / length * k * (i + offset)) for i in range(length)] for k in range(count)]


def transformed(rows: Rows, across: Rows, down: Rows) -> list[list[float]]:
    """Return the sums of `rows` with every pair of cosines: the result's [j][i] is with `down[j]` and `across[i]`."""
    halves = [[sum(map(mul, row, wave)) for row in rows] for wave in across]
    return [[sum(map(mul, half, wave)) for half in halves] for wave in down]
