"""Scaling as light adds up: levels are made linear before it, and encoded again after it (`engine.linear_light`).

Half black and half white lines seen from afar are as light as sRGB's 188. Scaling encoded levels gives 128, and so do
browsers and every peer by default. Both ways are a look-up in 16 bits, so that the resampling between them stays one of
whole numbers.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

from imagemill.engine import icc
from imagemill.engine.image_fields import PROFILE_FIELD, block_of
from imagemill.engine.libvips import Image, pyvips

_FULL = 65535


def in_linear_light(image: Image, scale: Callable[[Image], Image]) -> Image:
    """Let `scale` see linear levels of 16 bits; what comes back has the depth and the encoding of `image` again.

    The curve is sRGB's, which those of other profiles are near to. Ink, and a picture whose profile is linear already,
    are scaled as they are.
    """
    if image.interpretation == "cmyk" or _linear_already(image):
        return scale(image)
    deep, alpha = image.format == "ushort", bool(image.hasalpha())
    grey = image.bands < 3
    linear = image.maplut(_table("linear", deep, image.bands, alpha)).copy(interpretation="grey16" if grey else "rgb16")
    scaled = scale(linear).maplut(_table("encoded", deep, image.bands, alpha))
    return scaled.copy(interpretation=image.interpretation)


def _linear_already(image: Image) -> bool:
    """Whether the embedded profile has a straight line for a tone curve."""
    if not image.get_typeof(PROFILE_FIELD):
        return False
    profile = icc.read(block_of(image, PROFILE_FIELD))
    return profile is not None and profile.linear


@cache
def _table(way: str, deep: bool, bands: int, alpha: bool) -> Image:
    """A look-up table for all bands: to 16 linear bits from 8 or 16 encoded ones, or back."""
    narrow = 255 if not deep else _FULL
    if way == "linear":
        level = pyvips.Image.identity(ushort=deep).cast("float") / narrow
        curve = (level <= 0.04045).ifthenelse(level / 12.92, ((level + 0.055) / 1.055) ** 2.4)
        top, depth = _FULL, "ushort"
    else:
        level = pyvips.Image.identity(ushort=True).cast("float") / _FULL
        curve = (level <= 0.0031308).ifthenelse(level * 12.92, level ** (1 / 2.4) * 1.055 - 0.055)
        top, depth = narrow, "ushort" if deep else "uchar"
    colours, plain = ((line * top + 0.5).cast(depth) for line in (curve, level))
    lines = [colours] * (bands - 1) + [plain] if alpha else [colours] * bands
    return lines[0].bandjoin(lines[1:]).copy_memory() if len(lines) > 1 else lines[0].copy_memory()
