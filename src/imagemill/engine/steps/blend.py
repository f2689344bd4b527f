"""Blend one picture over another in place; apart from `layers`, which decides what is laid where."""

from __future__ import annotations

from imagemill.engine.steps.load import Image
from imagemill.recipe.vocabulary import Blend

_MODES = {Blend.NORMAL: "over"}
"""libvips' word where it is not ours."""


def blended(below: Image, over: Image, x: int, y: int, blend: Blend) -> Image:
    """Return `below` with `over` (8 bits, RGBA) at `x`, `y`, clipped to it; a picture without transparency stays so.

    A grey picture becomes RGB. The arithmetic is that of W3C Compositing and Blending Level 1, in floats, rounded once.
    """
    if x >= below.width or y >= below.height or x + over.width <= 0 or y + over.height <= 0:
        return below
    deep = below.format == "ushort"
    space = "rgb16" if deep else "srgb"
    if below.bands < 3:
        below = below.colourspace(space)
    if deep:
        over = (over.cast("ushort") * 257).cast("ushort").copy(interpretation=space)
    opaque = not below.hasalpha()
    mode = _MODES.get(blend, blend.value)
    laid = below.composite2(over, mode, x=x, y=y, compositing_space=space)
    if opaque:
        laid = laid.extract_band(0, n=3)
    return laid if laid.format == below.format else laid.rint().cast(below.format)
