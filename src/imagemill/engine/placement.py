"""Where layers stand and how large they are, as arithmetic: pure, so that planning and the worker agree.

A layer stands on the canvas, which is the whole result with its padding. Its offsets go right and down from where its
gravity puts it, and what lies outside the canvas is cut off. Nothing is cut off for its size alone: a picture larger
than the canvas is made smaller until it fits.
"""

from __future__ import annotations

from math import floor, isqrt

from imagemill.engine.geometry import Box, Size, halves_of
from imagemill.engine.port import Facts
from imagemill.errors import Fault, InvalidRequest
from imagemill.recipe.model import ImageLayer, Percent, Pixels, Place, Recipe, Resize, TextLayer
from imagemill.recipe.vocabulary import Fit

GLYPH_PIXELS = 32_000_000
"""Letters times the square of their size, at most: they are drawn one by one and kept until the text is done."""


def layer_size(layer: ImageLayer, facts: Facts, canvas: Size) -> Size:
    """Return the size at which an original of `facts` is laid on `canvas`.

    With a scale: that share of the canvas's width, whatever its own size. Without: its own pixels, which `dpr` does not
    scale. Either way it fits inside the canvas, in its own shape.
    """
    width, height = facts.width, facts.height
    if layer.scale is not None:
        width = max(1, int(canvas.width * layer.scale / 100 + 0.5))
        height = _in_shape(facts.height, width, facts.width)
    if width > canvas.width:
        width, height = canvas.width, _in_shape(facts.height, canvas.width, facts.width)
    if height > canvas.height:
        width, height = min(canvas.width, _in_shape(facts.width, canvas.height, facts.height)), canvas.height
    return Size(width, height)


def layer_recipe(size: Size) -> Recipe:
    """Return the recipe that brings a layer's original to the size, in exactly that shape, at which it is laid."""
    fill = Resize(width=Pixels(size.width), height=Pixels(size.height), fit=Fit.FILL, enlarge=True)
    return Recipe(resize=fill)


def place_of(place: Place, size: Size, canvas: Size, margin: int = 0) -> Box:
    """Return where something of `size` stands on `canvas`, `margin` pixels from the edges as far as there is room.

    The box may lie partly or wholly outside.
    """
    across, down = halves_of(place.gravity)
    left = _along(canvas.width - size.width, across, margin) + _pixels(place.x, canvas.width)
    top = _along(canvas.height - size.height, down, margin) + _pixels(place.y, canvas.height)
    return Box(left, top, size.width, size.height)


def _pixels(offset: int | Percent, side: int) -> int:
    """Return an offset in pixels; a share is of the canvas's side, halves go up."""
    return floor(offset.share * side / 100 + 0.5) if isinstance(offset, Percent) else offset


def text_margin(size: int) -> int:
    """Return how far words of `size` stay from the edges of the canvas, in pixels."""
    return size // 2


def wrap_width(size: int, width: int) -> int:
    """Return the longest line of words of `size` on a canvas of `width`, in pixels."""
    return max(1, width // 2, width - 2 * text_margin(size))


def check_room(layer: TextLayer) -> None:
    """Raise InvalidRequest (`bad_option`) where so many letters of this size would cover a picture many times over."""
    if len(layer.text) * layer.size**2 > GLYPH_PIXELS:
        most = max(1, isqrt(GLYPH_PIXELS // len(layer.text)))
        raise text_too_large(f"at most {most} for a text of {len(layer.text)} characters", layer)


def text_too_large(expected: str, layer: TextLayer) -> InvalidRequest:
    """Return the error for letters that are too large."""
    fault = Fault("textsize", expected, str(layer.size))
    return InvalidRequest(f"The text is too large to draw: {fault}.", code="bad_option", faults=(fault,))


def _along(room: int, halves: int, margin: int) -> int:
    """A position on one axis."""
    margin = max(0, min(margin, room // 2))
    return margin + (room - 2 * margin) * halves // 2


def _in_shape(side: int, other: int, whole: int) -> int:
    """`side` scaled as `other` is of `whole`, rounded half up, at least 1."""
    return max(1, (2 * side * other + whole) // (2 * whole))
