"""Tones and colours: what each pixel becomes, whatever its neighbours.

The filters act in the order of this table. Most are those of CSS Filter Effects Module Level 1 (section 12), on encoded
values (gamma is not undone); after each, levels are held inside the range, as browsers do. With x from 0 to 1:

    bri=b         brightness(1 + b/100)       x · (1 + b/100)
    con=c         contrast(1 + c/100)         (x - 0.5) · (1 + c/100) + 0.5
    sat=s         saturate(1 + s/100)         the matrix of feColorMatrix type="saturate"
    hue=d         hue-rotate(d deg)           the matrix of feColorMatrix type="hueRotate"
    gam=g                                     x^(1/g): above 1 is lighter in the middle, black and white stay
    grayscale=1   grayscale(1)                0.2126 R + 0.7152 G + 0.0722 B
    sepia=1       sepia(1)                    the matrix of the specification
    invert=1      invert(1)                   1 - x
    normalize=1                               the 1st and 99th percentile of luminance become black and white
    duotone=a:b                               luminance 0…1 becomes a colour from a to b

Transparency is left alone. Filters that act on each band alone are one table look-up together.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from math import cos, radians, sin

from imagemill.engine.image_fields import PROFILE_FIELD
from imagemill.engine.libvips import Image, pyvips
from imagemill.engine.steps.channels import (
    LUMINANCE,
    colour_space,
    grey_space,
    joined,
    luminance,
    parted,
    stored,
    top,
)
from imagemill.engine.steps.ink import in_result
from imagemill.engine.steps.tones import Tones, tones_of
from imagemill.engine.work import Work
from imagemill.recipe.model import Adjust, Colour
from imagemill.recipe.vocabulary import Profile

Curve = Callable[[Image], Image]
"""What a level from 0 to 1 becomes; it is asked once for a picture of all levels."""

Matrix = tuple[tuple[float, float, float], ...]
"""Three rows: red, green and blue of the result from those of the picture."""

SEPIA: Matrix = ((0.393, 0.769, 0.189), (0.349, 0.686, 0.168), (0.272, 0.534, 0.131))
"""Filter Effects 1, section 12.1, "sepia"."""


def adjust(image: Image, work: Work) -> Image:
    """Carry out the recipe's tones and colours."""
    asked = work.job.recipe.adjust
    if asked == Adjust():
        return image
    image = before_tones(image, work)
    if asked.normalize:
        image = image.copy_memory()
        image = _curved(image, [_stretch(work.tones or tones_of(image))])
    if asked.duotone is None:
        return image
    dark, light = (in_result(Colour(f"{digits}ff"), work).hex8[:6] for digits in asked.duotone)
    return _two_colours(image, dark, light)


def before_tones(image: Image, work: Work) -> Image:
    """Everything up to `normalize`, which measures what comes out here."""
    asked = work.job.recipe.adjust
    waiting: list[Curve] = []
    for stage in _stages(asked):
        if not isinstance(stage, tuple):
            waiting.append(stage)
        elif stage is SEPIA or not _is_grey(image):  # the others leave grey as it is
            image, waiting = _mixed(_curved(image, waiting), stage), []
            image = _one_band(image, work) if len(stage) == 1 else image
    return _curved(image, waiting)


def _stages(asked: Adjust) -> list[Curve | Matrix]:
    """The filters that are asked, in their order: curves are functions, matrices are rows."""
    stages: list[tuple[bool, Curve | Matrix]] = [
        (asked.brightness != 0, lambda x: x * (1 + asked.brightness / 100)),
        (asked.contrast != 0, lambda x: (x - 0.5) * (1 + asked.contrast / 100) + 0.5),
        (asked.saturation != 0, _saturate(1 + asked.saturation / 100)),
        (asked.hue != 0, _hue_rotate(asked.hue)),
        (asked.gamma != 1, lambda x: x ** (1 / asked.gamma)),
        (asked.grayscale, (LUMINANCE,)),
        (asked.sepia, SEPIA),
        (asked.invert, lambda x: 1 - x),
    ]
    return [stage for used, stage in stages if used]


def _saturate(s: float) -> Matrix:
    """Filter Effects 1, feColorMatrix "saturate"."""
    return (
        (0.213 + 0.787 * s, 0.715 - 0.715 * s, 0.072 - 0.072 * s),
        (0.213 - 0.213 * s, 0.715 + 0.285 * s, 0.072 - 0.072 * s),
        (0.213 - 0.213 * s, 0.715 - 0.715 * s, 0.072 + 0.928 * s),
    )


def _hue_rotate(degrees: float) -> Matrix:
    """Filter Effects 1, feColorMatrix "hueRotate"."""
    c, s = cos(radians(degrees)), sin(radians(degrees))
    return (
        (0.213 + c * 0.787 - s * 0.213, 0.715 - c * 0.715 - s * 0.715, 0.072 - c * 0.072 + s * 0.928),
        (0.213 - c * 0.213 + s * 0.143, 0.715 + c * 0.285 + s * 0.140, 0.072 - c * 0.072 - s * 0.283),
        (0.213 - c * 0.213 - s * 0.787, 0.715 - c * 0.715 + s * 0.715, 0.072 + c * 0.928 + s * 0.072),
    )


def _stretch(tones: Tones) -> Curve:
    """The line through black and white that `tones` found."""
    low, high = tones
    return lambda x: (x - low) / (high - low)


def _is_grey(image: Image) -> bool:
    """Whether there is one colour band."""
    return bool(image.bands < 3)


def _ramp(image: Image) -> Image:
    """All levels of the image's depth from 0 to 1, in floats."""
    return pyvips.Image.identity(ushort=image.format == "ushort").cast("float") / top(image)


def _curved(image: Image, curves: list[Curve]) -> Image:
    """Send every colour band through the curves, in one look-up."""
    if not curves:
        return image
    table = reduce(lambda levels, curve: curve(levels).clamp(min=0, max=1), curves, _ramp(image))
    table = stored(table * top(image), image.format)
    colours, alpha = parted(image)
    if alpha is not None:
        same = stored(_ramp(image) * top(image), image.format)
        table = table.bandjoin([table] * (colours.bands - 1) + [same])
    # maplut takes the table's space over, which of a picture one pixel wide libvips believes.
    return image.maplut(table).copy(interpretation=image.interpretation)


def _mixed(image: Image, rows: Matrix) -> Image:
    """Mix the bands by a matrix."""
    image = _three_bands(image)
    colours, alpha = parted(image)
    mixed = colours.recomb(pyvips.Image.new_from_list([list(row) for row in rows]))
    return joined(stored(mixed, image.format), alpha)


def _three_bands(image: Image) -> Image:
    """A grey picture as a coloured one; a profile for grey does not describe it any more."""
    if not _is_grey(image):
        return image
    colours, alpha = parted(image)
    spread = joined(colours.bandjoin([colours, colours]), alpha).copy(interpretation=colour_space(image))
    if spread.get_typeof(PROFILE_FIELD):
        spread.remove(PROFILE_FIELD)
    return spread


def _one_band(image: Image, work: Work) -> Image:
    """Grey in one band, which every encoder writes smaller; in three where the pixels stay under a profile for them."""
    image = image.copy(interpretation=grey_space(image))
    return image if work.job.recipe.output.profile is Profile.SRGB else _spread_again(image)


def _spread_again(image: Image) -> Image:
    """Grey in three bands, under the profile it has."""
    colours, alpha = parted(image)
    return joined(colours.bandjoin([colours, colours]), alpha).copy(interpretation=colour_space(image))


def _two_colours(image: Image, dark: str, light: str) -> Image:
    """Luminance as a colour between two, given as six hex digits."""
    depth, full = image.format, top(image)
    _, alpha = parted(image)
    grey = stored(parted(luminance(image))[0], depth)
    bands = []
    for at in (0, 2, 4):
        first, last = int(dark[at : at + 2], 16) * full / 255, int(light[at : at + 2], 16) * full / 255
        bands.append(_ramp(image) * (last - first) + first)
    table = stored(bands[0].bandjoin(bands[1:]), depth)
    shown = joined(grey.maplut(table), alpha).copy(interpretation=colour_space(image))
    if _is_grey(image) and shown.get_typeof(PROFILE_FIELD):
        shown.remove(PROFILE_FIELD)
    return shown
