"""Blend one picture over another in place; apart from `layers`, which decides what is laid where.

The formulas are those of W3C Compositing and Blending Level 1 (sections 9.1 and 5), in floats. Of libvips' own modes
only "over" is used: the others mix colours that alpha has darkened, so that soft edges get a fringe.
"""

from __future__ import annotations

from collections.abc import Callable

from imagemill.engine.libvips import Image
from imagemill.recipe.vocabulary import Blend


def blended(below: Image, over: Image, x: int, y: int, blend: Blend) -> Image:
    """Return `below` with `over` (8 bits, RGBA) at `x`, `y`, clipped to it; a picture without transparency stays so.

    A grey picture becomes RGB.
    """
    left, top = max(0, x), max(0, y)
    right, bottom = min(below.width, x + over.width), min(below.height, y + over.height)
    if left >= right or top >= bottom:
        return below
    over = over.crop(left - x, top - y, right - left, bottom - top)
    deep = below.format == "ushort"
    space = "rgb16" if deep else "srgb"
    if below.bands < 3:
        below = below.colourspace(space)
    if deep:
        over = (over * 257).cast("ushort").copy(interpretation=space)
    if blend is not Blend.NORMAL:
        over = _mixed(below.crop(left, top, over.width, over.height), over, blend, 65535 if deep else 255)
    laid = below.composite2(over, "over", x=left, y=top, compositing_space=space)
    if not below.hasalpha():
        laid = laid.extract_band(0, n=3)
    return laid if laid.format == below.format else laid.rint().cast(below.format)


def _mixed(below: Image, over: Image, blend: Blend, most: int) -> Image:
    """`over` in the colours that it shows above `below`: mixed by the mode as far as there is something below it."""
    source, under = over.extract_band(0, n=3) / most, below.extract_band(0, n=3) / most
    mixed = _MODES[blend](under, source)
    if below.hasalpha():
        mixed = source + (mixed - source) * (below[3] / most)
    levels = (mixed * most + 0.5).cast(over.format)
    return levels.bandjoin(over[3]).copy(interpretation=over.interpretation)


def _overlay(under: Image, source: Image) -> Image:
    """Multiply in the dark, screen in the light, by what is below."""
    product = under * source
    return (under <= 0.5).ifthenelse(product * 2, (under + source - product) * 2 - 1)


_MODES: dict[Blend, Callable[[Image, Image], Image]] = {
    Blend.MULTIPLY: lambda under, source: under * source,
    Blend.SCREEN: lambda under, source: under + source - under * source,
    Blend.OVERLAY: _overlay,
    Blend.DARKEN: lambda under, source: (under < source).ifthenelse(under, source),
    Blend.LIGHTEN: lambda under, source: (under > source).ifthenelse(under, source),
}
"""What each mode makes of two colours from 0 to 1."""
