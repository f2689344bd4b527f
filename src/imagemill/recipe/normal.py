"""The normal form of a recipe: equal meaning, equal value.

Separate from `canonical`, which turns the normal form into text; the grammar's reader and every dialect end here.
`normalise` only removes differences that can change no pixel and no byte; the rules, part by part, stand beside the
functions. A rule that was wrong would serve one picture for another, a rule that is missing costs a second copy: so
where it is not certain, two spellings stay two.
"""

from __future__ import annotations

from dataclasses import replace

from imagemill.recipe.colours import TRANSPARENT, normal_colour
from imagemill.recipe.measures import SEARCHING, reduced
from imagemill.recipe.model import (
    Adjust,
    Background,
    Colour,
    FocalPoint,
    Gravity,
    Hinted,
    ImageLayer,
    Layer,
    Length,
    Output,
    Pad,
    Percent,
    Pixels,
    Place,
    Radius,
    Ratio,
    Recipe,
    Redaction,
    Region,
    Resize,
    TextLayer,
)
from imagemill.recipe.scaling import PLAIN_ADJUST, PLAIN_OUTPUT, PLAIN_RESIZE, half_up
from imagemill.recipe.vocabulary import Anchor, Fit, Flip, Format

NO_PAD = Pad(top=0, right=0, bottom=0, left=0)
SQUARE_CORNERS = Radius((0, 0, 0, 0))
WITHOUT_SCALE = frozenset({Format.PNG, Format.GIF})
"""Formats in which `lossless` changes nothing, and a stated quality only where a PNG gets a palette by it."""


def normalise(recipe: Recipe) -> Recipe:
    """Return the normal form, which is its own normal form. Ranges are not checked here."""
    crop = None if recipe.crop is None else _crop(recipe.crop)
    uncut = crop is None and recipe.trim is None
    resize = PLAIN_RESIZE if recipe.resize is PLAIN_RESIZE else _resize(recipe.resize, uncut=uncut)
    flip, rotate = _turn(recipe.flip, recipe.rotate)
    pad = None if recipe.pad == NO_PAD else recipe.pad
    fills = pad is not None or rotate != 0 or resize.fit is Fit.CONTAIN
    normal = replace(  # what is not named here has one spelling, and passes as it is
        recipe,
        crop=crop,
        resize=resize,
        flip=flip,
        rotate=rotate,
        blur=_rounded(recipe.blur),
        sharpen=_rounded(recipe.sharpen),
        adjust=PLAIN_ADJUST if recipe.adjust is PLAIN_ADJUST else _adjust(recipe.adjust),
        redact=None if recipe.redact is None else _redaction(recipe.redact),
        pad=pad,
        background=None if recipe.background is None else _background(recipe.background, fills),
        radius=None if recipe.radius == SQUARE_CORNERS else recipe.radius,
        layers=_layers(recipe.layers) if recipe.layers else (),
        output=PLAIN_OUTPUT if recipe.output is PLAIN_OUTPUT and not recipe.page else _output(recipe),
    )
    return recipe if normal == recipe else normal


def _rounded(number: float | None) -> float | None:
    return None if number is None else round(number, 3)


# --- the box -------------------------------------------------------------------------------------------------------


def _resize(resize: Resize, *, uncut: bool) -> Resize:
    """Fold the ratio, then drop what makes no difference in a box of this kind."""
    width, height, ratio = _box(resize)
    shares = [length.share for length in (width, height) if isinstance(length, Percent)]
    two = ratio is not None or (width is not None and height is not None)
    only_shares = bool(shares) and ratio is None and len(shares) == (width is not None) + (height is not None)
    if only_shares and _is_whole_picture(shares, resize.enlarge, two and resize.fit is Fit.CONTAIN):
        width = height = None
        two = only_shares = False
    enlarge = resize.enlarge
    if resize.dpr is None and ((width is None and height is None) or (only_shares and max(shares) <= 100)):
        enlarge = False  # nothing asks for more pixels than the picture has
    return Resize(
        width=width,
        height=height,
        ratio=ratio,
        fit=resize.fit if two else Fit.INSIDE,  # with one side every fit means: the other from the aspect ratio
        gravity=_gravity(resize.gravity, resize.fit, uncut=uncut) if two and resize.gravity is not None else None,
        enlarge=enlarge,
        dpr=resize.dpr,
    )


def _box(resize: Resize) -> tuple[Length | Hinted | None, Length | None, Ratio | None]:
    """Return width, height and what is left of the ratio: a ratio beside a side in pixels gives the other side.

    Not yet while `dpr=auto` waits for its hint: rounding comes once, after the device pixels are known.
    """
    width = resize.width if isinstance(resize.width, Hinted) else _share_rounded(resize.width)
    height = _share_rounded(resize.height)
    ratio = resize.ratio
    if ratio is None or (width is None) == (height is None):
        return width, height, None
    ratio = reduced(round(ratio.across * 1000), round(ratio.down * 1000))
    if ratio is None:
        return width, height, None
    across, down = int(ratio.across), int(ratio.down)
    if resize.dpr is None and isinstance(width, Pixels):
        return width, Pixels(max(1, half_up(width.count * down, across))), None
    if resize.dpr is None and isinstance(height, Pixels):
        return Pixels(max(1, half_up(height.count * across, down))), height, None
    return width, height, ratio


def _share_rounded(length: Length | None) -> Length | None:
    return Percent(round(length.share, 3)) if isinstance(length, Percent) else length


def _is_whole_picture(shares: list[float], enlarge: bool, canvas: bool) -> bool:
    """Whether a box of percents is the picture itself: 100 %, or more where nothing may be enlarged.

    A canvas (`contain` with two sides) above 100 % is larger than the picture and stays.
    """
    if min(shares) != max(shares):
        return False
    return shares[0] == 100 or (shares[0] > 100 and not enlarge and not canvas)


_CORNERS = {
    (0.0, 0.0): Anchor.NORTH_WEST,
    (0.5, 0.0): Anchor.NORTH,
    (1.0, 0.0): Anchor.NORTH_EAST,
    (0.0, 0.5): Anchor.WEST,
    (0.5, 0.5): Anchor.CENTER,
    (1.0, 0.5): Anchor.EAST,
    (0.0, 1.0): Anchor.SOUTH_WEST,
    (0.5, 1.0): Anchor.SOUTH,
    (1.0, 1.0): Anchor.SOUTH_EAST,
}


def _gravity(gravity: Gravity, fit: Fit, *, uncut: bool) -> Gravity | None:
    """Where two sides are given, `cover` cuts and `contain` places; the other fits do neither.

    `cover` without a gravity uses the original's stored focal point, so a stated centre is kept. `contain` cuts
    nothing off: there is nothing to look for, and its own place is the centre. A focal point is a share of the upright
    picture, so it is a corner or the middle of the box only where neither crop nor trim moved that.
    """
    if isinstance(gravity, FocalPoint):
        x, y = round(gravity.x, 3), round(gravity.y, 3)
        gravity = (_CORNERS.get((x, y)) if uncut else None) or FocalPoint(x, y)
    if fit is Fit.COVER:
        return gravity
    if fit is not Fit.CONTAIN or isinstance(gravity, FocalPoint) or gravity in SEARCHING:
        return None
    return None if gravity is Anchor.CENTER else gravity


# --- regions and turns ---------------------------------------------------------------------------------------------


def _region(region: Region) -> Region:
    """Percents end at the picture's edge; an offset of nothing is in pixels."""
    left, top = _offset(region.left), _offset(region.top)
    return Region(left=left, top=top, width=_extent(left, region.width), height=_extent(top, region.height))


def _offset(length: Length) -> Length:
    if isinstance(length, Pixels):
        return length
    share = round(length.share, 3)
    return Pixels(0) if share == 0 else Percent(share)


def _extent(offset: Length, length: Length) -> Length:
    if isinstance(length, Pixels):
        return length
    room = round(100 - offset.share, 3) if isinstance(offset, Percent) else 100.0
    return Percent(min(round(length.share, 3), room))


def _crop(region: Region) -> Region | None:
    """Return None where the region is the whole picture."""
    region = _region(region)
    whole = Region(left=Pixels(0), top=Pixels(0), width=Percent(100), height=Percent(100))
    return None if region == whole else region


def _turn(flip: Flip | None, rotate: float) -> tuple[Flip | None, float]:
    """Return one pair for each of the turns: the flip comes first, and mirroring both ways is half a turn.

    So `hv` is a rotation, and `v` is `h` and half a turn; the shorter of the two is kept.
    """
    if flip is Flip.BOTH:
        flip, rotate = None, rotate + 180
    elif flip is Flip.VERTICAL:
        flip, rotate = Flip.HORIZONTAL, rotate + 180
    rotate = round(rotate % 360, 3) % 360
    if flip is Flip.HORIZONTAL and rotate == 180:
        return Flip.VERTICAL, 0
    return flip, rotate


# --- colour, layers, output ----------------------------------------------------------------------------------------


def _adjust(adjust: Adjust) -> Adjust:
    return replace(
        adjust,
        brightness=round(adjust.brightness, 3),
        contrast=round(adjust.contrast, 3),
        saturation=round(adjust.saturation, 3),
        hue=round(adjust.hue % 360, 3) % 360,
        gamma=round(adjust.gamma, 3),
        duotone=None if adjust.duotone is None else (adjust.duotone[0].lower(), adjust.duotone[1].lower()),
    )


def _redaction(redaction: Redaction) -> Redaction | None:
    if redaction.faces:
        return replace(redaction, areas=())
    if not redaction.areas:
        return None
    return replace(redaction, areas=tuple(_region(area) for area in redaction.areas))


def _background(background: Background, fills: bool) -> Background | None:
    """A transparent ground under a picture that fills its own frame is no ground at all.

    Where something is filled (`contain`, `pad`, `rot`) it is kept: it asks for transparency, which the default gives
    only in formats that have it.
    """
    if not isinstance(background, Colour):
        return background
    colour = normal_colour(background)
    return None if colour == TRANSPARENT and not fills else colour


def _layers(layers: tuple[Layer, ...]) -> tuple[Layer, ...]:
    """Images before words, as the order of work says; what is invisible or empty is left out."""
    kept = [_layer(layer) for layer in layers if layer.place.opacity > 0]
    images = [layer for layer in kept if isinstance(layer, ImageLayer)]
    texts = [layer for layer in kept if isinstance(layer, TextLayer) and layer.text]
    return (*images, *texts)


def _shift(offset: int | Percent) -> int | Percent:
    """Return the offset of a layer; a share of nothing is no pixels."""
    if not isinstance(offset, Percent):
        return offset
    share = round(offset.share, 3)
    return Percent(share) if share else 0


def _layer(layer: Layer) -> Layer:
    x, y = _shift(layer.place.x), _shift(layer.place.y)
    place: Place = replace(layer.place, x=x, y=y, opacity=round(layer.place.opacity, 3))
    if isinstance(layer, TextLayer):
        return replace(layer, place=place, colour=normal_colour(layer.colour))
    return replace(layer, place=place, scale=_rounded(layer.scale))


def _output(recipe: Recipe) -> Output:
    """Drop a quality that nothing reads, and say that a page after the first is a still picture."""
    output = recipe.output
    lossless = output.lossless and output.format not in WITHOUT_SCALE
    quality = output.quality
    if lossless or (isinstance(quality, int) and output.format in WITHOUT_SCALE and not output.palette):
        quality = None
    elif quality is not None and not isinstance(quality, int):
        quality = replace(quality, target=_rounded(quality.target))
    animate = output.animate and recipe.page == 0
    if (lossless, quality, animate) == (output.lossless, output.quality, output.animate):
        return output
    return replace(output, lossless=lossless, quality=quality, animate=animate)
