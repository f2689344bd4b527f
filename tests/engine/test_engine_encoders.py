"""How the encoders are set: what can be told of it from the bytes alone (docs/encoders.md)."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from PIL.JpegImagePlugin import JpegImageFile
from tests.engine.engine_pictures import LIMITS, encoded, made, opened, pixels_of, sized

from imagemill.engine.cost import estimate
from imagemill.engine.geometry import lay_out
from imagemill.engine.port import Facts
from imagemill.engine.probe import probe
from imagemill.recipe.model import Output, Recipe
from imagemill.recipe.vocabulary import Format


def busy(mode: str = "RGB") -> Image.Image:
    """A picture with far more than 256 colours: two slopes and some noise, the same every time."""
    across, down = np.meshgrid(np.linspace(0, 255, 160), np.linspace(0, 255, 120))
    noise = np.random.default_rng(3).integers(0, 24, (120, 160))
    bands = [across, down, (across + down) / 2 + noise, 255 - across][: len(mode)]
    return Image.fromarray(np.stack(bands, axis=-1).clip(0, 255).astype(np.uint8), mode)


def png(output: Output, mode: str = "RGB") -> Image.Image:
    """The busy picture as a PNG."""
    return opened(made(encoded(busy(mode)), Recipe(output=output), Format.PNG))


@pytest.mark.parametrize("quality", [1, 40, 99])
def test_a_stated_quality_gives_a_png_a_palette(quality: int) -> None:
    """`fm=png,q=…` below 100 is a PNG of at most 256 colours, near the original."""
    image = png(Output(format=Format.PNG, quality=quality))
    assert image.mode == "P"
    off = np.abs(pixels_of(image).astype(int) - pixels_of(busy()).astype(int)).mean()
    assert off < (40 if quality == 1 else 8)


def test_less_quality_is_fewer_bytes_of_palette() -> None:
    """The quality of a palette is a scale."""
    source = encoded(busy())
    sizes = [
        len(made(source, Recipe(output=Output(format=Format.PNG, quality=quality)), Format.PNG).data)
        for quality in (10, 50, 90)
    ]
    assert sizes == sorted(sizes)
    assert sizes[0] < sizes[2]


@pytest.mark.parametrize(
    "output",
    [
        Output(format=Format.PNG),
        Output(format=Format.PNG, quality=100),
        Output(format=Format.PNG, quality=40, lossless=True),
        Output(quality=40),
        Output(format=Format.SOURCE, quality=40),
    ],
    ids=["fm=png", "q=100", "lossless", "auto", "source"],
)
def test_every_other_png_is_exact(output: Output) -> None:
    """Without a stated quality, at 100, lossless, or where PNG was not asked for by name, no pixel changes."""
    image = png(output)
    assert image.mode == "RGB"
    assert (pixels_of(image) == pixels_of(busy())).all()


def test_a_palette_keeps_transparency() -> None:
    """Soft edges stay soft in a palette."""
    image = png(Output(format=Format.PNG, quality=80), "RGBA")
    assert image.mode == "P"
    alpha = pixels_of(image, "RGBA")[..., 3].astype(int)
    assert np.abs(alpha - pixels_of(busy("RGBA"), "RGBA")[..., 3].astype(int)).mean() < 12
    assert len(np.unique(alpha)) > 8


def test_a_palette_is_reckoned_with() -> None:
    """Admission knows that a palette takes several times the CPU of a plain PNG."""
    facts = Facts(format="jpeg", width=3000, height=2000)
    plain = Recipe(resize=sized(1500), output=Output(format=Format.PNG))
    palette = replace(plain, output=replace(plain.output, quality=80))
    layout = lay_out(facts, plain, limits=LIMITS)
    dear, cheap = (estimate(facts, recipe, Format.PNG, layout) for recipe in (palette, plain))
    assert dear.cpu_seconds > 2 * cheap.cpu_seconds
    assert dear.peak_bytes > cheap.peak_bytes


@pytest.mark.parametrize(("quality", "sampling"), [(76, (2, 2)), (89, (2, 2)), (90, (1, 1))])
def test_a_jpeg_is_baseline_with_tables_of_its_own(quality: int, sampling: tuple[int, int]) -> None:
    """Optimised Huffman tables, one scan, half the chroma below 90."""
    result = made(encoded(busy()), Recipe(output=Output(quality=quality)), Format.JPEG)
    image = opened(result)
    assert not image.info.get("progressive")
    assert isinstance(image, JpegImageFile)
    assert image.layer[0][1:3] == sampling
    dull = io.BytesIO()
    busy().save(dull, "JPEG", quality=quality, subsampling=0 if sampling == (1, 1) else 2)
    assert len(result.data) < len(dull.getvalue())


def test_the_tables_of_a_jpeg_change_where_chroma_does() -> None:
    """Below 90 the quantisation is not the standard's, from there on it is."""

    def tables(quality: int) -> tuple[object, object]:
        ours = made(encoded(busy()), Recipe(output=Output(quality=quality)), Format.JPEG).data
        standard = io.BytesIO()
        busy().save(standard, "JPEG", quality=quality)
        return JpegImageFile(io.BytesIO(ours)).quantization, JpegImageFile(io.BytesIO(standard.getvalue())).quantization

    below, from_there = tables(89), tables(90)
    assert below[0] != below[1]
    assert from_there[0] == from_there[1]


@pytest.mark.parametrize(("output", "bits"), [(Output(), 10), (Output(lossless=True), 8)])
def test_an_avif_is_finer_inside_than_outside(output: Output, bits: int) -> None:
    """A lossy AVIF has 10 bits, a lossless one those of its pixels."""
    result = made(encoded(busy()), Recipe(output=output), Format.AVIF)
    assert probe(result.data, LIMITS).bits == bits
    if output.lossless:
        assert (pixels_of(opened(result)) == pixels_of(busy())).all()
