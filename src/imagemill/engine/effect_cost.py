"""What the effects of a recipe cost: CPU-seconds for one frame, and how many copies of the result they hold.

Separate from `cost`, which adds them to decoding and encoding. Measured on 12 MP of grainy photograph in three bands
and in four, on one core of the machine in docs/engine.md; pure.
"""

from __future__ import annotations

from math import ceil

from imagemill.engine.geometry import Layout
from imagemill.engine.port import Facts
from imagemill.recipe.model import Adjust, Pixels, Recipe, Region
from imagemill.recipe.vocabulary import Flip

_MEGA = 1_000_000

# Seconds a megapixel of the result.
_COPY = 0.0030  # kept in memory, to be read in another order
_ASLANT = 0.0350
_WIDE_BLUR = 0.0180
_BLUR, _BLUR_BY_SIGMA = 0.0120, 0.0160
_SHARPEN, _SHARPEN_BY_SIGMA = 0.0200, 0.0060
_WIDE_SHARPEN = 0.0300
_DIRECT = 5.0  # sigma from which a blur is made on a reduced picture
_PIXELATE = 0.0140
_CURVE = 0.0020
_MATRIX = 0.0120
_MEASURE = 0.0080  # the tones that are stretched
_TWO_COLOURS = 0.0080
_COVER = 0.0160  # all redacted areas laid on the picture
_LOOK_UNDER = 0.0012  # of each area
_COVER_ASLANT = 2.5  # times
_ALPHA = 1.6  # times: four bands, colours multiplied by alpha and divided again


def effect_seconds(facts: Facts, recipe: Recipe, layout: Layout) -> float:
    """CPU-seconds of everything from `flip` to `redact`, for one frame."""
    turned = layout.turned.pixels / _MEGA
    aslant = recipe.rotate % 90 != 0
    alpha = _ALPHA if facts.alpha or aslant else 1.0
    spent = _COPY if recipe.flip in (Flip.VERTICAL, Flip.BOTH) else 0.0
    if recipe.rotate:
        spent += _ASLANT if aslant else _COPY
    spent += alpha * (_softening(recipe) + _adjusting(recipe.adjust))
    return turned * spent + alpha * _redacting(facts, recipe, layout)


def copies_held(recipe: Recipe) -> tuple[float, float]:
    """How many copies of the uncompressed result are in memory: at most while the effects work, and while encoding.

    A step that needs the whole picture reads the copy that the one before it made; only the last one stays.
    """
    keep = (
        recipe.flip in (Flip.VERTICAL, Flip.BOTH),
        recipe.rotate != 0,
        recipe.redact is not None,
        recipe.blur is not None,
        recipe.sharpen is not None,
        recipe.pixelate is not None,
        recipe.adjust.normalize,
    )
    blocks = 0.0 if recipe.pixelate is None else 4.0 / recipe.pixelate**2  # floats, and copied once
    copies = sum(keep)
    return min(2, copies) + 2 * blocks, min(1, copies) + blocks


def _softening(recipe: Recipe) -> float:
    """Seconds a megapixel for blur, sharpen and pixelate."""
    spent = 0.0
    if recipe.blur is not None:
        spent += _BLUR + _BLUR_BY_SIGMA * recipe.blur if recipe.blur < _DIRECT else _WIDE_BLUR
    if recipe.sharpen is not None:
        narrow = recipe.sharpen < _DIRECT
        spent += _SHARPEN + _SHARPEN_BY_SIGMA * recipe.sharpen if narrow else _WIDE_SHARPEN
    return spent + (_PIXELATE if recipe.pixelate is not None else 0.0)


def _adjusting(asked: Adjust) -> float:
    """Seconds a megapixel for tones and colours."""
    curves = sum((asked.brightness != 0, asked.contrast != 0, asked.gamma != 1, asked.invert))
    matrices = sum((asked.saturation != 0, asked.hue != 0, asked.grayscale, asked.sepia))
    spent = _CURVE * min(curves, matrices + 1) + _MATRIX * matrices
    spent += _MEASURE + _CURVE if asked.normalize else 0.0
    return spent + (_TWO_COLOURS if asked.duotone is not None else 0.0)


def _redacting(facts: Facts, recipe: Recipe, layout: Layout) -> float:
    """Seconds for all areas; they are redacted twice where something spreads or measures pixels in between."""
    if recipe.redact is None:
        return 0.0
    scale = layout.scaled.pixels / (layout.region.width * layout.region.height)
    areas = sum(min(_pixels(area, facts) * scale, layout.turned.pixels) for area in recipe.redact.areas)
    cover = _COVER * (_COVER_ASLANT if recipe.rotate % 90 else 1.0)
    spreads = recipe.blur is not None or recipe.sharpen is not None or recipe.pixelate is not None
    times = 2 if spreads or recipe.adjust.normalize else 1
    return times * (cover * layout.turned.pixels + _LOOK_UNDER * areas) / _MEGA


def _pixels(area: Region, facts: Facts) -> int:
    """The pixels of an area of the page."""
    sides = ((area.width, facts.width), (area.height, facts.height))
    width, height = (
        min(whole, length.count) if isinstance(length, Pixels) else ceil(whole * length.share / 100)
        for length, whole in sides
    )
    return width * height
