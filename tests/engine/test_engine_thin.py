"""Pictures one pixel wide or high through every step: libvips takes some of them for tables of numbers."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.engine.engine_pictures import LIMITS, opened

from imagemill.engine.libvips import pyvips
from imagemill.engine.port import Job
from imagemill.engine.probe import probe
from imagemill.engine.render import render
from imagemill.recipe.options.reading import parse_options
from imagemill.recipe.vocabulary import Format

STEPS = (
    *("_", "w=1", "enlarge=1,w=9", "crop=0:0:50p:50p", "trim=10", "pad=3", "bg=auto,pad=2"),
    *("bg=blur,pad=2", "bg=ff000080,pad=1", "radius=max", "mask=ellipse", "rot=90", "rot=30", "flip=hv"),
    *("blur=2", "sharpen=3", "pixelate=4", "bri=20", "con=-30", "sat=40", "hue=90", "gam=2"),
    *("grayscale=1", "sepia=1", "invert=1", "normalize=1", "duotone=102030:f0e0d0"),
    *("redact=blur:0:0:1:1", "redact=pixelate:0:0:1:1", "text=A,textsize=8", "icc=p3", "icc=keep"),
    *("hdr=keep", "w=3,h=3,fit=contain", "w=2,h=1,g=attention", "w=2,h=1,g=entropy"),
    *("w=2,h=3,fit=fill,enlarge=1",),
    *("bri=5,con=5,sat=5,hue=5,gam=1.1,sepia=1,invert=1,normalize=1,duotone=000001:0000ff",),
)
SIZES = ((1, 1), (1, 40), (40, 1), (1, 300), (2, 1))
FORMATS = (Format.JPEG, Format.PNG, Format.WEBP, Format.GIF, Format.TIFF)


def thin(width: int, height: int, bands: int, *, deep: bool = False) -> bytes:
    """A PNG that gets lighter from one end to the other."""
    light = pyvips.Image.xyz(width, height).extract_band(0, n=2)
    ramp = (light[0] + light[1]) * (200 / (width + height)) + 20
    image = ramp.bandjoin([ramp * (0.5 + band / 8) for band in range(1, bands)]) if bands > 1 else ramp
    words = ("grey16", "rgb16") if deep else ("b-w", "srgb")
    image = (image * (257 if deep else 1)).cast("ushort" if deep else "uchar")
    data: bytes = image.copy(interpretation=words[bands > 2]).pngsave_buffer()
    return data


@pytest.mark.parametrize("linear_light", [False, True])
@pytest.mark.parametrize("deep", [False, True])
@pytest.mark.parametrize("bands", [1, 2, 3, 4])
@pytest.mark.parametrize(("width", "height"), SIZES)
def test_a_thin_picture_goes_through_every_step(
    width: int, height: int, bands: int, deep: bool, linear_light: bool
) -> None:
    """Each option alone gives a picture that can be read, in the size that is told."""
    data = thin(width, height, bands, deep=deep)
    facts = probe(data, LIMITS)
    for number, step in enumerate(STEPS):
        recipe = parse_options(step).recipe
        fmt = FORMATS[number % len(FORMATS)]
        job = Job(recipe=replace(recipe, output=recipe.output.settled(fmt)), format=fmt, facts=facts)
        opened(render(data, job, LIMITS, linear_light=linear_light))
