"""`dpr`: how a device's pixel ratio is folded into the lengths that it scales.

Separate from `normal`, because it changes what a recipe means. It scales what is measured in pixels of the result and
must look the same size on a dense screen: width and height, pad, radius, blur, pixelate, text size and a layer's
offsets (contract, "Order"; `pixelate` is blur's sibling and goes with it). It does not scale what is measured on the
original (crop, redacted areas), what is a share (a layer's scale), or `sharpen`, which is about single pixels of the
result.
"""

from __future__ import annotations

from dataclasses import replace

from imagemill.recipe.model import (
    Adjust,
    Hinted,
    ImageLayer,
    Layer,
    Length,
    Output,
    Pad,
    Percent,
    Pixels,
    Radius,
    Recipe,
    Resize,
    TextLayer,
)

MIN_SIGMA = 0.3
MIN_BLOCK = 2
PLAIN_RESIZE = Resize()
PLAIN_ADJUST = Adjust()
PLAIN_OUTPUT = Output()


def half_up(numerator: int, denominator: int) -> int:
    """Return the quotient rounded to the nearest whole number, halves away from zero, without floats."""
    sign = -1 if (numerator < 0) != (denominator < 0) else 1
    numerator, denominator = abs(numerator), abs(denominator)
    return sign * ((2 * numerator + denominator) // (2 * denominator))


def scaled(recipe: Recipe, dpr: float) -> Recipe:
    """Return `recipe` for a screen of `dpr` device pixels to one, with no hint left to ask for.

    Without a width and height the picture itself is scaled: to a percent size where that makes it smaller, or where
    `enlarge` allows more. The result may be out of the grammar's ranges; `bounds` says so.
    """
    factor = round(dpr * 1000)
    resize = replace(recipe.resize, dpr=None) if recipe.resize.dpr is not None else recipe.resize
    if factor == 1000:
        return recipe if resize is recipe.resize else replace(recipe, resize=resize)
    return replace(
        recipe,
        resize=_resize(resize, factor),
        blur=None if recipe.blur is None else max(MIN_SIGMA, _fraction(recipe.blur, factor)),
        pixelate=None if recipe.pixelate is None else max(MIN_BLOCK, half_up(recipe.pixelate * factor, 1000)),
        pad=None if recipe.pad is None else _pad(recipe.pad, factor),
        radius=None if recipe.radius is None else _radius(recipe.radius, factor),
        layers=tuple(_layer(layer, factor) for layer in recipe.layers),
    )


def _fraction(number: float, factor: int) -> float:
    return half_up(round(number * 1000) * factor, 1000) / 1000


def _length(length: Length, factor: int) -> Length:
    if isinstance(length, Percent):
        return Percent(_fraction(length.share, factor))
    return Pixels(max(1, half_up(length.count * factor, 1000)))


def _resize(resize: Resize, factor: int) -> Resize:
    width, height = resize.width, resize.height
    if width is None and height is None:
        if resize.ratio is not None or (factor > 1000 and not resize.enlarge):
            return resize
        return replace(resize, width=Percent(factor / 10))
    if width is not None and not isinstance(width, Hinted):  # a width hint is in device pixels already
        width = _length(width, factor)
    if height is not None:
        height = _length(height, factor)
    return replace(resize, width=width, height=height)


def _pad(pad: Pad, factor: int) -> Pad:
    return Pad(
        top=half_up(pad.top * factor, 1000),
        right=half_up(pad.right * factor, 1000),
        bottom=half_up(pad.bottom * factor, 1000),
        left=half_up(pad.left * factor, 1000),
    )


def _radius(radius: Radius, factor: int) -> Radius:
    if radius.corners is None:
        return radius
    first, second, third, fourth = (half_up(corner * factor, 1000) for corner in radius.corners)
    return Radius((first, second, third, fourth))


def _offset(offset: int | Percent, factor: int) -> int | Percent:
    """A share of the result grows with it by itself."""
    return offset if isinstance(offset, Percent) else half_up(offset * factor, 1000)


def _layer(layer: Layer, factor: int) -> Layer:
    place = replace(layer.place, x=_offset(layer.place.x, factor), y=_offset(layer.place.y, factor))
    if isinstance(layer, TextLayer):
        return replace(layer, place=place, size=max(1, half_up(layer.size * factor, 1000)))
    assert isinstance(layer, ImageLayer)
    return replace(layer, place=place)
