"""Shrink-on-load as arithmetic: by how much the JPEG decoder may reduce, and how the rest is resampled exactly.

A JPEG decoder can leave out work by delivering 1/2, 1/4 or 1/8 of the pixels. Separate from the steps because the two
that use it (`crop`, `resize`) must agree, and because the rules were found by measuring (docs/engine.md).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from imagemill.engine.geometry import Box, Layout, Size
from imagemill.engine.orientation import stored_box, stored_size, turned
from imagemill.engine.port import Facts

HALF_LEAVES = 1.4
"""Halving must leave at least so many pixels for each wanted one."""
QUARTER_LEAVES = 2.0
"""Quartering and eighthing must leave twice the wanted pixels."""
OFF_GRID_LEAVES = 4.0
"""A crop off the coarse grid is cut up to one coarse pixel smaller on each side, so there must be many."""

MOST_SHIFT = 0.05
"""Result pixels by which a factor may move the picture; one that moves it more is not used (one size in 100)."""

MOST_LOST = 0.3
"""Result pixels at the right or lower edge that may be a repetition: the decoder leaves out a last, partial pixel."""

_MOST_EXTRA = 64  # columns tried beyond the right edge; they are never computed


@dataclass(frozen=True, slots=True)
class Axis:
    """One axis of a resampling: `columns` of the reduced page from `first` on become `made`, of which `kept` are kept.

    Where `columns` reach beyond the page only `there` are there, and the last is repeated; `step` is reduced pixels per
    result pixel.
    """

    first: int
    there: int
    columns: int
    made: int
    kept: int
    step: float

    @property
    def faithful(self) -> bool:
        """Whether the picture neither moves (libvips spreads what is missing on both sides) nor loses its edge."""
        shift = abs(self.made * self.step - self.columns) / 2 / self.step
        lost = self.kept - int(self.kept * self.step + 1e-6) / self.step
        return shift <= MOST_SHIFT and lost <= MOST_LOST


def shrink_for(facts: Facts, layout: Layout) -> int:
    """Choose the decoder's factor, 1 (not at all) to 8, for a layout. Only JPEG has it."""
    if facts.format != "jpeg":
        return 1
    box, scaled, page = _stored(facts, layout)
    factor = min(box.width / scaled.width, box.height / scaled.height)
    for shrink in (8, 4, 2):
        leaves = HALF_LEAVES if shrink == 2 else QUARTER_LEAVES
        across = _on_grid(box.left, box.width, page.width, shrink)
        if not (across and _on_grid(box.top, box.height, page.height, shrink)):
            leaves = OFF_GRID_LEAVES
        if factor >= shrink * leaves and all(axis.faithful for axis in axes(facts, layout, shrink)):
            return shrink
    return 1


def axes(facts: Facts, layout: Layout, shrink: int) -> tuple[Axis, Axis]:
    """Across and down, in stored (not upright) pixels of the page reduced by `shrink`."""
    box, scaled, page = _stored(facts, layout)
    return (
        _axis(box.left, box.width, page.width, scaled.width, shrink),
        _axis(box.top, box.height, page.height, scaled.height, shrink),
    )


def _stored(facts: Facts, layout: Layout) -> tuple[Box, Size, Size]:
    """The region, its scaled size and the page, all as stored."""
    return stored_box(layout.region, facts), turned(layout.scaled, facts.orientation), stored_size(facts)


def _on_grid(start: int, length: int, whole: int, shrink: int) -> bool:
    """Whether both edges fall between coarse pixels, or are the picture's own."""
    return start % shrink == 0 and (length % shrink == 0 or start + length == whole)


@lru_cache(maxsize=256)  # asked three times a job, with plain numbers
def _axis(start: int, length: int, whole: int, target: int, shrink: int) -> Axis:
    """Resample by the true length, not by that of the reduced page.

    2725 pixels reduced by 2 are 1362 but stand for 1362.5, and libvips, asked for 720 of them, spreads the missing half
    evenly on both sides: everything moves by a quarter of a pixel (SSIMULACRA2 53 instead of 96 on one photo reduced by
    8). So a few columns more are made, as many as bring the end of the last one onto a whole coarse pixel, and then cut
    off again.
    """
    if not _on_grid(start, length, whole, shrink):
        first, end = -(-start // shrink), (start + length) // shrink
        return Axis(first, end - first, end - first, target, target, (end - first) / target)
    step = length / shrink / target
    if length % shrink == 0:
        return Axis(start // shrink, length // shrink, length // shrink, target, target, step)
    extra = min(range(_MOST_EXTRA), key=lambda more: _off_grid((target + more) * step))
    made = target + extra
    return Axis(start // shrink, max(1, length // shrink), max(1, round(made * step)), made, target, step)


def _off_grid(length: float) -> float:
    """How far a length is from a whole number; rounded, so that the first of equals is taken."""
    return round(abs(length - round(length)), 6)
