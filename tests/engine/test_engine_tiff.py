"""TIFF in and out: pages, ways of storing, colour models, and tags that lie (threat D5)."""

from __future__ import annotations

import io
import struct
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageSequence
from tests.cpu import cpu_seconds
from tests.engine.engine_pictures import (
    BLUE,
    GREEN,
    LIMITS,
    RED,
    YELLOW,
    all_near,
    corners,
    corpus_bytes,
    encoded,
    made,
    near,
    opened,
    pixels_of,
    quarters,
    sized,
)
from tests.engine.tiff_files import LONG, LONG8, RATIONAL, SHORT, Page, tiff

from imagemill.engine.limits import Limits
from imagemill.engine.port import Job
from imagemill.engine.probe import probe, verify
from imagemill.engine.render import render
from imagemill.engine.render_set import render_set
from imagemill.engine.structure import examine
from imagemill.engine.tiff_structure import MOST_PAGES, read_tiff_page
from imagemill.errors import ImagemillError, InvalidRequest, NotAnImage, Unprocessable
from imagemill.recipe.model import Output, Percent, Pixels, Recipe, Region
from imagemill.recipe.vocabulary import Format

FOUR: list[tuple[int, ...]] = [RED, GREEN, BLUE, YELLOW]


def several(*images: Image.Image, **options: object) -> bytes:
    """One TIFF of several pages."""
    out = io.BytesIO()
    images[0].save(out, "TIFF", save_all=True, append_images=images[1:], **options)
    return out.getvalue()


@pytest.mark.parametrize("compression", [None, "tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg", "tiff_deflate"])
@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_every_usual_compression_is_read(compression: str | None, mode: str) -> None:
    """The four quarters stand where they should, however they were stored."""
    options = {"quality": 95} if compression == "jpeg" else {}
    data = encoded(quarters().convert(mode), "TIFF", compression=compression, **options)
    assert (verify(data, LIMITS).format, probe(data, LIMITS).pages) == ("tiff", 1)
    want = corners(quarters().convert(mode))
    assert all_near(corners(opened(made(data))), want, 6)


@pytest.mark.parametrize(
    ("mode", "options", "bits", "colour"),
    [
        ("1", {"compression": "group4"}, 1, "b-w"),
        ("1", {"compression": "group3"}, 1, "b-w"),
        ("P", {}, 8, "srgb"),
        ("RGBA", {}, 8, "srgb"),
        ("LA", {}, 8, "b-w"),
        ("I;16", {}, 16, "grey16"),
        ("CMYK", {"compression": "tiff_lzw"}, 8, "cmyk"),
    ],
)
def test_depths_and_models(mode: str, options: dict[str, object], bits: int, colour: str) -> None:
    """Bilevel, palette, alpha, sixteen bits and ink are described and rendered."""
    image = quarters().convert("L").convert("I;16") if mode == "I;16" else quarters().convert(mode)
    data = encoded(image, "TIFF", **options)
    facts = verify(data, LIMITS)
    assert (facts.bits, facts.colour, facts.width, facts.height) == (bits, colour, 240, 160)
    assert facts.alpha == (mode in ("RGBA", "LA"))
    assert opened(made(data, Recipe(resize=sized(60)))).size == (60, 40)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("big", [False, True])
def test_both_byte_orders_classic_and_big(order: str, big: bool) -> None:
    """The same page in four containers."""
    data = tiff(Page(data=bytes((10, 20, 30)) * 16), order=order, big=big)
    assert (probe(data, LIMITS).width, probe(data, LIMITS).height) == (4, 4)
    assert opened(made(data)).getpixel((1, 1)) == (10, 20, 30)


def test_planes_apart_are_put_together() -> None:
    """Planar configuration 2: three planes of one sample each."""
    planes = bytes([10] * 16 + [20] * 16 + [30] * 16)
    tags = {284: (SHORT, [2]), 273: (LONG, [8, 24, 40]), 279: (LONG, [16, 16, 16])}
    assert opened(made(tiff(Page(data=planes, tags=dict(tags))))).getpixel((2, 2)) == (10, 20, 30)


def test_white_may_be_zero() -> None:
    """MinIsWhite is turned round."""
    data = tiff(Page(samples=1, photometric=0, data=bytes([10] * 16)))
    assert opened(made(data)).getpixel((0, 0)) == 245


@pytest.mark.parametrize(("extra", "red"), [(1, 128), (2, 64)])
def test_colours_multiplied_by_alpha_are_divided_again(extra: int, red: int) -> None:
    """Associated alpha (ExtraSamples 1) is taken out of the colours; others are as they are (section 18)."""
    page = Page(samples=4, data=bytes((64, 32, 16, 128)) * 16, tags={338: (SHORT, [extra])})
    pixel = opened(made(tiff(page))).getpixel((1, 1))
    assert isinstance(pixel, tuple)
    assert abs(pixel[0] - red) <= 1
    assert pixel[3] == 128


def test_saved_selections_are_not_shown() -> None:
    """Bands after the first alpha, as an editor saves its masks, are left out."""
    data = tiff(Page(samples=6, data=bytes((9, 8, 7, 255, 1, 2)) * 16))
    assert opened(made(data)).getpixel((0, 0)) == (9, 8, 7, 255)


def test_an_unspecified_band_is_no_transparency() -> None:
    """ExtraSamples 0 is a selection that an editor saved (section 18): nothing becomes clear by it, as in Pillow."""
    page = Page(samples=4, data=bytes((9, 8, 7, 0)) * 16, tags={338: (SHORT, [0])})
    assert opened(made(tiff(page))).getpixel((0, 0)) == (9, 8, 7)
    assert not probe(tiff(page), LIMITS).alpha


@pytest.mark.parametrize(
    ("weights", "pixel", "expected"),
    [
        (None, (76, 85, 255), (254, 0, 0)),  # BT.601, where nothing is said
        ((2126, 7152, 722), (54, 99, 255), (254, 0, 0)),  # BT.709
        ((0, 0, 0), (76, 85, 255), (254, 0, 0)),  # senseless, so BT.601
        (None, (128, 128, 128), (128, 128, 128)),
    ],
)
def test_luma_and_chroma_of_every_pixel(
    weights: tuple[int, ...] | None, pixel: tuple[int, ...], expected: tuple[int, ...]
) -> None:
    """YCbCr without JPEG and without halved chroma, which libvips hands over as it is, becomes RGB (section 21)."""
    tags: dict[int, tuple[int, list[int]] | None] = {530: (SHORT, [1, 1])}
    if weights is not None:
        tags[529] = (RATIONAL, [number for weight in weights for number in (weight, 10_000)])
    page = Page(photometric=6, data=bytes(pixel) * 16, tags=tags)
    assert near(opened(made(tiff(page))).getpixel((1, 1)), expected, 1)  # type: ignore[arg-type]  # a triple


def test_luma_of_sixteen_bits_is_refused() -> None:
    """YCbCr is read in 8 bits only, and that is said."""
    with pytest.raises(NotAnImage, match="YCbCr of 16 bits"):
        probe(tiff(Page(photometric=6, bits=16, tags={530: (SHORT, [1, 1])})), LIMITS)


def test_floats_are_linear_light() -> None:
    """A float of 0.2140 is middle grey in sRGB; what is brighter than one is white."""
    values = np.array([[0.2140] * 3] * 8 + [[3.0] * 3] * 8, "<f4")
    tags: dict[int, tuple[int, list[int]] | None] = {339: (SHORT, [3, 3, 3])}
    image = opened(made(tiff(Page(bits=32, data=values.tobytes(), tags=tags))))
    assert near(image.getpixel((0, 0)), (127, 127, 127), 1)  # type: ignore[arg-type]  # an RGB pixel is a triple
    assert image.getpixel((0, 3)) == (255, 255, 255)


def test_sixteen_bit_ink() -> None:
    """CMYK of 16 bits looks as the same in 8."""
    deep = Page(samples=4, bits=16, photometric=5, data=struct.pack("<4H", 0, 65535, 65535, 0) * 16)
    plain = Page(samples=4, photometric=5, data=bytes((0, 255, 255, 0)) * 16)
    one, two = (opened(made(tiff(page))).getpixel((1, 1)) for page in (deep, plain))
    assert one == two
    assert isinstance(one, tuple)
    assert one[0] > 150 > max(one[1:])


@pytest.mark.parametrize("value", range(1, 9))
def test_orientation_is_applied_once(value: int) -> None:
    """All eight values of the orientation tag come out upright, and the result asks for no more turning."""
    turn = {2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}  # the transposition that a reader undoes (Image.Transpose)
    stored = quarters() if value == 1 else quarters().transpose(Image.Transpose(turn[value]))
    data = encoded(stored, "TIFF", tiffinfo={274: value})
    facts = probe(data, LIMITS)
    assert (facts.width, facts.height, facts.orientation) == (240, 160, value)
    for fmt in (Format.PNG, Format.TIFF, Format.JPEG):
        image = opened(made(data, Recipe(resize=sized(120)), fmt))
        assert image.size == (120, 80)
        assert all_near(corners(image), FOUR, 8)
        assert image.getexif().get(0x0112, 1) == 1


def test_pages_of_their_own_size() -> None:
    """The first page is the default; another is rendered by its own size, and one that is not there is refused."""
    data = several(quarters(), quarters(90, 120).convert("L"), quarters(50, 50))
    facts = verify(data, LIMITS)
    assert (facts.pages, facts.animated) == (3, False)
    assert facts.page_sizes == ((240, 160), (90, 120), (50, 50))
    assert [(facts.of_page(page).width, facts.of_page(page).height) for page in (0, 1, 2)] == list(facts.page_sizes)
    assert opened(made(data)).size == (240, 160)
    second = opened(made(data, Recipe(page=1)))
    assert (second.size, second.mode) == ((90, 120), "L")
    assert opened(made(data, Recipe(page=2, resize=sized(25)))).size == (25, 25)
    low = Region(left=Pixels(0), top=Pixels(100), width=Pixels(90), height=Pixels(20))
    assert opened(made(data, Recipe(page=1, crop=low))).size == (90, 20)
    with pytest.raises(InvalidRequest, match="the last of this picture is 2"):
        made(data, Recipe(page=3))


def test_a_set_of_a_later_page_is_that_page() -> None:
    """Variants made together are the bytes of each alone, on a page of another size as well."""
    data = several(quarters(), quarters(90, 120))
    facts = probe(data, LIMITS)
    recipes = [Recipe(page=1, resize=sized(width)) for width in (20, 40, 60)]
    jobs = [Job(recipe=recipe, format=fmt, facts=facts) for recipe in recipes for fmt in (Format.PNG, Format.WEBP)]
    alone = [render(data, job, LIMITS).data for job in jobs]
    assert [result.data for result in render_set(data, jobs, LIMITS)] == alone


def test_a_turned_page_counts_upright() -> None:
    """Sizes of pages are given with their orientation applied."""
    page = Page(width=6, height=4, tags={274: (SHORT, [6])})
    assert probe(tiff(Page(), page), LIMITS).page_sizes == ((4, 4), (4, 6))


def test_a_senseless_later_page_is_not_planned_with() -> None:
    """The first page is served; the sizes end before a page that is no picture, and that page is refused."""
    data = tiff(Page(), Page(width=6), Page(tags={256: (LONG, [2**31])}))
    facts = probe(data, LIMITS)
    assert (facts.pages, facts.page_sizes) == (3, ((4, 4), (6, 4)))
    assert opened(made(data)).size == (4, 4)
    with pytest.raises(Unprocessable):
        made(data, Recipe(page=2))


def test_an_animation_is_not_made_of_pages() -> None:
    """Pages are not frames: as GIF or WebP it is one still picture."""
    data = several(quarters(), quarters(), quarters())
    for fmt in (Format.GIF, Format.WEBP):
        result = made(data, fmt=fmt)
        assert result.pages == 1
        assert len(list(ImageSequence.Iterator(Image.open(io.BytesIO(result.data))))) == 1


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "LA"])
def test_written_without_loss(mode: str) -> None:
    """What is written is what was read, alpha too, in a compression that every reader has."""
    rng = np.random.default_rng(11)
    bands = len(Image.new(mode, (1, 1)).getbands())
    array = rng.integers(0, 256, (40, 60, bands), dtype=np.uint8)
    source = Image.fromarray(array.squeeze(), mode)
    image = opened(made(encoded(source), fmt=Format.TIFF))
    assert image.format == "TIFF"
    assert image.tag_v2[259] == 8  # type: ignore[attr-defined]  # Adobe Deflate
    assert image.mode == mode
    assert np.array_equal(np.asarray(image), np.asarray(source))


def test_the_description_of_a_result_holds_pixels_only() -> None:
    """No tag of the original reaches a written TIFF: neither its text nor its resolution, software or profile."""
    tags = {270: "SECRET-DESCRIPTION", 305: "SECRET-SOFTWARE", 315: "SECRET-ARTIST", 33432: "SECRET-COPYRIGHT"}
    result = made(encoded(quarters(), "TIFF", tiffinfo=tags), fmt=Format.TIFF)
    assert b"SECRET" not in result.data
    image = opened(result)
    assert not {270, 305, 315, 33432, 34675, 34665, 700} & set(image.tag_v2)  # type: ignore[attr-defined]


REFUSED: list[tuple[str, Page, type[ImagemillError]]] = [
    ("no width", Page(tags={256: None}), Unprocessable),
    ("a width of zero", Page(tags={256: (LONG, [0])}), Unprocessable),
    ("a width that is a fraction", Page(tags={256: (5, [])}), Unprocessable),
    ("2^32-1 square", Page(tags={256: (LONG, [2**32 - 1]), 257: (LONG, [2**32 - 1])}), Unprocessable),
    ("65535 bands", Page(tags={277: (SHORT, [65535])}), NotAnImage),
    ("no samples", Page(tags={277: (SHORT, [0])}), NotAnImage),
    ("12 bits", Page(tags={258: (SHORT, [12] * 3)}), NotAnImage),
    ("64-bit floats", Page(tags={258: (SHORT, [64] * 3), 339: (SHORT, [3] * 3)}), NotAnImage),
    ("signed numbers", Page(bits=16, tags={339: (SHORT, [2] * 3)}), NotAnImage),
    ("grey floats", Page(samples=1, photometric=1, tags={258: (SHORT, [32]), 339: (SHORT, [3])}), NotAnImage),
    ("CIELAB", Page(photometric=8), NotAnImage),
    ("old-style JPEG", Page(tags={259: (SHORT, [6])}), NotAnImage),
    ("an unknown compression", Page(tags={259: (SHORT, [50000])}), NotAnImage),
    ("a camera's DNG", Page(tags={50706: (LONG, [1])}), NotAnImage),
    ("a camera's raw", Page(tags={254: (LONG, [1]), 330: (LONG, [8])}), NotAnImage),
    ("rows of no height", Page(tags={278: (LONG, [0])}), Unprocessable),
    ("fewer strips than rows", Page(tags={278: (LONG, [1])}), Unprocessable),
    ("no strips", Page(tags={273: None}), Unprocessable),
    ("a tile of ten gigapixels", Page(tags={322: (LONG, [100_000]), 323: (LONG, [100_000])}), Unprocessable),
    ("tiles without offsets", Page(tags={322: (LONG, [16]), 323: (LONG, [16])}), Unprocessable),
    ("a JPEG that is none", Page(tags={259: (SHORT, [7])}), Unprocessable),
]


@pytest.mark.parametrize(("page", "error"), [case[1:] for case in REFUSED], ids=[case[0] for case in REFUSED])
@pytest.mark.parametrize("big", [False, True])
def test_tags_that_cannot_be_are_refused_before_libtiff(page: Page, error: type[ImagemillError], big: bool) -> None:
    """Each contradiction is told from the bytes alone, in words."""
    if any(value is not None and value[0] not in (SHORT, LONG, LONG8) for value in page.tags.values()):
        page = Page(tags={256: None})
    view = memoryview(tiff(page, big=big))
    with pytest.raises(error) as caught:
        examine(view, "tiff", LIMITS)
    assert caught.value.code in ("damaged", "too_many_pixels", "not_an_image")


def test_a_thousand_million_strips_are_not_looked_for() -> None:
    """A list that reaches beyond the file is refused without walking it."""
    data = bytearray(tiff(Page()))
    at = data.index(struct.pack("<HHI", 273, LONG, 1))
    struct.pack_into("<I", data, at + 4, 1 << 30)
    with pytest.raises(Unprocessable, match="beyond its end"):
        examine(memoryview(data), "tiff", LIMITS)


def test_a_jpeg_of_another_size_is_refused() -> None:
    """A JPEG strip that does not fill its part of the page would leave old memory there."""
    small = encoded(quarters(16, 16), "JPEG")
    page = Page(width=400, height=400, data=small, tags={259: (SHORT, [7]), 262: (SHORT, [6])})
    with pytest.raises(Unprocessable, match="a JPEG of 16x16 stands in the TIFF where one of 400x400 belongs"):
        probe(tiff(page), LIMITS)


def test_a_chain_that_leads_back_ends() -> None:
    """A loop of directories counts each page once."""
    assert examine(memoryview(tiff(Page(), Page(), loop_to=0)), "tiff", LIMITS).frames == 2
    assert examine(memoryview(tiff(Page(), Page(), Page(), loop_to=2)), "tiff", LIMITS).frames == 3
    assert probe(tiff(Page(), loop_to=0), LIMITS).pages == 1


def test_a_cut_chain_has_the_pages_that_are_whole() -> None:
    """The first page is served though the file ends in a later directory; that page is none."""
    data = tiff(Page(), Page())
    assert probe(data[:-4], LIMITS).pages == 1


def test_pages_without_end_are_refused() -> None:
    """More directories than any scanned book."""
    empty = struct.pack("<H", 0)
    count = MOST_PAGES + 1
    links = b"".join(empty + struct.pack("<I", 8 + 6 * (index + 1)) for index in range(count))
    with pytest.raises(Unprocessable) as caught:
        examine(memoryview(b"II*\x00\x08\x00\x00\x00" + links), "tiff", LIMITS)
    assert caught.value.code == "too_complex"


def test_a_page_that_is_not_there_is_no_page() -> None:
    """Asked by its number, beyond the chain."""
    with pytest.raises(Unprocessable):
        read_tiff_page(memoryview(tiff(Page())), 1)


def test_a_later_page_is_held_to_the_limits() -> None:
    """A small first page does not let a large second one through."""
    data = several(quarters(40, 40), quarters(800, 800))
    limits = Limits(pixels_streaming=100_000, pixels_whole=100_000)
    facts = probe(data, limits)
    job = Job(recipe=Recipe(page=1), format=Format.PNG, facts=facts)
    with pytest.raises(Unprocessable) as caught:
        render(data, job, limits)
    assert caught.value.code == "too_many_pixels"
    with pytest.raises(Unprocessable):
        verify(data, limits)


def test_one_great_strip_counts_as_held_whole() -> None:
    """A strip of the whole page is decoded at once; many small ones are not."""
    image = Image.new("RGB", (4000, 3000))
    assert probe(encoded(image, "TIFF", compression="tiff_lzw", tiffinfo={278: 3000}), LIMITS).whole_frame
    assert not probe(encoded(image, "TIFF", compression="tiff_lzw", tiffinfo={278: 16}), LIMITS).whole_frame


def test_a_file_that_ends_early_is_refused() -> None:
    """A strip that is not all there is no grey half."""
    data = encoded(quarters(), "TIFF")
    page = Page(width=240, height=160, data=pixels_of(quarters()).tobytes())
    whole = tiff(page)
    head_first = bytearray(whole)
    struct.pack_into("<I", head_first, head_first.index(struct.pack("<HHI", 273, LONG, 1)) + 8, len(whole) - 100)
    with pytest.raises(Unprocessable):
        verify(bytes(head_first), LIMITS)
    with pytest.raises(Unprocessable):
        verify(data[:-20], LIMITS)


@given(st.data())
def test_any_damage_is_an_answer(data: st.DataObject) -> None:
    """Whatever bytes of the directory are changed: facts, or a refusal in our words."""
    file = bytearray(tiff(Page(), Page(width=5, height=3), big=data.draw(st.booleans())))
    for _ in range(data.draw(st.integers(1, 4))):
        file[data.draw(st.integers(4, len(file) - 1))] = data.draw(st.integers(0, 255))
    with suppress(NotAnImage, Unprocessable):
        verify(bytes(file), Limits(pixels_streaming=10_000, pixels_whole=10_000))


def test_many_pages_cost_little(corpus: Path) -> None:
    """6000 pages: the header is quick, the verification bounded, one page at once (D5)."""
    data = corpus_bytes(corpus, "hostile/bomb_tiff/pages_6000_500x500.tif")
    with cpu_seconds() as page:
        assert probe(data, LIMITS).pages == 6000
        assert opened(made(data, Recipe(page=5999, resize=sized(20)))).size == (20, 20)
    assert page.seconds < 2
    with cpu_seconds() as whole:
        assert verify(data, LIMITS).pages == 6000
    assert page.seconds + whole.seconds < 6


def test_the_corpus_is_read(corpus: Path) -> None:
    """Every TIFF of the corpus that libtiff can decode is a picture with the size that Pillow sees."""
    refused = set()
    paths = sorted((corpus / "tiff").iterdir()) + sorted((corpus / "clean" / "tiff").iterdir())
    assert len(paths) > 60
    for path in paths:
        data = path.read_bytes()
        try:
            facts = verify(data, LIMITS)
        except (NotAnImage, Unprocessable):
            refused.add(path.name)
            continue
        for page in {0, facts.pages - 1}:
            assert made(data, Recipe(page=page, resize=sized(32)), Format.JPEG).data.startswith(b"\xff\xd8")
        if "float" not in path.name and "32f" not in path.name:
            with Image.open(path) as stored:
                assert {facts.width, facts.height} == set(stored.size)
    assert refused == {"tif-rgba-1res-64x56x8-tiled-jpeg.tif"}


@pytest.mark.parametrize("name", ["raw", "tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg", "3pages"])
def test_charts_in_tiff(corpus: Path, name: str) -> None:
    """The clean charts have their corners; without loss everywhere but in the JPEG."""
    data = corpus_bytes(corpus, f"clean/tiff/{name}.tif")
    tolerance = 14 if name == "jpeg" else 4  # of the file itself, by any decoder
    assert all_near(corners(opened(made(data)), 2), FOUR, tolerance), corners(opened(made(data)), 2)


def test_tags_of_strangers_stay_behind(corpus: Path) -> None:
    """The TIFF with XMP and text is served, and nothing of them is in any variant (P1)."""
    data = corpus_bytes(corpus, "hostile/privacy/gps.tif")
    for fmt in (Format.JPEG, Format.PNG, Format.WEBP, Format.AVIF, Format.GIF, Format.TIFF):
        result = made(data, Recipe(output=Output(format=fmt), resize=sized(48)), fmt)
        assert b"CANARY" not in result.data
        assert b"xmp" not in result.data.lower()


def test_a_percent_of_another_page() -> None:
    """Percents are of the page that is asked."""
    data = several(quarters(), quarters(90, 120))
    half = Region(left=Percent(0), top=Percent(0), width=Percent(50), height=Percent(50))
    result = made(data, Recipe(page=1, crop=half))
    assert opened(result).size == (45, 60)
