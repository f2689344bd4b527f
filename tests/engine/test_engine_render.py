"""Originals become variants: geometry, transparency, backgrounds, shapes and formats, on pictures made here."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image, ImageDraw
from tests.engine.engine_pictures import (
    BLUE,
    GREEN,
    LIMITS,
    RED,
    YELLOW,
    all_near,
    corners,
    encoded,
    made,
    near,
    opened,
    pixels_of,
    quarters,
    sized,
)

from imagemill.engine.libvips import pyvips
from imagemill.engine.limits import Limits
from imagemill.engine.port import Job
from imagemill.engine.probe import probe, verify
from imagemill.engine.render import plain_words, render
from imagemill.errors import ImagemillError, InvalidRequest, NotBuilt, Unprocessable
from imagemill.recipe.model import (
    Colour,
    DerivedBackground,
    FocalPoint,
    Output,
    Pad,
    Percent,
    Pixels,
    Radius,
    Recipe,
    Redaction,
    Region,
    SearchedQuality,
)
from imagemill.recipe.vocabulary import Anchor, Fit, Format, Mask, Obscure, Profile

FORMATS = (Format.JPEG, Format.PNG, Format.WEBP, Format.AVIF, Format.GIF)
WHITE = (255, 255, 255)


@pytest.mark.parametrize("fmt", FORMATS)
@pytest.mark.parametrize("source", ["JPEG", "PNG", "WEBP", "GIF", "AVIF"])
def test_every_format_becomes_every_format(source: str, fmt: Format) -> None:
    """The four quarters keep their places and colours, and the size is exact."""
    result = made(encoded(quarters(), source, quality=95), Recipe(resize=sized(120)), fmt)
    assert (result.width, result.height, result.pages) == (120, 80, 1)
    image = opened(result)
    assert image.format == fmt.value.upper()
    assert all_near(corners(image, 12), [RED, GREEN, BLUE, YELLOW], 24)


@pytest.mark.parametrize("width", [1, 7, 59, 60, 61, 119, 120, 171, 172, 240])
@pytest.mark.parametrize("source", ["JPEG", "PNG"])
def test_sizes_are_exact(source: str, width: int) -> None:
    """Whatever the decoder's shrink factor, the result has the planned size."""
    result = made(encoded(quarters(241, 163), source), Recipe(resize=sized(width)))
    assert result.width == min(width, 241)
    assert opened(result).size[1] == max(1, (2 * 163 * result.width + 241) // 482)


@pytest.mark.parametrize(
    ("gravity", "colours"),
    [
        (Anchor.WEST, [RED, RED, BLUE, BLUE]),
        (Anchor.EAST, [GREEN, GREEN, YELLOW, YELLOW]),
        (Anchor.CENTER, [RED, GREEN, BLUE, YELLOW]),
        (FocalPoint(0.1, 0.9), [RED, RED, BLUE, BLUE]),
        (FocalPoint(0.9, 0.1), [GREEN, GREEN, YELLOW, YELLOW]),
    ],
)
def test_cover_keeps_what_gravity_says(gravity: Anchor | FocalPoint, colours: list[tuple[int, ...]]) -> None:
    """Half of the picture is cut away, on the side that the gravity does not name."""
    image = opened(made(encoded(quarters(400, 200)), Recipe(resize=sized(50, 50, Fit.COVER, gravity=gravity))))
    assert all_near(corners(image), colours)


@pytest.mark.parametrize(("left", "top", "colour"), [(0, 0, RED), (50, 0, GREEN), (0, 50, BLUE), (50, 50, YELLOW)])
@pytest.mark.parametrize("fmt", ["PNG", "JPEG"])
def test_crop_comes_before_resize(fmt: str, left: int, top: int, colour: tuple[int, ...]) -> None:
    """A quarter that is cut out and scaled is of one colour up to its edges."""
    crop = Region(left=Percent(left), top=Percent(top), width=Percent(50), height=Percent(50))
    image = opened(made(encoded(quarters(1280, 960), fmt, quality=95), Recipe(crop=crop, resize=sized(40))))
    assert image.size == (40, 30)
    assert all_near(corners(image, 0), [colour] * 4)


def test_the_stored_focal_point_decides() -> None:
    """Without a gravity the crop stays at the original's focal point."""
    data = encoded(quarters(400, 200))
    recipe = Recipe(resize=sized(50, 100, Fit.COVER))
    assert corners(opened(made(data, recipe, focal=FocalPoint(0.0, 0.5))))[0] == RED
    assert corners(opened(made(data, recipe, focal=FocalPoint(1.0, 0.5))))[0] == GREEN


@pytest.mark.parametrize("gravity", [Anchor.ATTENTION, Anchor.ENTROPY])
def test_looked_for_crops_find_the_detail(gravity: Anchor) -> None:
    """The part with something in it is kept, wherever it is."""
    rng = np.random.default_rng(1)
    for left in (0, 300):
        array = np.full((100, 400, 3), 128, np.uint8)
        array[:, left : left + 100] = rng.integers(0, 255, (100, 100, 3))
        result = made(encoded(Image.fromarray(array)), Recipe(resize=sized(100, 100, Fit.COVER, gravity=gravity)))
        assert pixels_of(opened(result)).std() > 40


def test_contain_has_white_room_where_alpha_cannot_be_kept() -> None:
    """JPEG gets white, PNG transparency; the picture is not enlarged."""
    data = encoded(quarters(100, 50))
    recipe = Recipe(resize=sized(200, 200, Fit.CONTAIN))
    assert all_near(corners(opened(made(data, recipe, Format.JPEG))), [WHITE] * 4)
    image = opened(made(data, recipe))
    assert corners(image, mode="RGBA") == [(0, 0, 0, 0)] * 4
    assert image.getchannel("A").getbbox() == (50, 75, 150, 125)


@pytest.mark.parametrize(
    ("colour", "expected"), [("00ff00ff", (0, 255, 0, 255)), ("0000ff80", (0, 0, 255, 128)), ("00000000", (0, 0, 0, 0))]
)
def test_a_stated_background_fills_the_room(colour: str, expected: tuple[int, ...]) -> None:
    """The colour, with its alpha, stands around the picture."""
    recipe = Recipe(resize=sized(60, 60, Fit.CONTAIN), background=Colour(colour))
    assert corners(opened(made(encoded(quarters(120, 60)), recipe)), mode="RGBA")[0] == expected


def test_a_colour_behind_a_grey_picture_is_a_colour() -> None:
    """A grey picture becomes coloured where its background is."""
    recipe = Recipe(resize=sized(60, 60, Fit.CONTAIN), background=Colour("ff0000ff"))
    image = opened(made(encoded(Image.new("L", (120, 60), 77)), recipe))
    assert corners(image)[0] == RED
    assert pixels_of(image)[30, 30].tolist() == [77, 77, 77]


def test_the_edge_colour_fills_the_room() -> None:
    """`bg=auto` takes the colour of the picture's own edge."""
    picture = Image.new("RGB", (120, 60), (10, 120, 200))
    ImageDraw.Draw(picture).rectangle((40, 20, 80, 40), fill=RED)
    recipe = Recipe(resize=sized(60, 60, Fit.CONTAIN), background=DerivedBackground("auto"))
    for fmt in (Format.PNG, Format.JPEG):
        assert all_near(corners(opened(made(encoded(picture), recipe, fmt))), [(10, 120, 200)] * 4, 5)


def test_a_blurred_copy_fills_the_room() -> None:
    """`bg=blur` is soft, opaque, like the picture near it, and the picture stands on it unharmed."""
    recipe = Recipe(resize=sized(200, 400, Fit.CONTAIN), background=DerivedBackground("blur"))
    image = opened(made(encoded(quarters(400, 400)), recipe))
    array = pixels_of(image).astype(int)
    assert array[5, 5, 0] > array[5, 5, 2]
    assert all_near(corners(image.crop((0, 100, 200, 300))), [RED, GREEN, BLUE, YELLOW])
    assert np.abs(np.diff(array[:90], axis=1)).max() < 30


def test_pad_makes_room() -> None:
    """Padding stands around the picture in the background's colour."""
    recipe = Recipe(resize=sized(40), pad=Pad(top=10, right=20, bottom=30, left=5), background=Colour("ff00ffff"))
    image = opened(made(encoded(quarters(80, 80)), recipe, Format.PNG))
    assert image.size == (65, 80)
    array = pixels_of(image)
    assert array[9, 30].tolist() == array[50, 5].tolist() == array[20, 4].tolist() == [255, 0, 255]
    assert array[10, 5].tolist() == list(RED)


def test_a_circle_is_cut_out() -> None:
    """Outside it is transparent, or white in JPEG; the edge is smooth."""
    data = encoded(Image.new("RGB", (100, 60), RED))
    alpha = pixels_of(opened(made(data, Recipe(mask=Mask.CIRCLE))), "RGBA")[:, :, 3]
    assert alpha[30, 50] == 255
    assert alpha[30, 19] == 0
    assert alpha[30, 21] > 128
    assert alpha[0, 0] == 0
    assert 0 < ((alpha > 0) & (alpha < 255)).sum() < 400
    assert abs(alpha.astype(int).sum() / 255 - np.pi * 30**2) < 10
    assert all_near(corners(opened(made(data, Recipe(mask=Mask.CIRCLE), Format.JPEG)), 1), [WHITE] * 4, 8)


def test_an_ellipse_fills_the_picture() -> None:
    """Its area is that of an ellipse."""
    alpha = pixels_of(opened(made(encoded(quarters(100, 60)), Recipe(mask=Mask.ELLIPSE))), "RGBA")[:, :, 3]
    assert abs(alpha.astype(int).sum() / 255 - np.pi * 50 * 30) < 10


@pytest.mark.parametrize("corner", range(4))
def test_each_corner_has_its_own_radius(corner: int) -> None:
    """Radii go top left, top right, bottom right, bottom left."""
    radii = [0, 0, 0, 0]
    radii[corner] = 20
    recipe = Recipe(radius=Radius((radii[0], radii[1], radii[2], radii[3])))
    alpha = pixels_of(opened(made(encoded(quarters(100, 80)), recipe)), "RGBA")[:, :, 3]
    clear = [alpha[0, 0], alpha[0, -1], alpha[-1, -1], alpha[-1, 0]]
    assert [value == 0 for value in clear] == [index == corner for index in range(4)]
    assert abs((255 - alpha.astype(int)).sum() / 255 - (400 - np.pi * 100)) < 3


def test_the_largest_radius_makes_a_pill() -> None:
    """`radius=max` rounds by half the shorter side."""
    alpha = pixels_of(opened(made(encoded(quarters(100, 60)), Recipe(radius=Radius(None)))), "RGBA")[:, :, 3]
    assert abs((255 - alpha.astype(int)).sum() / 255 - (3600 - np.pi * 900)) < 10


def test_rounded_corners_show_the_background_in_jpeg() -> None:
    """A format without alpha has the stated colour, or the edge's own, in the corners."""
    data = encoded(Image.new("RGB", (100, 60), BLUE))
    for background, colour in ((Colour("00ff00ff"), GREEN), (DerivedBackground("auto"), BLUE), (None, WHITE)):
        recipe = Recipe(radius=Radius((30, 30, 30, 30)), background=background)
        assert near(corners(opened(made(data, recipe, Format.JPEG)), 1)[0], colour, 8)


def hidden_colour() -> Image.Image:
    """A red disc; what is transparent around it is green underneath."""
    image = Image.new("RGBA", (160, 160), (0, 255, 0, 0))
    ImageDraw.Draw(image).ellipse((30, 30, 130, 130), fill=(255, 0, 0, 255))
    return image


@pytest.mark.parametrize("depth", [8, 16])
def test_hidden_colour_does_not_bleed(depth: int) -> None:
    """Scaled and laid on black, nothing of the colour under transparent pixels shows."""
    data = encoded(hidden_colour())
    if depth == 16:
        array = np.asarray(hidden_colour()).astype(np.uint16) * 257
        data = png16(array)
    image = opened(made(data, Recipe(resize=sized(57))))
    black = Image.new("RGBA", image.size, (0, 0, 0, 255))
    black.alpha_composite(image.convert("RGBA"))
    assert pixels_of(black)[:, :, 1].max() <= 2
    assert pixels_of(black)[28, 28].tolist() == [255, 0, 0]


def png16(array: np.ndarray[tuple[int, ...], np.dtype[np.uint16]]) -> bytes:
    """A PNG of 16 bits a band, which Pillow does not write."""
    import struct
    import zlib

    height, width, bands = array.shape
    rows = b"".join(b"\0" + array[y].astype(">u2").tobytes() for y in range(height))

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    head = struct.pack(">IIBBBBB", width, height, 16, {3: 2, 4: 6}[bands], 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def test_sixteen_bits_become_eight() -> None:
    """Colour and alpha keep their values at half the depth."""
    array = np.zeros((20, 20, 4), np.uint16)
    array[:, :] = (65535, 32896, 0, 51400)
    data = png16(array)
    assert probe(data, LIMITS).bits == 16
    image = opened(made(data, Recipe(resize=sized(10))))
    assert pixels_of(image, "RGBA")[5, 5].tolist() == pytest.approx([255, 128, 0, 200], abs=1)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK"])
@pytest.mark.parametrize("fmt", FORMATS)
def test_every_kind_of_pixels(mode: str, fmt: Format) -> None:
    """Bilevel, grey, palette, colour and ink pictures come out in their own tones."""
    grey = Image.linear_gradient("L").resize((64, 64)).convert(mode)
    data = encoded(grey, "JPEG", quality=98) if mode == "CMYK" else encoded(grey)
    array = pixels_of(opened(made(data, Recipe(resize=sized(32)), fmt)), "RGB").astype(int)
    assert array[1].mean() < 45
    assert array[-2].mean() > 210
    assert np.ptp(array, axis=2).max() <= (60 if mode == "CMYK" else 24)


def test_alpha_is_flattened_on_white_or_the_background() -> None:
    """JPEG shows the background where the picture is transparent."""
    data = encoded(hidden_colour())
    assert near(corners(opened(made(data, fmt=Format.JPEG)))[0], WHITE)
    assert near(corners(opened(made(data, Recipe(background=Colour("0000ffff")), Format.JPEG)))[0], BLUE)
    assert corners(opened(made(data, Recipe(background=Colour("0000ffff")))))[0] == BLUE


def test_trim_takes_the_border_off() -> None:
    """What is left is the picture inside the plain border, exactly."""
    picture = Image.new("RGB", (200, 120), (250, 250, 250))
    picture.paste(quarters(80, 40), (30, 50))
    for fmt in ("PNG", "WEBP"):
        image = opened(made(encoded(picture, fmt, lossless=True), Recipe(trim=10)))
        assert image.size == (80, 40)
        assert all_near(corners(image, 1), [RED, GREEN, BLUE, YELLOW])
    clear = Image.new("RGBA", (200, 120), (0, 0, 0, 0))
    clear.paste(quarters(80, 40), (30, 50))
    assert opened(made(encoded(clear), Recipe(trim=10, resize=sized(40)))).size == (40, 20)


def test_a_plain_picture_is_not_trimmed_away() -> None:
    """One colour all over is left as it is."""
    assert made(encoded(Image.new("RGB", (50, 40), RED)), Recipe(trim=10)).width == 50


@pytest.mark.parametrize("orientation", range(1, 9))
def test_trim_and_crop_count_from_the_upright_picture(orientation: int) -> None:
    """Both are in the coordinates a person sees, for each of the eight orientations."""
    upright = Image.new("RGB", (160, 96), (255, 255, 255))
    upright.paste(quarters(64, 32), (16, 48))
    stored = upright
    undo = {2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}
    if orientation in undo:
        stored = upright.transpose(list(Image.Transpose)[undo[orientation]])
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = encoded(stored, "PNG", exif=exif.tobytes())
    facts = probe(data, LIMITS)
    assert (facts.width, facts.height, facts.orientation) == (160, 96, orientation)
    image = opened(made(data, Recipe(trim=10)))
    assert image.size == (64, 32)
    assert all_near(corners(image, 2), [RED, GREEN, BLUE, YELLOW])
    crop = Region(left=Pixels(16), top=Pixels(48), width=Pixels(32), height=Pixels(16))
    assert all_near(corners(opened(made(data, Recipe(crop=crop))), 1), [RED] * 4)


@pytest.mark.parametrize("fmt", [Format.PNG, Format.WEBP, Format.AVIF])
def test_lossless_is_exact(fmt: Format) -> None:
    """Every pixel comes back as it was."""
    rng = np.random.default_rng(2)
    array = rng.integers(0, 256, (48, 64, 3), dtype=np.uint8)
    result = made(encoded(Image.fromarray(array)), Recipe(output=Output(lossless=True)), fmt)
    assert np.array_equal(pixels_of(opened(result)), array)


@pytest.mark.parametrize("fmt", [Format.JPEG, Format.WEBP, Format.AVIF])
def test_quality_is_one_scale(fmt: Format) -> None:
    """More quality is more bytes, and without a word it is 76."""
    rng = np.random.default_rng(3)
    data = encoded(Image.fromarray(rng.integers(0, 256, (128, 128, 3), dtype=np.uint8)).resize((256, 256)))
    size = [len(made(data, Recipe(output=Output(quality=q)), fmt).data) for q in (20, 50, 76, 95)]
    assert size == sorted(set(size))
    assert len(made(data, fmt=fmt).data) == size[2]


def test_shrink_on_load_changes_nothing_to_see() -> None:
    """A JPEG reduced while decoding is the picture that full decoding gives, also at odd sizes."""
    rng = np.random.default_rng(4)
    small = Image.fromarray(rng.integers(0, 256, (26, 34, 3), dtype=np.uint8))
    for size in ((1088, 832), (1083, 829)):
        smooth = small.resize(size, Image.Resampling.BICUBIC)
        for width in (110, 250, 540):
            recipe = Recipe(resize=sized(width))
            reduced = opened(made(encoded(smooth, "JPEG", quality=97, subsampling=0), recipe))
            full = opened(made(encoded(smooth), recipe))
            difference = np.abs(pixels_of(reduced).astype(int) - pixels_of(full).astype(int))
            assert difference.mean() < 1.5, (size, width)


def test_p3_results_carry_our_own_profile() -> None:
    """Display P3 is tagged with a compact profile; sRGB with none."""
    data = encoded(quarters())
    result = opened(made(data, Recipe(output=Output(profile=Profile.P3))))
    assert len(result.info["icc_profile"]) == 480
    assert not near(corners(result)[1], GREEN, 20)
    assert "icc_profile" not in opened(made(data)).info


BEYOND = [
    Recipe(redact=Redaction(how=Obscure.BLUR, faces=True)),
    Recipe(resize=sized(10, 10, Fit.COVER, gravity=Anchor.FACES)),
    Recipe(output=Output(quality=SearchedQuality())),
    Recipe(output=Output(max_bytes=5000)),
]


@pytest.mark.parametrize("recipe", BEYOND)
def test_nothing_is_silently_left_out(recipe: Recipe) -> None:
    """A recipe beyond this version is refused with its capability row."""
    with pytest.raises(NotBuilt) as caught:
        made(encoded(quarters()), recipe)
    assert caught.value.row.startswith("T")


def test_a_page_that_is_not_there() -> None:
    """The refusal says which is the last, and names the option like any other."""
    with pytest.raises(InvalidRequest, match="the last of this picture is 0") as refusal:
        made(encoded(quarters()), Recipe(page=1))
    assert [fault.option for fault in refusal.value.faults] == ["page"]


def test_a_result_of_too_many_bytes_is_refused() -> None:
    """A variant larger than the limit is not kept."""
    rng = np.random.default_rng(5)
    data = encoded(Image.fromarray(rng.integers(0, 256, (300, 300, 3), dtype=np.uint8)))
    with pytest.raises(Unprocessable) as caught:
        made(data, limits=Limits(result_bytes=10_000))
    assert caught.value.code == "too_many_bytes"


def test_bytes_that_changed_since_they_were_probed_are_refused() -> None:
    """A job made for another picture does not run on this one."""
    job = Job(recipe=Recipe(), format=Format.JPEG, facts=probe(encoded(quarters()), LIMITS))
    for other in (encoded(quarters(100, 100)), encoded(quarters(), "JPEG")):
        with pytest.raises(Unprocessable, match="looked at before"):
            render(other, job, LIMITS)


@pytest.mark.parametrize(("fmt", "options"), [("JPEG", {}), ("JPEG", {"progressive": True}), ("PNG", {}), ("WEBP", {})])
@pytest.mark.parametrize("share", [0.3, 0.6, 0.95])
def test_a_cut_file_is_damaged(fmt: str, options: dict[str, object], share: float) -> None:
    """It is refused when verified and when rendered, in a sentence without libvips' words."""
    rng = np.random.default_rng(6)
    whole = encoded(Image.fromarray(rng.integers(0, 256, (200, 200, 3), dtype=np.uint8)), fmt, **options)
    data = whole[: int(len(whole) * share)]
    for act in (lambda: verify(data, LIMITS), lambda: made(data, Recipe(resize=sized(50)), Format.WEBP)):
        with pytest.raises(ImagemillError) as caught:
            act()
        assert caught.value.code == "damaged"
        assert "vips" not in caught.value.sentence.lower()


@pytest.mark.parametrize(
    ("words", "code"),
    [("out of memory -- size == 900MB", "too_complex"), ("VipsJpeg: bad marker in /srv/secret.jpg", "damaged")],
)
def test_libvips_words_stay_inside(words: str, code: str) -> None:
    """The sentence is ours and the cause is kept for the log; a lack of memory is not called damage."""
    with pytest.raises(Unprocessable) as caught, plain_words():
        raise pyvips.Error(words)
    assert caught.value.code == code
    assert words not in caught.value.sentence
    assert words in str(caught.value.__cause__)


def test_original_bytes_may_be_mapped_or_viewed() -> None:
    """A memoryview of a larger buffer is read in place."""
    data = encoded(quarters(), "JPEG")
    around = memoryview(b"xx" + data + b"yy")[2:-2]
    job = Job(recipe=Recipe(resize=sized(60)), format=Format.PNG, facts=probe(around, LIMITS))
    assert Image.open(io.BytesIO(render(around, job, LIMITS).data)).size == (60, 40)
