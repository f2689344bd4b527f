"""Colours that people write in a URL, which are sRGB, as levels of the result's own colour space."""

from __future__ import annotations

from functools import lru_cache

from imagemill.engine import icc
from imagemill.engine.libvips import pyvips
from imagemill.engine.steps.colour import HOW, exported
from imagemill.engine.work import Work
from imagemill.recipe.model import Colour


def in_result(colour: Colour, work: Work) -> Colour:
    """`colour` as the result's pixels must say it to look the same: sRGB's red is a duller one in Display P3.

    Levels of a Colour that was taken from the picture itself are the result's already and must not come here.
    """
    if work.profile is not None:
        described = icc.read(work.profile)
        same = described is None or described.like == "srgb" or described.space != "rgb"
        return colour if same else _converted(colour.hex8, work.profile)
    return _converted(colour.hex8, None) if work.space == "p3" else colour


@lru_cache(maxsize=256)
def _converted(hex8: str, profile: bytes | None) -> Colour:
    """An sRGB colour in `profile`, or in Display P3; its alpha as it is."""
    red, green, blue, _ = Colour(hex8).rgba
    pixel = pyvips.Image.black(1, 1, bands=3).linear([1, 1, 1], [red, green, blue], uchar=True)
    pixel = pixel.copy(interpretation="srgb")
    if profile is None:
        pixel = pixel.icc_transform("p3", embedded=False, input_profile="srgb", depth=8, **HOW)
    else:
        pixel = exported(pixel, profile, 8)
    levels = [int(level) for level in pixel(0, 0)]
    return Colour("".join(f"{level:02x}" for level in levels) + hex8[6:])
