"""Colour: profiles in, sRGB, Display P3 or the original's own out, and colours from a URL in the result's space."""

from __future__ import annotations

import io
import struct
import zlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image, ImageCms, ImageOps
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

from imagemill.engine import icc
from imagemill.engine.libvips import pyvips
from imagemill.engine.port import Job
from imagemill.engine.probe import probe
from imagemill.engine.render import render
from imagemill.engine.steps.colour import p3_profile
from imagemill.recipe.model import Adjust, Colour, DerivedBackground, Output, Pad, Radius, Recipe
from imagemill.recipe.options.reading import parse_options
from imagemill.recipe.vocabulary import Anchor, Fit, Format, Mask, Profile

FOUR: list[tuple[int, ...]] = [RED, GREEN, BLUE, YELLOW]
SRGB = ImageCms.createProfile("sRGB")
KEEP, P3 = Output(profile=Profile.KEEP), Output(profile=Profile.P3)
TAGGED = (Format.JPEG, Format.PNG, Format.WEBP, Format.AVIF, Format.TIFF)
BLACK_POINT = ImageCms.Flags.BLACKPOINTCOMPENSATION


def shown(image: Image.Image) -> Image.Image:
    """What a colour-managed reader sees, in sRGB; Little CMS is the judge."""
    profile = image.info.get("icc_profile")
    if image.mode == "P":
        image = image.convert("RGBA")
    if profile is None:
        return image.convert("RGB")
    plain = image.convert("RGB") if image.mode == "RGBA" else image
    source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
    seen = ImageCms.profileToProfile(
        plain, source, SRGB, ImageCms.Intent.RELATIVE_COLORIMETRIC, "RGB", flags=BLACK_POINT
    )
    assert seen is not None
    return seen


def off(ours: Image.Image, theirs: Image.Image) -> NDArray[np.int64]:
    """By how many levels two pictures differ, pixel by pixel."""
    return np.abs(pixels_of(ours).astype(np.int64) - pixels_of(theirs).astype(np.int64))


def in_profile(profile: bytes, image: Image.Image | None = None) -> Image.Image:
    """The four quarters (or another sRGB picture) converted into a profile, and tagged with it."""
    target = ImageCms.ImageCmsProfile(io.BytesIO(profile))
    space = {"RGB ": "RGB", "CMYK": "CMYK", "GRAY": "L"}[target.profile.xcolor_space]
    converted = ImageCms.profileToProfile(
        image or quarters(), SRGB, target, ImageCms.Intent.RELATIVE_COLORIMETRIC, space, flags=BLACK_POINT
    )
    assert converted is not None
    converted.info["icc_profile"] = profile
    return converted


def tagged(profile: bytes, fmt: str = "PNG", image: Image.Image | None = None, **options: object) -> bytes:
    """The file of that picture."""
    return encoded(in_profile(profile, image), fmt, icc_profile=profile, **options)


@pytest.fixture
def adobe(corpus: Path) -> bytes:
    """A profile wider than sRGB."""
    return corpus_bytes(corpus, "profiles/AdobeCompat-v4.icc")


def clean(corpus: Path) -> list[Path]:
    """The harmless stills of the corpus that Pillow opens too."""
    suffixes = (".png", ".jpg", ".webp", ".tif")
    return sorted(
        path for path in (corpus / "clean").rglob("*") if path.suffix in suffixes and "anim" not in path.parts
    )


def reference(path: Path) -> tuple[Image.Image, Image.Image | None]:
    """What Pillow and Little CMS make of a file: upright sRGB, and its transparency."""
    with Image.open(path) as stored:
        upright = ImageOps.exif_transpose(stored)
    if upright.mode.startswith("I"):
        return Image.fromarray((np.asarray(upright).astype(np.uint32) >> 8).astype(np.uint8)).convert("RGB"), None
    alpha = upright.convert("RGBA").getchannel("A") if upright.has_transparency_data else None
    return shown(upright), alpha


def test_clean_pictures_are_within_four_levels(corpus: Path) -> None:
    """Every clean picture, written without loss, is what Little CMS makes of it: within 4 of 255 where it shows."""
    judged = 0
    for path in clean(corpus):
        facts = probe(path.read_bytes(), LIMITS)
        if facts.colour == "cmyk" or max(facts.width, facts.height) > 8192 or facts.width * facts.height > 16e6:
            continue
        theirs, alpha = reference(path)
        ours = opened(made(path.read_bytes()))
        difference = off(ours, theirs)
        if alpha is not None:
            visible = np.asarray(alpha)[..., None] > 16
            assert np.abs(np.asarray(ours.convert("RGBA"))[..., 3].astype(int) - np.asarray(alpha)).max() <= 1, (
                path.name
            )
            difference = difference * visible
        assert difference.max() <= 4, (path.name, difference.max())
        judged += 1
    assert judged > 60


def test_linear_light_twins(corpus: Path) -> None:
    """16-bit linear pictures in Rec. 709, Rec. 2020 and ACEScg are their sRGB twins: 99 % of the levels within 3."""
    judged = 0
    for path in sorted((corpus / "profiles").glob("*.png")):
        stem = path.stem
        for space in ("_2020_g1", "_709_g1", "_acescg_g1", "_709"):
            twin = path.with_name(stem.replace(space, "_srgb8") + ".png")
            if space in stem and twin.is_file() and twin != path:
                difference = off(opened(made(path.read_bytes())), opened(made(twin.read_bytes())))
                assert np.percentile(difference, 99) <= 3, path.name
                assert difference.max() <= 8, path.name
                judged += 1
                break
    assert judged >= 16


def test_a_profile_that_swaps_channels(corpus: Path) -> None:
    """The swap is undone by the profile: within 2 levels of Little CMS, and far from the pixels as they are."""
    path = corpus / "profiles" / "rgb-to-gbr-test.png"
    theirs, _ = reference(path)
    ours = opened(made(path.read_bytes()))
    assert off(ours, theirs).max() <= 2
    with Image.open(path) as stored:
        assert off(ours, stored).max() > 100


def test_colours_beyond_srgb_are_kept_in_p3(corpus: Path) -> None:
    """The two halves of the P3 bars are one in sRGB, and differ in P3."""
    data = corpus_bytes(corpus, "profiles/P3-sRGB-color-bars.png")
    kept = opened(made(data, Recipe(output=P3)))
    with Image.open(io.BytesIO(data)) as stored:
        assert np.percentile(off(shown(kept), shown(stored)), 99) <= 4
    assert len(kept.info["icc_profile"]) == 480
    assert off(opened(made(data)), kept).max() > 30


def every_profile(corpus: Path, space: bytes) -> list[Path]:
    """The profiles of the corpus for one kind of pixels."""
    found = sorted((corpus / "profiles").glob("*.icc"))
    return [path for path in found if path.read_bytes()[16:20] == space]


def test_every_profile_of_the_corpus_comes_in(corpus: Path) -> None:
    """Matrix and table profiles, versions 2 and 4, coloured, grey and for ink: within 3 levels of Little CMS."""
    judged = 0
    for space, fmt in ((b"RGB ", "PNG"), (b"GRAY", "PNG"), (b"CMYK", "TIFF")):
        for path in every_profile(corpus, space):
            profile = path.read_bytes()
            if icc.read(profile) is None:
                continue
            try:
                stored = in_profile(profile, gradient())
                theirs = shown(stored)
            except ImageCms.PyCMSError:
                continue  # no way back in this profile
            ours = opened(made(encoded(stored, fmt, icc_profile=profile)))
            assert off(ours, theirs).max() <= 3, path.name
            judged += 1
    assert judged > 30


@pytest.mark.parametrize("name", ["DisplayP3-v4", "AdobeCompat-v4", "ProPhoto-v4", "Rec2020-v4"])
def test_sixteen_bits_at_the_edge_of_srgb(corpus: Path, name: str) -> None:
    """A 16-bit picture in a wide space has the colours of its 8-bit twin, those at sRGB's corners included."""
    profile = corpus_bytes(corpus, f"profiles/{name}.icc")
    stored = in_profile(profile)
    deep = pyvips.Image.new_from_array(pixels_of(stored).astype(np.uint16) * 257).copy(interpretation="rgb16")
    deep.set_type(pyvips.GValue.blob_type, "icc-profile-data", profile)
    for target in (Recipe(), Recipe(output=P3)):
        twin = opened(made(encoded(stored, icc_profile=profile), target))
        assert off(opened(made(deep.pngsave_buffer(keep="icc"), target)), twin).max() <= 2


def chunk(name: bytes, body: bytes) -> bytes:
    """One chunk of a PNG."""
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def named_p3(fmt: str) -> bytes:
    """The gradient, with Display P3 named by code points only: PNG's cICP, AVIF's nclx."""
    if fmt == "PNG":
        data = encoded(gradient())
        return data[:33] + chunk(b"cICP", bytes((12, 13, 0, 1))) + data[33:]
    data = encoded(gradient(), "AVIF", quality=100, subsampling="4:4:4")
    assert data.count(b"nclx\x00\x01") == 1
    return data.replace(b"nclx\x00\x01", b"nclx\x00\x0c")


@pytest.mark.parametrize(("fmt", "worst"), [("PNG", 0), ("AVIF", 4)])
def test_display_p3_by_code_points(fmt: str, worst: int) -> None:
    """Colours that are named by numbers (H.273) are those of the same pixels under the profile, as in browsers."""
    data = named_p3(fmt)
    under_profile = opened(made(encoded(gradient(), icc_profile=p3_profile())))
    difference = off(opened(made(data)), under_profile)
    assert np.percentile(difference, 99) <= worst
    assert off(under_profile, gradient()).max() > 20
    assert probe(data, LIMITS).profile is not None
    assert np.percentile(off(opened(made(data, Recipe(output=KEEP))), gradient()), 99) <= worst


def test_an_hdr_transfer_is_not_taken_for_p3() -> None:
    """PQ has Display P3's primaries only: no profile of ours would show it right."""
    data = named_p3("PNG")
    pq = data[:33] + chunk(b"cICP", bytes((12, 16, 0, 1))) + data[33 + 16 :]
    assert probe(pq, LIMITS).profile is None


def test_grey_of_narrow_range(corpus: Path) -> None:
    """A monochrome AVIF whose black is 16 and white 235 comes out from 0 to 255, as libavif shows it."""
    ramp = Image.linear_gradient("L")
    data = encoded(ramp, "AVIF", quality=100, subsampling="4:0:0", range="limited")
    assert off(opened(made(data)), ramp).max() <= 3
    path = corpus / "avif" / "fox.profile0.8bpc.yuv420.monochrome.avif"
    with Image.open(path) as theirs:
        assert off(opened(made(path.read_bytes())), theirs).max() <= 2


def test_avif_colours_multiplied_by_alpha() -> None:
    """They are divided again where the file says that they are multiplied (`prem`), and only there."""
    clear = gradient().convert("RGBA")
    clear.putalpha(Image.new("L", clear.size, 128))
    for multiplied in (False, True):
        data = encoded(clear, "AVIF", quality=100, subsampling="4:4:4", alpha_premultiplied=multiplied)
        assert (b"prem" in data) is multiplied
        assert np.percentile(off(opened(made(data)), gradient()), 99) <= 5


def gradient(width: int = 96, height: int = 64) -> Image.Image:
    """Many colours, none of them at the edge of sRGB."""
    rows, columns = np.mgrid[0:height, 0:width]
    planes = [40 + columns * 170 // width, 40 + rows * 170 // height, 200 - (columns + rows) * 150 // (width + height)]
    return Image.fromarray(np.stack(planes, axis=-1).astype(np.uint8))


# --- icc=keep ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fmt", TAGGED)
def test_a_kept_profile_and_untouched_pixels(adobe: bytes, fmt: Format) -> None:
    """The pixels are the original's own, under its profile, so a reader sees the same colours."""
    stored = in_profile(adobe, gradient())
    result = opened(
        made(encoded(stored, icc_profile=adobe), Recipe(output=Output(profile=Profile.KEEP, quality=98)), fmt)
    )
    kept = icc.read(result.info["icc_profile"])
    assert kept is not None
    assert kept == icc.read(adobe)
    lossless = fmt in (Format.PNG, Format.TIFF)
    assert off(result, stored).max() <= (0 if lossless else 24)
    assert off(shown(result), shown(stored)).mean() < (0.01 if lossless else 3)


def test_untagged_stays_untagged() -> None:
    """Where there is no profile, nothing is invented."""
    result = made(encoded(quarters()), Recipe(output=KEEP))
    assert result.data == made(encoded(quarters())).data


def test_an_unsound_profile_is_not_kept(corpus: Path) -> None:
    """Garbage, lies and profiles for other pixels are left behind (D16)."""
    for path in sorted((corpus / "hostile" / "icc").glob("*.jpg")):
        assert "icc_profile" not in opened(made(path.read_bytes(), Recipe(output=KEEP))).info, path.name


def test_a_gif_is_srgb_whatever_was_asked(adobe: bytes) -> None:
    """A GIF holds no profile, so its pixels are sRGB."""
    data = tagged(adobe)
    plain = made(data, fmt=Format.GIF).data
    assert made(data, Recipe(output=KEEP), Format.GIF).data == plain
    assert made(data, Recipe(output=P3), Format.GIF).data == plain


def test_nothing_rides_along_in_a_kept_profile(adobe: bytes) -> None:
    """Private tags, what stands behind the end, and who made it are gone; the colours are the same."""
    secret = b"SECRET-IN-A-PROFILE!"
    spiked = bytearray(adobe)
    (count,) = struct.unpack_from(">I", spiked, 128)
    table = 132 + 12 * count
    body = bytes(spiked[table:])
    tags = [struct.unpack_from(">4sII", spiked, 132 + 12 * index) for index in range(count)]
    entries = [struct.pack(">4sII", name, offset + 12, size) for name, offset, size in tags]
    entries.append(struct.pack(">4sII", b"priv", table + 12 + len(body), len(secret)))
    spiked = spiked[:128] + struct.pack(">I", count + 1) + b"".join(entries) + body + secret
    spiked[80:84] = b"WHO!"
    spiked[:4] = struct.pack(">I", len(spiked))
    assert icc.read(bytes(spiked)) == icc.read(adobe)
    result = made(tagged(bytes(spiked) + secret), Recipe(output=KEEP))
    assert secret not in result.data
    kept = opened(result).info["icc_profile"]
    assert secret not in kept
    assert b"WHO!" not in kept
    assert off(shown(opened(result)), shown(in_profile(adobe))).max() <= 1


def test_every_kept_profile_is_still_one(corpus: Path) -> None:
    """What is left of each profile of the corpus is described and converts as before."""
    for path in sorted((corpus / "profiles").glob("*.icc")):
        profile = path.read_bytes()
        if icc.read(profile) is None:
            continue
        kept = icc.cleaned(profile)
        assert icc.read(kept) == icc.read(profile), path.name
        assert len(kept) <= len(profile) + 128
        ImageCms.getProfileName(ImageCms.ImageCmsProfile(io.BytesIO(kept)))


@given(st.data())
def test_cleaning_a_damaged_profile_never_surprises(data: st.DataObject) -> None:
    """What `read` calls sound can be cleaned, whatever was changed in it."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    for _ in range(data.draw(st.integers(1, 6))):
        profile[data.draw(st.integers(0, len(profile) - 1))] = data.draw(st.integers(0, 255))
    if icc.read(bytes(profile)) is not None:
        icc.cleaned(bytes(profile))


def test_grey_keeps_its_profile_where_the_format_can(corpus: Path) -> None:
    """JPEG, PNG and TIFF hold grey under a profile; the others write grey in three bands, so it is converted."""
    profile = corpus_bytes(corpus, "profiles/sGrey-v4.icc")
    data = corpus_bytes(corpus, "clean/icc/sgrey.png")
    for fmt in (Format.JPEG, Format.PNG, Format.TIFF):
        result = opened(made(data, Recipe(output=KEEP), fmt))
        assert result.mode == "L"
        assert icc.read(result.info["icc_profile"]) == icc.read(profile)
    for fmt in (Format.WEBP, Format.AVIF):
        assert made(data, Recipe(output=KEEP), fmt).data == made(data, fmt=fmt).data


DRESSED = [
    Recipe(pad=Pad(top=4, right=4, bottom=4, left=4)),
    Recipe(background=Colour("ff0000ff")),
    Recipe(radius=Radius(None)),
    Recipe(adjust=Adjust(brightness=10)),
    Recipe(blur=2.0),
]


@pytest.fixture
def press(corpus: Path) -> bytes:
    """A profile for ink."""
    return corpus_bytes(corpus, "profiles/CGATS001Compat-v2-micro.icc")


def inks(profile: bytes) -> Image.Image:
    """Four inks in all mixtures, tagged with a profile."""
    rows, columns = np.mgrid[0:64, 0:96]
    planes = [columns * 2, rows * 3, 150 - columns, (rows + columns) // 3]
    image = Image.fromarray(np.stack(planes, axis=-1).astype(np.uint8), "CMYK")
    image.info["icc_profile"] = profile
    return image


def printed(profile: bytes) -> bytes:
    """The TIFF of them."""
    return encoded(inks(profile), "TIFF", icc_profile=profile)


def test_ink_under_a_profile_comes_in(press: bytes) -> None:
    """CMYK is converted by its own profile: within 3 levels of Little CMS."""
    assert off(opened(made(printed(press))), shown(inks(press))).max() <= 3


@pytest.mark.parametrize("fmt", [Format.JPEG, Format.TIFF])
def test_ink_stays_ink_where_the_format_can(press: bytes, fmt: Format) -> None:
    """CMYK in JPEG and TIFF: the same inks, under the same profile."""
    stored, data = inks(press), printed(press)
    result = opened(made(data, Recipe(output=Output(profile=Profile.KEEP, quality=98)), fmt))
    assert result.mode == "CMYK"
    assert icc.read(result.info["icc_profile"]) == icc.read(press)
    difference = np.abs(np.asarray(result).astype(int) - np.asarray(stored))
    assert difference.max() <= (0 if fmt is Format.TIFF else 24)
    small = opened(made(data, Recipe(output=KEEP, resize=sized(40)), fmt))
    assert (small.mode, small.size) == ("CMYK", (40, 27))


@pytest.mark.parametrize("fmt", [Format.PNG, Format.WEBP, Format.AVIF, Format.GIF])
def test_ink_is_converted_where_the_format_cannot(press: bytes, fmt: Format) -> None:
    """Other formats have no ink: the result is that of sRGB."""
    data = printed(press)
    assert made(data, Recipe(output=KEEP), fmt).data == made(data, fmt=fmt).data


@pytest.mark.parametrize("recipe", DRESSED)
def test_ink_that_is_drawn_on_is_converted(press: bytes, recipe: Recipe) -> None:
    """Colours, effects and shapes are made on screen colours."""
    data = printed(press)
    plain = made(data, recipe, Format.JPEG)
    kept = replace(recipe, output=KEEP)
    assert made(data, kept, Format.JPEG).data == plain.data


def test_ink_without_a_profile_stays_without(corpus: Path) -> None:
    """Untagged CMYK is kept as it is; converted, it has the hues that it should."""
    data = corpus_bytes(corpus, "clean/tiff/cmyk.tif")
    kept = opened(made(data, Recipe(output=KEEP), Format.TIFF))
    assert kept.mode == "CMYK"
    assert "icc_profile" not in kept.info
    with Image.open(io.BytesIO(data)) as stored:
        assert np.array_equal(np.asarray(kept), np.asarray(stored))
    top_left, top_right, *_ = corners(opened(made(data)))
    assert top_left[0] > 150 > max(top_left[1:])
    assert top_right[1] > 120 > max(top_right[0], top_right[2])


@pytest.mark.parametrize("gravity", [Anchor.ATTENTION, Anchor.ENTROPY])
def test_looking_at_ink(press: bytes, gravity: Anchor) -> None:
    """A gravity that looks works on ink as well."""
    data = printed(press)
    recipe = Recipe(output=KEEP, resize=sized(30, 30, Fit.COVER, gravity=gravity))
    assert opened(made(data, recipe, Format.JPEG)).size == (30, 30)


# --- colours from a URL --------------------------------------------------------------------------------------------

OF_URLS = ("ff0000ff", "00ff00ff", "3366ccff", "ffffffff", "000000ff", "808080ff", "ff8800ff")


@pytest.mark.parametrize("hex8", OF_URLS)
@pytest.mark.parametrize("output", [P3, KEEP, Output()], ids=["p3", "keep", "srgb"])
def test_a_background_looks_as_its_colour_says(adobe: bytes, hex8: str, output: Output) -> None:
    """A colour from a URL is sRGB; a reader sees that colour around the picture, whatever space the result is in."""
    pad = Recipe(pad=Pad(top=20, right=20, bottom=20, left=20), background=Colour(hex8), output=output)
    for data in (tagged(adobe), encoded(quarters())):
        seen = corners(shown(opened(made(data, pad))))[0]
        assert near(seen, Colour(hex8).rgba[:3], 4), seen  # eight bits of a wide space are coarse


@pytest.mark.parametrize("output", [P3, KEEP], ids=["p3", "keep"])
@pytest.mark.parametrize("options", ["text=W,textcolor=ff0000,textsize=60", "wm=a.png", "duotone=ff0000:00ff00"])
def test_what_is_written_and_laid_looks_as_it_should(adobe: bytes, options: str, output: Output) -> None:
    """Words, a watermark and a duotone are the same colours in a wide space as in sRGB, within rounding."""
    ground = Image.new("RGB", (240, 160))
    ground.paste((255, 255, 255), (0, 0, 240, 80))
    data, mark = tagged(adobe, image=ground), encoded(Image.new("RGB", (30, 30), (255, 0, 0)))
    recipe = parse_options(options).recipe
    layers = (mark,) if options.startswith("wm") else ()
    facts = tuple(probe(layer, LIMITS) for layer in layers)
    seen = []
    for profile in (output.profile, Profile.SRGB):
        given = replace(recipe, output=Output(profile=profile))
        job = Job(recipe=given, format=Format.PNG, facts=probe(data, LIMITS), layers=facts)
        seen.append(shown(opened(render(data, job, LIMITS, layers=layers))))
    assert np.percentile(off(*seen), 98) <= 4
    red, green, _ = (pixels_of(seen[1])[..., band].astype(int) for band in range(3))
    assert (red - green).max() > 200


def test_the_edge_colour_needs_no_conversion(adobe: bytes) -> None:
    """A background taken from the picture is in its space already."""
    plain = Image.new("RGB", (60, 40), (255, 0, 0))
    recipe = Recipe(resize=sized(60, 60, Fit.CONTAIN, enlarge=True), background=DerivedBackground("auto"), output=P3)
    seen = shown(opened(made(encoded(plain), recipe)))
    assert near(corners(seen)[0], (255, 0, 0), 2)
    assert off(seen, Image.new("RGB", (60, 60), (255, 0, 0))).max() <= 2


def test_a_mask_on_a_jpeg_shows_the_right_colour() -> None:
    """The ground behind a shape in a format without transparency is converted as well."""
    recipe = Recipe(mask=Mask.CIRCLE, background=Colour("3366ccff"), output=Output(profile=Profile.P3, quality=95))
    seen = corners(shown(opened(made(encoded(quarters()), recipe, Format.JPEG))), 2)[0]
    assert near(seen, (0x33, 0x66, 0xCC), 8)


@pytest.mark.parametrize("mode", ["L", "LA"])
def test_grey_in_p3(mode: str) -> None:
    """Grey becomes three equal bands under the P3 profile, and looks as it did."""
    image = opened(made(encoded(gradient().convert(mode)), Recipe(output=P3)))
    assert image.mode == ("RGB" if mode == "L" else "RGBA")
    assert off(shown(image), gradient().convert("L").convert("RGB")).max() <= 2


def test_png_gamma_is_not_looked_at(corpus: Path) -> None:
    """GAMA and cHRM alone change nothing: a PNG without a profile is sRGB, as libvips and every peer take it."""
    paths = sorted((corpus / "pngsuite").glob("g[0-9][0-9]n2c08.png"))
    for path in paths:
        with Image.open(path) as stored:
            assert off(opened(made(path.read_bytes())), stored).max() == 0, path.name


def test_charts_through_every_space(corpus: Path) -> None:
    """The corners of the charts are pure, in sRGB, in P3 and as they were, to a reader who knows profiles."""
    for name in ("adobe_rgb", "display_p3", "rec2020", "srgb_v2_nano"):
        data = corpus_bytes(corpus, f"clean/icc/{name}.png")
        for output in (Output(), P3, KEEP):
            seen = corners(shown(opened(made(data, Recipe(output=output)))), 2)
            assert all_near(seen, FOUR, 5), (name, output.profile, seen)
