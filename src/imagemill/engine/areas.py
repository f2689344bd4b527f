"""Where rectangles of the upright original lie in the result: through trim, crop, scale, window, flip and rotation.

Pure arithmetic, apart from `steps.redact`, which makes them unreadable. A rectangle is taken too large rather than too
small: scaling and turning mix neighbouring pixels, so each pixel that took anything from inside counts.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, cos, floor, radians, sin

from imagemill.engine.geometry import Box, Layout, Size
from imagemill.engine.port import Facts
from imagemill.recipe.model import Length, Pixels, Region
from imagemill.recipe.vocabulary import Flip

KERNEL = 3
"""Lanczos3 looks three pixels far: of the result where it is smaller than the region, of the region where larger."""

BLOCK = 8
"""A JPEG that is reduced while it is decoded mixes blocks of so many pixels."""


@dataclass(frozen=True, slots=True)
class _Sides:
    """A rectangle by its edges, not yet on whole pixels."""

    left: float
    top: float
    right: float
    bottom: float

    def within(self, box: Box) -> _Sides | None:
        """What of it lies inside `box`, measured from the corner of that; None for nothing."""
        sides = _Sides(
            max(0.0, self.left - box.left),
            max(0.0, self.top - box.top),
            min(float(box.width), self.right - box.left),
            min(float(box.height), self.bottom - box.top),
        )
        return sides if sides.left < sides.right and sides.top < sides.bottom else None

    def wider(self, across: float, down: float) -> _Sides:
        """With so much more on each side."""
        return _Sides(self.left - across, self.top - down, self.right + across, self.bottom + down)

    def on_pixels(self) -> Box:
        """The box of all pixels that it touches."""
        left, top = floor(self.left), floor(self.top)
        return Box(left, top, ceil(self.right) - left, ceil(self.bottom) - top)


REACH = 3
"""Pixels by which turning aslant (bicubic, two pixels) and rounding may carry something out of a rectangle."""


def areas_in(
    regions: tuple[Region, ...], facts: Facts, layout: Layout, *, window: Box, shrink: int, flip: Flip | None
) -> list[Box]:
    """Return where `regions` of the upright page lie in the mirrored window, before it is turned; some lie nowhere.

    `window` is where the window was cut out of the scaled picture, `shrink` the decoder's factor. Boxes may stand out
    of a window that is going to be turned aslant.
    """
    found = []
    for region in regions:
        box = _in_window(region, facts, layout, window, shrink)
        if box is not None:
            found.append(_mirrored(box, layout.window, flip))
    if layout.angle % 90 == 0:
        return found
    return [Box(box.left - REACH, box.top - REACH, box.width + 2 * REACH, box.height + 2 * REACH) for box in found]


def _in_window(region: Region, facts: Facts, layout: Layout, window: Box, shrink: int) -> Box | None:
    """The pixels of the window that know something of a region of the page."""
    mixed = BLOCK if shrink > 1 else 0
    inside = _on_page(region, facts).wider(mixed, mixed).within(layout.region)
    if inside is None:
        return None
    across, down = layout.scaled.width / layout.region.width, layout.scaled.height / layout.region.height
    resampled = layout.scaled != Size(layout.region.width, layout.region.height)
    scaled = _Sides(inside.left * across, inside.top * down, inside.right * across, inside.bottom * down)
    if resampled:
        scaled = scaled.wider(KERNEL * max(1.0, across), KERNEL * max(1.0, down))
    cut = scaled.within(window)
    return None if cut is None else cut.on_pixels()


def _on_page(region: Region, facts: Facts) -> _Sides:
    """A region of the whole upright page, whatever was trimmed or cropped from it."""
    left, top = _length(region.left, facts.width), _length(region.top, facts.height)
    width, height = _length(region.width, facts.width), _length(region.height, facts.height)
    return _Sides(floor(left), floor(top), ceil(left + width), ceil(top + height))


def _length(length: Length, whole: int) -> float:
    """A length in pixels of the page."""
    return float(length.count) if isinstance(length, Pixels) else whole * length.share / 100


def _mirrored(box: Box, size: Size, flip: Flip | None) -> Box:
    """Where a box lies after the picture of `size` was mirrored."""
    left, top = box.left, box.top
    if flip in (Flip.HORIZONTAL, Flip.BOTH):
        left = size.width - left - box.width
    if flip in (Flip.VERTICAL, Flip.BOTH):
        top = size.height - top - box.height
    return Box(left, top, box.width, box.height)


def turned_box(box: Box, layout: Layout) -> Box:
    """Where a box of the window lies in the turned window.

    After quarter turns that is exact. Aslant, it is a box of the same size around the same middle, cut to the picture.
    """
    size, angle = layout.window, layout.angle % 360
    from_right, from_bottom = size.width - box.left - box.width, size.height - box.top - box.height
    if angle == 0:
        return box
    if angle == 90:
        return Box(from_bottom, box.left, box.height, box.width)
    if angle == 180:
        return Box(from_right, from_bottom, box.width, box.height)
    if angle == 270:
        return Box(box.top, from_right, box.height, box.width)
    c, s = cos(radians(angle)), sin(radians(angle))
    x, y = box.left + (box.width - size.width) / 2, box.top + (box.height - size.height) / 2
    turned = layout.turned
    left, width = _cut(turned.width / 2 + c * x - s * y, box.width, turned.width)
    top, height = _cut(turned.height / 2 + s * x + c * y, box.height, turned.height)
    return Box(left, top, width, height)


def _cut(middle: float, length: int, whole: int) -> tuple[int, int]:
    """Start and length of a stretch around `middle`, as far as it lies inside 0…`whole`; at least one pixel."""
    start = min(whole - 1, max(0, round(middle - length / 2)))
    return start, max(1, min(whole, round(middle + length / 2)) - start)
