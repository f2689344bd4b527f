"""`hdr=keep`: more than 8 bits where original and format have them, and the gain map of an Ultra HDR photo."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from tests.engine.engine_pictures import LIMITS, corpus_bytes, encoded, made, opened, pixels_of, quarters, sized
from tests.engine.ultra_hdr import brightened, parts, photo

from imagemill.engine.libvips import pyvips
from imagemill.engine.limits import Limits
from imagemill.engine.port import Job
from imagemill.engine.probe import probe
from imagemill.engine.render import render
from imagemill.engine.render_set import render_set
from imagemill.recipe.model import (
    Adjust,
    Colour,
    DerivedBackground,
    FocalPoint,
    Output,
    Pad,
    Pixels,
    Radius,
    Recipe,
    Region,
)
from imagemill.recipe.options.reading import parse_options
from imagemill.recipe.vocabulary import Anchor, Dynamic, Fit, Flip, Format, Mask, Profile

KEEP = Output(dynamic=Dynamic.KEEP)
Levels = NDArray[np.uint16]


def deep(levels: Levels) -> bytes:
    """A PNG of 16 bits; bands are the last axis."""
    space = "grey16" if levels.shape[-1] < 3 else "rgb16"
    return bytes(pyvips.Image.new_from_array(levels).copy(interpretation=space).pngsave_buffer())


def ramp(width: int = 1024, height: int = 8, bands: int = 3) -> Levels:
    """Steps too fine for 8 bits, the same in every row."""
    line = np.linspace(0, 65535, width).astype(np.uint16)
    return np.repeat(np.repeat(line[None, :, None], height, axis=0), bands, axis=2)


def levels_of(data: bytes) -> Levels:
    """The pixels of a result of more than 8 bits."""
    image = _loaded(data)
    assert image.format == "ushort"
    return np.asarray(image.numpy(), dtype=np.uint16).reshape(image.height, image.width, image.bands)


def _loaded(data: bytes) -> pyvips.Image:
    loader = {b"\x89P": "pngload_source", b"II": "tiffload_source"}.get(data[:2], "heifload_source")
    source = pyvips.Source.new_from_memory(data)
    return pyvips.Operation.call(loader, source).copy_memory()


@pytest.mark.parametrize("fmt", [Format.PNG, Format.TIFF])
@pytest.mark.parametrize("bands", [1, 2, 3, 4])
def test_sixteen_bits_stay(fmt: Format, bands: int) -> None:
    """Without resizing every level is the original's, alpha too."""
    levels = ramp(bands=bands)
    assert np.array_equal(levels_of(made(deep(levels), Recipe(output=KEEP), fmt).data), levels)


@pytest.mark.parametrize("fmt", [Format.PNG, Format.TIFF])
def test_eight_bits_are_the_default(fmt: Format) -> None:
    """Nothing is deep that was not asked to be."""
    assert _loaded(made(deep(ramp()), fmt=fmt).data).format == "uchar"


@pytest.mark.parametrize("fmt", [Format.JPEG, Format.WEBP, Format.GIF])
def test_formats_of_eight_bits_are_as_always(fmt: Format) -> None:
    """A format that has 8 bits gets the bytes that it always gets."""
    data = deep(ramp())
    assert made(data, Recipe(output=KEEP), fmt).data == made(data, fmt=fmt).data


def test_eight_bits_do_not_become_more() -> None:
    """A picture of 8 bits is written with 8."""
    data = encoded(quarters())
    for fmt in (Format.PNG, Format.TIFF, Format.AVIF):
        assert made(data, Recipe(output=KEEP), fmt).data == made(data, fmt=fmt).data


def test_avif_of_ten_bits() -> None:
    """A 16-bit original becomes an AVIF of 10 bits, finer than 8 can be; without `hdr=keep` its pixels have 8."""
    steps = {}
    for dynamic in (Dynamic.KEEP, Dynamic.SDR):
        result = made(deep(ramp(height=64)), Recipe(output=Output(dynamic=dynamic, lossless=True)), Format.AVIF)
        steps[dynamic] = len(np.unique(np.asarray(_loaded(result.data).numpy())[32, :, 1]))
    image = _loaded(made(deep(ramp(height=64)), Recipe(output=KEEP), Format.AVIF).data)
    assert image.get("bits-per-sample") == 10
    assert steps[Dynamic.KEEP] > 600 > 300 > steps[Dynamic.SDR]


def test_an_avif_of_twelve_bits_stays_one() -> None:
    """Its own depth, no more and no less."""
    source = pyvips.Image.new_from_array(ramp(256, 64)).copy(interpretation="rgb16")
    data = bytes(source.heifsave_buffer(compression="av1", bitdepth=12, Q=95))
    assert probe(data, LIMITS).bits == 12
    assert _loaded(made(data, Recipe(output=KEEP), Format.AVIF).data).get("bits-per-sample") == 12


def test_depth_survives_the_colours() -> None:
    """A wide profile is converted in 16 bits: fine steps stay fine."""
    image = (
        pyvips.Image.new_from_array(ramp())
        .copy(interpretation="rgb16")
        .icc_transform("p3", input_profile="srgb", depth=16)
    )
    data = bytes(image.pngsave_buffer(keep="icc"))
    for profile in (Profile.SRGB, Profile.P3):
        result = made(data, Recipe(output=Output(dynamic=Dynamic.KEEP, profile=profile)), Format.PNG)
        assert len(np.unique(levels_of(result.data)[4, :, 1])) > 900


DRESSED = [
    Recipe(resize=sized(300)),
    Recipe(resize=sized(300, 300, Fit.CONTAIN), background=Colour("336699ff")),
    Recipe(resize=sized(300, 300, Fit.CONTAIN), background=Colour("33669980")),
    Recipe(resize=sized(300, 300, Fit.CONTAIN), background=DerivedBackground("blur")),
    Recipe(resize=sized(300, 300, Fit.CONTAIN), background=DerivedBackground("auto")),
    Recipe(resize=sized(300, 100, Fit.COVER, gravity=Anchor.ATTENTION)),
    Recipe(pad=Pad(top=5, right=5, bottom=5, left=5), background=Colour("ff0000ff")),
    Recipe(radius=Radius(None)),
    Recipe(mask=Mask.ELLIPSE),
    Recipe(rotate=30),
    Recipe(rotate=90, flip=Flip.HORIZONTAL),
    Recipe(blur=2.0, sharpen=1.0),
    Recipe(adjust=Adjust(brightness=10, saturation=20)),
    Recipe(adjust=Adjust(duotone=("203060", "ffe0c0"))),
]


@pytest.mark.parametrize("recipe", DRESSED)
@pytest.mark.parametrize("bands", [1, 3, 4])
def test_every_step_looks_the_same_in_sixteen_bits(recipe: Recipe, bands: int) -> None:
    """A deep result, reduced to 8 bits, is the shallow one within two levels."""
    rows, columns = np.mgrid[0:240, 0:320]
    planes = [columns * 204, rows * 273, (rows + columns) * 110, np.full_like(rows, 65535)][:bands]
    levels = np.stack(planes, axis=-1).astype(np.uint16)
    if bands == 4:
        levels[60:120, 80:160, 3] = 20000
    data = deep(levels)
    given = replace(recipe, output=KEEP)
    ours = levels_of(made(data, given, Format.PNG).data)
    plain = _loaded(made(data, recipe, Format.PNG).data)
    theirs = np.asarray(plain.numpy()).reshape(plain.height, plain.width, plain.bands).astype(int)
    assert ours.shape == theirs.shape
    seen = theirs[..., -1:] > 8 if theirs.shape[-1] in (2, 4) else np.ones_like(theirs[..., :1], dtype=bool)
    off = np.abs((ours >> 8).astype(int) - theirs) * seen
    assert np.percentile(off, 99.5) <= 2, off.max()
    assert off.mean() < 1


def test_the_corpus_keeps_its_depth(corpus: Path) -> None:
    """The 16-bit ramps of the corpus keep steps that 8 bits cannot have."""
    for name, steps in (("rgb16_ramp", 200), ("gray16_fine", 1000), ("rgba16", 60)):
        result = made(corpus_bytes(corpus, f"clean/png/{name}.png"), Recipe(output=KEEP), Format.PNG)
        levels = levels_of(result.data)
        assert max(len(np.unique(levels[..., band])) for band in range(levels.shape[-1])) >= steps, name


# --- gain maps -----------------------------------------------------------------------------------------------------


def turned(**more: object) -> Recipe:
    """A recipe that keeps the gain map."""
    return Recipe(output=Output(dynamic=Dynamic.KEEP, quality=92), **more)  # type: ignore[arg-type]  # Recipe's own


GEOMETRY = {
    "as it is": turned(),
    "half": turned(resize=sized(160)),
    "a quarter": turned(resize=sized(80)),
    "odd": turned(resize=sized(101)),
    "cover": turned(resize=sized(100, 100, Fit.COVER, gravity=FocalPoint(0.25, 0.3))),
    "attention": turned(resize=sized(90, 150, Fit.COVER, gravity=Anchor.ATTENTION)),
    "crop": turned(crop=Region(left=Pixels(21), top=Pixels(17), width=Pixels(133), height=Pixels(111))),
    "crop and scale": turned(
        crop=Region(left=Pixels(21), top=Pixels(17), width=Pixels(201), height=Pixels(151)), resize=sized(77)
    ),
    "flip": turned(flip=Flip.HORIZONTAL),
    "both": turned(flip=Flip.BOTH, resize=sized(120)),
    "quarter turn": turned(rotate=90, resize=sized(150)),
    "enlarged": turned(resize=sized(500, enlarge=True)),
}


@pytest.mark.parametrize("name", GEOMETRY)
@pytest.mark.parametrize("orientation", [1, 6, 4])
def test_the_map_goes_with_its_base(name: str, orientation: int) -> None:
    """Brightened by its map, the result is the original brightened by its own and brought to the same shape."""
    recipe, data = GEOMETRY[name], photo(orientation=orientation)
    result = made(data, recipe, Format.JPEG)
    base, gain_map = parts(result.data)
    assert gain_map is not None
    assert (base.size[0] + 1) // 2 == gain_map.size[0]
    assert base.size == (result.width, result.height)
    truth = _shaped(data, recipe)
    shown = brightened(result.data)
    assert shown.max() > 0.7 * truth.max()
    far = np.abs(np.log2(shown + 0.05) - np.log2(truth + 0.05))
    assert far.mean() < 0.06
    assert np.percentile(far, 99) < 0.6


def _shaped(data: bytes, recipe: Recipe) -> NDArray[np.float32]:
    """The original's light, put through our own geometry as a 16-bit picture in which nothing is cut off."""
    light = brightened(data)
    whole = np.clip(np.sqrt(np.clip(light, 0, None) / 8), 0, 1)
    image = pyvips.Image.new_from_array((whole * 65535).astype(np.uint16)).copy(interpretation="rgb16")
    orientation = probe(data, LIMITS).orientation
    image.set_type(pyvips.GValue.gint_type, "orientation", orientation)
    plain = bytes(image.tiffsave_buffer(keep="none") if orientation == 1 else image.tiffsave_buffer())
    if recipe.resize.gravity is Anchor.ATTENTION:  # looks at the base, so it is told where that was cut
        return _cut_alike(data, recipe, plain)
    shaped = levels_of(made(plain, recipe, Format.PNG).data).astype(np.float64) / 65535
    return np.asarray(shaped**2 * 8, dtype=np.float32)


def _cut_alike(data: bytes, recipe: Recipe, plain: bytes) -> NDArray[np.float32]:
    """The light cut where the base was: the place at which the base's own pixels fit best."""
    base = pixels_of(parts(made(data, recipe, Format.JPEG).data)[0], "L").astype(int)
    height, width = base.shape
    facts = probe(data, LIMITS)
    scale = max(width / facts.width, height / facts.height)
    size = sized(round(facts.width * scale), round(facts.height * scale), Fit.FILL)
    whole = pixels_of(opened(made(data, Recipe(resize=size))), "L").astype(int)
    places = [(y, x) for y in range(whole.shape[0] - height + 1) for x in range(whole.shape[1] - width + 1)]
    top, left = min(places, key=lambda at: np.abs(whole[at[0] : at[0] + height, at[1] : at[1] + width] - base).sum())
    shaped = levels_of(made(plain, Recipe(resize=size, output=KEEP), Format.PNG).data).astype(np.float64) / 65535
    return np.asarray(shaped[top : top + height, left : left + width] ** 2 * 8, dtype=np.float32)


@pytest.mark.parametrize("quality", [60, 92, 100])
@pytest.mark.parametrize("name", GEOMETRY)
def test_the_base_is_the_sdr_result(name: str, quality: int) -> None:
    """With its map or without, a variant decodes to the same pixels; without asking there is no map."""
    recipe, data = GEOMETRY[name], photo()
    kept = made(data, replace(recipe, output=Output(dynamic=Dynamic.KEEP, quality=quality)), Format.JPEG).data
    plain = replace(recipe, output=Output(quality=quality))
    without = made(data, plain, Format.JPEG).data
    assert np.array_equal(pixels_of(parts(kept)[0]), pixels_of(parts(without)[0]))
    assert parts(without)[1] is None
    assert len(without) < len(kept)


DRAWN = [
    Recipe(output=KEEP, blur=2.0),
    Recipe(output=KEEP, adjust=Adjust(brightness=10)),
    Recipe(output=KEEP, pad=Pad(top=4, right=4, bottom=4, left=4)),
    Recipe(output=KEEP, radius=Radius(None)),
    Recipe(output=KEEP, rotate=10),
    parse_options("redact=blur:0:0:50:50,hdr=keep").recipe,
]


@pytest.mark.parametrize("recipe", DRAWN)
def test_a_map_never_shows_what_was_changed(recipe: Recipe) -> None:
    """Where pixels are coloured, hidden or drawn over, the map is left out: it holds the shape of what was there."""
    assert parts(made(photo(), recipe, Format.JPEG).data)[1] is None


@pytest.mark.parametrize("fmt", [Format.PNG, Format.WEBP, Format.AVIF])
def test_other_formats_are_the_base(fmt: Format) -> None:
    """Only a JPEG holds a gain map here; others are the SDR picture."""
    data = photo()
    assert made(data, turned(), fmt).data == made(data, Recipe(output=Output(quality=92)), fmt).data


def test_a_photo_without_a_map_is_as_always() -> None:
    """Asking for a map that is not there changes nothing."""
    data = encoded(quarters(), "JPEG")
    assert made(data, turned(), Format.JPEG).data == made(data, Recipe(output=Output(quality=92)), Format.JPEG).data


def test_a_damaged_map_is_left_out() -> None:
    """The base is a whole picture without it; cut anywhere, the answer is the base or a refusal, never a surprise."""
    data = photo()
    length = _first_picture(data)
    for cut in (length + 1, length + 40, (length + len(data)) // 2):
        result = made(data[:cut], turned(), Format.JPEG)
        assert result.data.startswith(b"\xff\xd8")
    broken = bytearray(data)
    for at in range(length, len(broken)):
        broken[at] ^= 0x5A
    assert parts(made(bytes(broken), turned(), Format.JPEG).data)[1] is None


def test_a_map_beyond_the_limits_is_left_out() -> None:
    """The map is held to the limits of any picture, before it is decoded."""
    data = photo()
    facts = probe(data, LIMITS)
    job = Job(recipe=turned(resize=sized(50)), format=Format.JPEG, facts=facts)
    assert parts(render(data, job, LIMITS).data)[1] is not None
    large = _with_large_map(data)
    assert parts(made(large, turned(resize=sized(50)), Format.JPEG, limits=Limits()).data)[1] is None


def _first_picture(data: bytes) -> int:
    """Where the second JPEG of the file begins."""
    return data.index(b"\xff\xd8\xff", 2)


def _with_large_map(data: bytes) -> bytes:
    """The same file whose map says in its frame header that it is 60000 pixels wide and high."""
    out = bytearray(data)
    at = out.index(b"\xff\xc0\x00", _first_picture(data))
    out[at + 5 : at + 9] = (60000).to_bytes(2, "big") * 2
    return bytes(out)


def test_what_a_kept_map_is_written_with() -> None:
    """No EXIF, XMP or profile of the original comes along with the map."""
    secret = b"CANARY-IN-A-COMMENT"
    data = photo()
    data = data[:2] + b"\xff\xfe" + (len(secret) + 2).to_bytes(2, "big") + secret + data[2:]
    assert secret not in made(data, turned(), Format.JPEG).data


def test_maps_and_plain_pictures_in_one_set() -> None:
    """Made together, each is the bytes of itself alone."""
    data = photo()
    facts = probe(data, LIMITS)
    recipes = [turned(resize=sized(100)), turned(resize=sized(50)), Recipe(resize=sized(100))]
    jobs = [Job(recipe=recipe, format=fmt, facts=facts) for recipe in recipes for fmt in (Format.JPEG, Format.AVIF)]
    alone = [render(data, job, LIMITS).data for job in jobs]
    assert [result.data for result in render_set(data, jobs, LIMITS)] == alone


def test_deep_and_shallow_in_one_set() -> None:
    """The same of more than 8 bits."""
    data = deep(ramp())
    facts = probe(data, LIMITS)
    formats = (Format.JPEG, Format.WEBP, Format.AVIF, Format.PNG)
    jobs = [Job(recipe=Recipe(resize=sized(200), output=KEEP), format=fmt, facts=facts) for fmt in formats]
    assert [one.data for one in render_set(data, jobs, LIMITS)] == [render(data, job, LIMITS).data for job in jobs]


def test_pillow_reads_a_deep_png() -> None:
    """Another reader sees the same 16-bit grey."""
    image = Image.open(io.BytesIO(made(deep(ramp(bands=1)), Recipe(output=KEEP), Format.PNG).data))
    assert image.mode == "I;16"
    assert np.array_equal(np.asarray(image), ramp(bands=1)[..., 0])


# --- linear light --------------------------------------------------------------------------------------------------


def lines(depth: str = "uchar", alpha: bool = False, grey: bool = False) -> bytes:
    """Black and white columns, one pixel wide."""
    top = 255 if depth == "uchar" else 65535
    bands = (1 if grey else 3) + alpha
    levels = np.zeros((64, 256, bands), dtype=np.uint8 if depth == "uchar" else np.uint16)
    levels[:, ::2, :] = top
    if alpha:
        levels[..., -1] = top
    space = ("grey16" if grey else "rgb16") if depth == "ushort" else ("b-w" if grey else "srgb")
    return bytes(pyvips.Image.new_from_array(levels).copy(interpretation=space).pngsave_buffer())


@pytest.mark.parametrize("depth", ["uchar", "ushort"])
@pytest.mark.parametrize("alpha", [False, True])
@pytest.mark.parametrize("grey", [False, True])
def test_linear_light_mixes_as_light_does(depth: str, alpha: bool, grey: bool) -> None:
    """Half black and half white is 188 of 255 in linear light and 128 without; transparency is mixed as always."""
    data, recipe = lines(depth, alpha, grey), Recipe(resize=sized(32))
    facts = probe(data, LIMITS)
    for linear, level in ((True, 188), (False, 128)):
        job = Job(recipe=recipe, format=Format.PNG, facts=facts)
        image = opened(render(data, job, LIMITS, linear_light=linear))
        assert image.mode == {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}[(1 if grey else 3) + alpha]
        middle = np.asarray(image.convert("RGBA"))[4, 10:20]
        assert np.abs(middle[:, 0].astype(int) - level).max() <= 2
        assert (middle[:, 3] == 255).all()


def test_linear_light_leaves_plain_colours_alone() -> None:
    """Every 8-bit level comes back as itself."""
    levels = np.repeat(np.repeat(np.arange(256, dtype=np.uint8)[:, None, None], 64, axis=1), 3, axis=2)
    data = encoded(Image.fromarray(levels))
    job = Job(recipe=Recipe(resize=sized(32, 256, Fit.FILL)), format=Format.PNG, facts=probe(data, LIMITS))
    result = pixels_of(opened(render(data, job, LIMITS, linear_light=True)))
    assert np.array_equal(result[:, 8, 0], np.arange(256))


def test_linear_light_and_hidden_colours() -> None:
    """Colours of clear pixels stay hidden in linear light as well."""
    levels = np.zeros((40, 40, 4), dtype=np.uint8)
    levels[..., :] = (255, 0, 0, 0)
    levels[:, 20:] = (0, 0, 255, 255)
    data = encoded(Image.fromarray(levels))
    job = Job(recipe=Recipe(resize=sized(10)), format=Format.PNG, facts=probe(data, LIMITS))
    pixels = np.asarray(opened(render(data, job, LIMITS, linear_light=True)))
    assert pixels[..., 0][pixels[..., 3] > 8].max() <= 2


def test_linear_pictures_and_ink_are_scaled_as_they_are(corpus: Path) -> None:
    """Levels that are proportional to light, and amounts of ink, need no curve."""
    for name in ("profiles/q3a0b3_d17ws_709_g1.png", "clean/tiff/cmyk.tif"):
        data = corpus_bytes(corpus, name)
        job = Job(recipe=Recipe(resize=sized(20)), format=Format.PNG, facts=probe(data, LIMITS))
        assert render(data, job, LIMITS, linear_light=True).data == render(data, job, LIMITS).data


def test_a_set_in_linear_light() -> None:
    """Made together in linear light, each is the bytes of itself alone."""
    data = encoded(quarters(), "JPEG")
    facts = probe(data, LIMITS)
    recipes = [Recipe(resize=sized(width)) for width in (30, 60)]
    jobs = [Job(recipe=recipe, format=fmt, facts=facts) for recipe in recipes for fmt in (Format.JPEG, Format.PNG)]
    alone = [render(data, job, LIMITS, linear_light=True).data for job in jobs]
    assert [one.data for one in render_set(data, jobs, LIMITS, linear_light=True)] == alone
    assert alone != [render(data, job, LIMITS).data for job in jobs]
