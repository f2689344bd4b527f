"""Pictures of the rare formats come out right: size, orientation, colour, transparency; and JPEG XL is written."""

from __future__ import annotations

import io
import struct
from pathlib import Path

import numpy as np
import pillow_heif
import pytest
from PIL import Image
from tests.engine.engine_pictures import (
    BLUE,
    GREEN,
    RED,
    YELLOW,
    corners,
    corpus_bytes,
    encoded,
    made,
    near,
    opened,
    quarters,
    sized,
)

from imagemill.engine.libvips import pyvips
from imagemill.engine.limits import Limits
from imagemill.engine.port import Facts
from imagemill.engine.probe import probe, verify
from imagemill.engine.rare import libjxl
from imagemill.engine.rare.libjxl import JxlPixels
from imagemill.engine.steps.colour import p3_profile
from imagemill.engine.steps.load import open_pages
from imagemill.errors import Unprocessable
from imagemill.recipe.model import Output, Pixels, Recipe, Region, Resize
from imagemill.recipe.vocabulary import Dynamic, Fit, Format, Profile

LIMITS = Limits()
SVG = (
    b'<svg xmlns="http://www.w3.org/2000/svg" width="24" height="16" viewBox="0 0 24 16">'
    b'<rect width="12" height="8" fill="#f00"/><rect x="12" width="12" height="8" fill="#0f0"/>'
    b'<rect y="8" width="12" height="8" fill="#00f"/><rect x="12" y="8" width="12" height="8" fill="#ff0"/></svg>'
)


def looks_like_quarters(image: Image.Image, tolerance: int = 3) -> bool:
    """Red, green, blue, yellow, from the top left."""
    pairs = zip(corners(image), (RED, GREEN, BLUE, YELLOW), strict=True)
    return all(near(seen, wanted, tolerance) for seen, wanted in pairs)


def heic(image: Image.Image, **options: object) -> bytes:
    """The file that pillow-heif makes."""
    file = io.BytesIO()
    pillow_heif.from_pillow(image).save(file, quality=90, chroma=444, **options)
    return file.getvalue()


def jxl(image: Image.Image, *, distance: float = 0.0, **more: object) -> bytes:
    """A JPEG XL of a picture."""
    pixels = JxlPixels(
        samples=image.tobytes(),
        width=image.width,
        height=image.height,
        bands=len(image.getbands()),
        **more,  # type: ignore[arg-type]  # the caller's keywords are JxlPixels' own
    )
    return libjxl.encode(pixels, distance=distance, effort=1)


# --- SVG ------------------------------------------------------------------------------------------------------------


def test_an_svg_is_drawn_at_the_size_that_is_asked_for() -> None:
    """A 24 pixel icon at 600: the edges are as sharp as in a picture of 600 pixels, no pixel between two colours."""
    picture = opened(made(SVG, Recipe(resize=sized(600))))
    assert picture.size == (600, 400)
    assert looks_like_quarters(picture, 0)
    assert len(picture.convert("RGB").getcolors(100) or []) == 4


@pytest.mark.parametrize(
    ("resize", "size"),
    [
        (Resize(), (24, 16)),
        (sized(600, 600, Fit.COVER), (600, 600)),
        (sized(600, 600, Fit.CONTAIN), (600, 600)),
        (sized(600, 100, Fit.FILL), (600, 100)),
        (sized(600, 600, Fit.INSIDE), (600, 400)),
        (sized(600, 600, Fit.OUTSIDE), (900, 600)),
        (sized(12), (12, 8)),
    ],
)
def test_every_fit_may_be_larger_than_the_nominal_size(resize: Resize, size: tuple[int, int]) -> None:
    """A vector has no size at which it becomes coarse, so `enlarge` is not needed."""
    assert opened(made(SVG, Recipe(resize=resize))).size == size


def test_a_crop_is_drawn_and_not_cut_out() -> None:
    """Four nominal pixels in the middle at 400: the corner where the colours meet is exactly in the centre."""
    crop = Region(left=Pixels(10), top=Pixels(6), width=Pixels(4), height=Pixels(4))
    picture = opened(made(SVG, Recipe(crop=crop, resize=sized(400))))
    assert picture.size == (400, 400)
    assert looks_like_quarters(picture, 0)
    assert picture.convert("RGB").getpixel((199, 199)) == RED
    assert picture.convert("RGB").getpixel((200, 200)) == YELLOW


def test_an_svg_is_transparent_where_nothing_is_drawn() -> None:
    """Clear in PNG, white in JPEG."""
    data = SVG.replace(b'<rect width="12" height="8" fill="#f00"/>', b"")
    assert probe(data, LIMITS).alpha
    assert opened(made(data)).convert("RGBA").getpixel((0, 0))[3] == 0  # type: ignore[index]  # RGBA is a tuple
    assert near(corners(opened(made(data, Recipe(resize=sized(96)), Format.JPEG)))[0], (255, 255, 255), 6)


def test_an_svg_has_a_nominal_size() -> None:
    """As a browser gives it."""
    facts = verify(SVG, LIMITS)
    assert (facts.format, facts.width, facts.height, facts.drawn) == ("svg", 24, 16, True)


def test_an_svg_that_cannot_be_drawn_is_refused() -> None:
    """Cut in the middle, and larger than any picture."""
    with pytest.raises(Unprocessable):
        verify(SVG[:200], LIMITS)
    with pytest.raises(Unprocessable) as refusal:
        probe(SVG.replace(b'width="24" height="16"', b'width="20000" height="20000"'), LIMITS)
    assert refusal.value.code == "too_many_pixels"


def test_an_svg_is_trimmed_in_its_nominal_pixels() -> None:
    """The clear border goes, and what is left is drawn at the asked size."""
    square = b'<rect x="10" y="10" width="20" height="10"/>'
    data = b'<svg xmlns="http://www.w3.org/2000/svg" width="40" height="40">' + square + b"</svg>"
    assert opened(made(data, Recipe(trim=10, resize=sized(200)))).size == (200, 100)


# --- HEIC -----------------------------------------------------------------------------------------------------------


def test_a_heic_is_read() -> None:
    """Size, colours, nothing of its thumbnail."""
    data = heic(quarters())
    facts = verify(data, LIMITS)
    assert (facts.format, facts.width, facts.height, facts.alpha, facts.bits) == ("heic", 240, 160, False, 8)
    assert looks_like_quarters(opened(made(data)), 24)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_heic_is_turned_exactly_once(orientation: int) -> None:
    """The container turns the picture; EXIF says the same and is not applied again."""
    turned = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    upright = quarters()
    stored = upright.transpose(turned[orientation]) if orientation in turned else upright
    exif = Image.Exif()
    exif[0x0112] = orientation
    file = io.BytesIO()
    pillow_heif.register_heif_opener()
    stored.save(file, "HEIF", quality=90, exif=exif.tobytes())
    data = file.getvalue()
    facts = probe(data, LIMITS)
    assert (facts.width, facts.height, facts.orientation) == (240, 160, 1)
    assert looks_like_quarters(opened(made(data)), 24)


def test_a_heic_keeps_transparency() -> None:
    """An alpha plane is read."""
    image = quarters().convert("RGBA")
    image.putalpha(Image.linear_gradient("L").resize(image.size))
    data = heic(image)
    assert probe(data, LIMITS).alpha
    alpha = np.asarray(opened(made(data)).convert("RGBA"))[..., 3]
    assert alpha[0].max() < 12
    assert alpha[-1].min() > 240


def test_a_wide_heic_is_converted() -> None:
    """Display P3 comes out as sRGB, or stays where it is asked for."""
    image = Image.new("RGB", (64, 64), (200, 80, 80))
    image.info["icc_profile"] = p3_profile()
    data = heic(image)
    assert probe(data, LIMITS).profile is not None
    assert corners(opened(made(data)))[0][0] > 205
    wide = opened(made(data, Recipe(output=Output(profile=Profile.P3))))
    assert near(corners(wide)[0], (200, 80, 80), 6)
    assert wide.info["icc_profile"]


def test_a_cut_heic_is_damaged() -> None:
    """At any length, and never half a picture."""
    data = heic(quarters())
    for length in (40, 200, 400, len(data) // 2, len(data) - 40):
        with pytest.raises(Unprocessable) as refusal:
            verify(data[:length], LIMITS)
        assert refusal.value.code in ("damaged", "too_complex")


def test_a_photo_of_a_phone_is_read(corpus: Path) -> None:
    """48 tiles, Display P3: 12 MP in one picture (D7)."""
    data = (corpus / "photos" / "heic-iphone7.heic").read_bytes()
    facts = verify(data, LIMITS)
    assert (facts.width, facts.height, facts.profile) == (4032, 3024, "Display P3")


# --- BMP and ICO ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["RGB", "L", "1", "P"])
def test_a_bitmap_is_read(mode: str) -> None:
    """True colour, grey, black and white, a palette."""
    picture = quarters().convert(mode)
    data = encoded(picture, "BMP")
    assert verify(data, LIMITS).format == "bmp"
    assert np.array_equal(np.asarray(opened(made(data)).convert("RGB")), np.asarray(picture.convert("RGB")))


def test_a_bitmap_from_the_top_stands_upright() -> None:
    """A negative height turns the order of the rows."""
    data = bytearray(encoded(quarters(), "BMP"))
    assert looks_like_quarters(opened(made(bytes(data))))
    data[22:26] = struct.pack("<i", -160)
    assert corners(opened(made(bytes(data))))[0] == corners(quarters())[2]


@pytest.mark.parametrize("mode", ["RGB", "P"])
def test_a_bitmap_of_os2_with_a_short_header(mode: str) -> None:
    """Its second header, ended after the depth: Pillow does not read it as it stands."""
    data = encoded(quarters().convert(mode), "BMP")
    (pixels,) = struct.unpack_from("<I", data, 10)
    short = data[:10] + struct.pack("<II", pixels - 24, 16) + data[18:30] + data[54:]
    assert looks_like_quarters(opened(made(short)))


def test_a_bitmap_with_a_mask_for_alpha() -> None:
    """32 bits under four masks that follow a header of 40 bytes (BI_ALPHABITFIELDS)."""
    picture = quarters().convert("RGBA")
    picture.putalpha(77)
    upside_down = picture.transpose(Image.Transpose.FLIP_TOP_BOTTOM).tobytes()
    header = struct.pack("<IiiHHIIiiII", 40, *picture.size, 1, 32, 6, 0, 0, 0, 0, 0)
    masks = struct.pack("<IIII", 0xFF, 0xFF00, 0xFF0000, 0xFF000000)
    data = b"BM" + struct.pack("<IHHI", 70 + len(upside_down), 0, 0, 70) + header + masks + upside_down
    assert np.array_equal(np.asarray(opened(made(data))), np.asarray(picture))


def test_a_cut_bitmap_is_damaged() -> None:
    """Pixels that are not there are not made up."""
    data = encoded(quarters(), "BMP")
    with pytest.raises(Unprocessable):
        verify(data[: len(data) // 4], LIMITS)


@pytest.mark.parametrize("inside", ["png", "bmp"])
def test_the_largest_picture_of_an_icon_is_taken(inside: str) -> None:
    """Whatever stands first."""
    file = io.BytesIO()
    image = quarters(128, 128).convert("RGBA")
    image.save(file, "ICO", sizes=[(16, 16), (64, 64), (32, 32)], bitmap_format=inside)
    data = file.getvalue()
    facts = verify(data, LIMITS)
    assert (facts.format, facts.width, facts.height, facts.alpha) == ("ico", 64, 64, True)
    picture = opened(made(data))
    assert picture.size == (64, 64)
    assert looks_like_quarters(picture)


# --- JPEG XL --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA"])
def test_a_lossless_jpeg_xl_comes_back_as_it_was(mode: str) -> None:
    """Every kind of picture, pixel for pixel, written by a recipe and read again."""
    picture = quarters().convert(mode)
    if "A" in mode:
        picture.putalpha(Image.linear_gradient("L").resize(picture.size))
    written = made(encoded(picture), Recipe(output=Output(lossless=True)), Format.JXL)
    facts = verify(written.data, LIMITS)
    assert (facts.format, facts.width, facts.height, facts.alpha) == ("jxl", 240, 160, "A" in mode)
    again = opened(made(written.data))
    assert np.array_equal(np.asarray(again.convert(mode)), np.asarray(picture))


def test_quality_decides_the_bytes_of_a_jpeg_xl() -> None:
    """Higher is larger, over the whole scale."""
    noise = np.random.default_rng(3).integers(0, 255, (16, 24, 3), dtype=np.uint8)
    data = encoded(Image.fromarray(noise).resize((240, 160)))
    sizes = [
        len(made(data, Recipe(output=Output(quality=quality)), Format.JXL).data) for quality in (1, 20, 50, 76, 90, 100)
    ]
    assert sizes == sorted(set(sizes))


@pytest.mark.parametrize("lossless", [True, False])
def test_a_wide_jpeg_xl_is_written_and_read(lossless: bool) -> None:
    """`icc=p3` is Display P3 in the file: read again, it is the same colour, in P3 and in sRGB."""
    source = encoded(Image.new("RGB", (64, 64), (200, 80, 80)), icc_profile=p3_profile())
    written = made(source, Recipe(output=Output(profile=Profile.P3, lossless=lossless)), Format.JXL).data
    facts: Facts = probe(written, LIMITS)
    assert facts.profile is not None
    assert near(corners(opened(made(written, Recipe(output=Output(profile=Profile.P3)))))[0], (200, 80, 80), 3)
    expected = corners(opened(made(source)))[0]
    assert near(corners(opened(made(written)))[0], expected, 3)
    assert expected[0] > 205


def test_a_jpeg_xl_of_sixteen_bits_is_read() -> None:
    """Rounded to 8 bits, or with all of them under `hdr=keep`."""
    samples = (np.arange(64 * 64 * 3, dtype=np.uint32) * 5 % 65536).astype(np.uint16).reshape(64, 64, 3)
    data = libjxl.encode(
        JxlPixels(samples=samples.tobytes(), width=64, height=64, bands=3, bits=16), distance=0, effort=1
    )
    assert verify(data, LIMITS).bits == 16
    seen = np.asarray(opened(made(data)).convert("RGB")).astype(int)
    assert np.abs(seen - samples / 257).max() <= 1
    kept = made(data, Recipe(output=Output(dynamic=Dynamic.KEEP)))
    assert np.array_equal(open_pages(kept.data, "png").numpy(), samples)


def test_shadows_of_a_linear_jpeg_xl(corpus: Path) -> None:
    """Levels proportional to light, as float pictures have: 8 bits of them would leave steps of 13 in the shadows."""
    line = pyvips.Image.new_from_array(np.linspace(0, 65535, 4096).astype(np.uint16)[None, :].repeat(8, axis=0))
    samples = bytes(line.bandjoin([line, line]).write_to_memory())
    profile = corpus_bytes(corpus, "profiles/scRGB-v2.icc")
    pixels = JxlPixels(samples=samples, width=4096, height=8, bands=3, bits=16, profile=profile)
    data = libjxl.encode(pixels, distance=0, effort=1)
    assert probe(data, LIMITS).profile is not None
    seen = np.asarray(opened(made(data)).convert("RGB")).astype(int)[4, :, 0]
    light = np.linspace(0, 1, 4096)
    expected = 255 * np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    assert np.abs(seen - expected).max() <= 2


def test_a_damaged_jpeg_xl_is_refused() -> None:
    """Cut at any length."""
    data = jxl(quarters(), distance=1.0)
    for length in (2, 8, 20, len(data) // 2, len(data) - 5):
        with pytest.raises(Unprocessable):
            verify(data[:length], LIMITS)


def test_the_first_frame_of_a_moving_jpeg_xl_is_shown(corpus: Path) -> None:
    """Not the last."""
    data = (corpus / "jxl" / "cropped_traffic_light.jxl").read_bytes()
    lamp = opened(made(data)).convert("RGB").crop((26, 20, 34, 28))
    assert near(corners(lamp)[0], (235, 25, 25), 40)
