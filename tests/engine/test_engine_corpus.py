"""The engine over the corpus: known corners, orientations, profiles, hidden colours, secrets and bombs."""

from __future__ import annotations

import hashlib
import io
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms, ImageOps
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
    made,
    near,
    opened,
    pixels_of,
    sized,
)

from imagemill.engine.probe import probe, verify
from imagemill.errors import ImagemillError, NotAnImage, Unprocessable
from imagemill.recipe.model import Output, Recipe
from imagemill.recipe.vocabulary import Format, Profile

FORMATS = (Format.JPEG, Format.PNG, Format.WEBP, Format.AVIF, Format.GIF)
FOUR: list[tuple[int, ...]] = [RED, GREEN, BLUE, YELLOW]
CANARY = b"CANARY-DEV-c386bbc4"


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp"])
@pytest.mark.parametrize("value", range(1, 9))
def test_all_orientations_come_out_upright(corpus: Path, value: int, suffix: str) -> None:
    """Each of the 24 files is 200x120 with red at the top left, in every format, and turned only once."""
    data = corpus_bytes(corpus, f"clean/orientation/o{value}.{suffix}")
    facts = probe(data, LIMITS)
    assert (facts.width, facts.height, facts.orientation) == (200, 120, value)
    upright = ImageOps.exif_transpose(Image.open(io.BytesIO(data))).convert("RGB")
    reference = pixels_of(upright.resize((100, 60), Image.Resampling.LANCZOS)).astype(int)
    for fmt in FORMATS:
        image = opened(made(data, Recipe(resize=sized(100)), fmt))
        assert image.size == (100, 60)
        assert near(corners(image, 2)[0], RED, 30)
        assert image.getexif().get(0x0112) is None
        assert np.abs(pixels_of(image) - reference).mean() < 12


@pytest.mark.parametrize("value", [0, 9, 255, 65535])
def test_senseless_orientations_are_upright(corpus: Path, value: int) -> None:
    """Values beyond eight mean as it is (P3)."""
    assert probe(corpus_bytes(corpus, f"hostile/meta_odd/orientation_{value}.jpg"), LIMITS).orientation == 1


@pytest.mark.parametrize(
    "name",
    ["mirror-horizontal", "mirror-vertical", "rotate90", "rotate270", "mirror-vertical.rotate270"],
)
def test_avif_is_turned_by_its_own_boxes(corpus: Path, name: str) -> None:
    """Each of the turned and mirrored files is the same upright picture."""
    image = opened(made(corpus_bytes(corpus, f"avif/kimono.{name}.avif"), Recipe(resize=sized(180))))
    photo = Image.open(corpus / "photos" / "kimono.jpg").resize(image.size, Image.Resampling.LANCZOS)
    assert image.size == (180, 255)
    assert np.abs(pixels_of(image).astype(int) - pixels_of(photo)).mean() < 4


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp"])
@pytest.mark.parametrize("space", ["display_p3", "adobe_rgb", "prophoto", "rec2020", "srgb_v2_nano"])
def test_wide_spaces_come_out_as_srgb(corpus: Path, space: str, suffix: str) -> None:
    """The corners are pure red, green, blue and yellow after conversion, and the result is untagged."""
    image = opened(made(corpus_bytes(corpus, f"clean/icc/{space}.{suffix}"), Recipe(resize=sized(300))))
    # ProPhoto is so wide that eight bits of it are ten steps of sRGB's blue: any engine gives (8, 0, 255) here.
    tolerance = 14 if space == "prophoto" else 4
    assert all_near(corners(image, 2), FOUR, tolerance), corners(image, 2)
    assert "icc_profile" not in image.info


def test_colours_outside_srgb_are_cut_not_darkened(corpus: Path) -> None:
    """P3's pure red is sRGB's pure red, and stays P3's in a P3 result."""
    data = corpus_bytes(corpus, "clean/icc/p3_wide.png")
    assert near(corners(opened(made(data)))[0], RED)
    kept = opened(made(data, Recipe(output=Output(profile=Profile.P3))))
    assert near(corners(kept)[0], RED)
    assert len(kept.info["icc_profile"]) == 480


TAGGED = ["adobe_rgb.png", "srgb_v2_nano.jpg", "display_p3.webp"]
FOUR_IN_P3: list[tuple[int, ...]] = [(234, 51, 34), (117, 251, 76), (0, 0, 245), (255, 255, 84)]
"""The chart's red, green, blue and yellow as levels of Display P3."""


@pytest.mark.parametrize("name", TAGGED)
@pytest.mark.parametrize(("fmt", "tolerance"), [(Format.JPEG, 4), (Format.PNG, 4), (Format.AVIF, 4), (Format.WEBP, 16)])
def test_p3_results_look_the_same(corpus: Path, name: str, fmt: Format, tolerance: int) -> None:
    """A colour-managed reader of a P3 result sees the chart, at a quality at which the encoder takes no part in it.

    WebP always halves the chroma, and the way back to sRGB triples the error of a level.
    """
    recipe = Recipe(output=Output(profile=Profile.P3, quality=95))
    image = opened(made(corpus_bytes(corpus, f"clean/icc/{name}"), recipe, fmt))
    profile = ImageCms.ImageCmsProfile(io.BytesIO(image.info["icc_profile"]))
    seen = ImageCms.profileToProfile(image.convert("RGB"), profile, ImageCms.createProfile("sRGB"), outputMode="RGB")
    assert seen is not None
    assert all_near(corners(seen, 2), FOUR, tolerance), corners(seen, 2)


@pytest.mark.parametrize("name", TAGGED)
@pytest.mark.parametrize("fmt", [Format.JPEG, Format.PNG, Format.WEBP, Format.AVIF])
def test_p3_levels_survive_the_usual_quality(corpus: Path, name: str, fmt: Format) -> None:
    """At the default quality the levels themselves, in P3, are off by no more than the encoder rounds chroma."""
    image = opened(made(corpus_bytes(corpus, f"clean/icc/{name}"), Recipe(output=Output(profile=Profile.P3)), fmt))
    found = corners(image.convert("RGB"), 2)
    assert all_near(found, FOUR_IN_P3, 4 if fmt is Format.PNG else 12), found


@pytest.mark.parametrize("name", ["sgrey.jpg", "sgrey.png"])
def test_grey_stays_grey(corpus: Path, name: str) -> None:
    """A grey picture with a grey profile is written with one band."""
    assert opened(made(corpus_bytes(corpus, f"clean/icc/{name}"), Recipe(resize=sized(100)))).mode == "L"


def test_linear_sixteen_bit_pictures_match_their_srgb_twins(corpus: Path) -> None:
    """16-bit linear-light files with a profile look like their 8-bit sRGB twins."""
    pairs = [
        (path, path.with_name(path.name.replace("_2020_g1", "_srgb8").replace("_709_g1", "_srgb8")))
        for path in sorted((corpus / "profiles").glob("*_g1.png"))
    ]
    pairs = [pair for pair in pairs if pair[1].is_file()]
    assert len(pairs) >= 8
    for linear, twin in pairs:
        ours, theirs = (pixels_of(opened(made(path.read_bytes()))).astype(int) for path in (linear, twin))
        assert np.abs(ours - theirs).mean() < 2.5, linear.name


@pytest.mark.parametrize(
    "name", ["chart_640x480.jpg", "chart_640x480_progressive.jpg", "chart_641x479_odd_444.jpg", "photo_like_24mp.jpg"]
)
@pytest.mark.parametrize("width", [79, 160, 320, 500])
def test_charts_keep_their_corners(corpus: Path, name: str, width: int) -> None:
    """Every shrink factor leaves the corners where they are."""
    image = opened(made(corpus_bytes(corpus, f"clean/{name}"), Recipe(resize=sized(width))))
    assert image.width == width
    assert all_near(corners(image, 1), FOUR, 12), corners(image, 1)


def test_ink_looks_like_its_chart(corpus: Path) -> None:
    """CMYK without a profile keeps its hues."""
    top_left, top_right, bottom_left, bottom_right = corners(opened(made(corpus_bytes(corpus, "clean/cmyk.jpg"))))
    assert top_left[0] > 150 > max(top_left[1:])
    assert top_right[1] > 120 > max(top_right[0], top_right[2])
    assert bottom_left[2] > 90 > bottom_left[0]
    assert min(bottom_right[:2]) > 200 > 90 > bottom_right[2]


def test_fine_grey_steps_do_not_turn_into_bands(corpus: Path) -> None:
    """A 16-bit ramp becomes all 256 levels, each in its place."""
    array = pixels_of(opened(made(corpus_bytes(corpus, "clean/png/gray16_fine.png"))), "L")[8].astype(int)
    assert len(np.unique(array)) == 256
    assert np.diff(array).min() >= 0


def test_hidden_colour_stays_hidden(corpus: Path) -> None:
    """Scaling does not pull the colour of clear pixels into the visible ones: on any ground it looks as it should."""
    data = corpus_bytes(corpus, "clean/png/rgba_hidden_colour.png")
    ours = opened(made(data, Recipe(resize=sized(71)))).convert("RGBA")
    theirs = Image.open(io.BytesIO(data)).convert("RGBA").resize(ours.size, Image.Resampling.LANCZOS)  # premultiplies
    for ground in ((0, 0, 0, 255), (255, 255, 255, 255), (255, 0, 255, 255)):
        looks = []
        for image in (ours, theirs):
            below = Image.new("RGBA", image.size, ground)
            below.alpha_composite(image)
            looks.append(pixels_of(below).astype(int))
        assert np.abs(looks[0] - looks[1]).max() < 16


@pytest.mark.parametrize(
    ("name", "width", "height", "size"),
    [
        ("12000x2.jpg", 300, None, (300, 1)),
        ("12000x2.jpg", None, None, (8192, 1)),
        ("65500x1.jpg", None, None, (8192, 1)),
        ("65500x1.jpg", 300, None, (300, 1)),
        ("1x5000.png", None, 100, (1, 100)),
        ("1x5000.png", 20, None, (1, 5000)),
        ("1x1.png", 500, None, (1, 1)),
    ],
)
@pytest.mark.parametrize("fmt", FORMATS)
def test_extreme_shapes(
    corpus: Path, name: str, width: int | None, height: int | None, size: tuple[int, int], fmt: Format
) -> None:
    """No side falls below a pixel or rises over the limit, in any format."""
    result = made(corpus_bytes(corpus, f"clean/shape/{name}"), Recipe(resize=sized(width, height)), fmt)
    assert opened(result).size == size


def test_broken_profiles_are_treated_as_srgb(corpus: Path) -> None:
    """A senseless profile is no error, changes no colour, and is not passed on (D16)."""
    folder = corpus / "hostile" / "icc"
    jpegs = [opened(made(path.read_bytes(), Recipe(resize=sized(160)))) for path in sorted(folder.glob("*.jpg"))]
    assert len(jpegs) >= 6
    for image in jpegs:
        assert "icc_profile" not in image.info
        assert np.abs(pixels_of(image).astype(int) - pixels_of(jpegs[0])).max() == 0
    assert made((folder / "icc_in_png_garbage.png").read_bytes()).width == 10


@pytest.mark.parametrize("fmt", FORMATS)
@pytest.mark.parametrize("profile", [Profile.SRGB, Profile.P3])
def test_no_secret_survives(corpus: Path, fmt: Format, profile: Profile) -> None:
    """No canary, no EXIF, no XMP and no trailer of an original is in any variant (P1, P2, D11)."""
    names = [
        path
        for folder in ("privacy", "polyglot", "meta_odd", "odd")
        for path in sorted((corpus / "hostile" / folder).iterdir())
    ]
    rendered = 0
    for path in names:
        data = path.read_bytes()
        try:
            result = made(data, Recipe(output=Output(profile=profile)), fmt)
        except (NotAnImage, Unprocessable):
            continue
        rendered += 1
        lower = result.data.lower()
        for secret in (CANARY.lower(), b"exif\0", b"http://ns.adobe", b"<script", b"<?php", b"alert(", b"%pdf"):
            assert secret not in lower, (path.name, secret)
        if fmt is Format.JPEG:
            assert result.data.count(b"\xff\xd8\xff") == 1, path.name
            assert result.data.endswith(b"\xff\xd9")
    assert rendered >= 20


def test_cut_and_flipped_files_give_the_same_answer_twice(corpus: Path) -> None:
    """A damaged file is refused in our words or rendered to the same bytes each time: no foreign memory shows."""
    answers = []
    for folder in ("truncated", "bitflip"):  # threats D15 and D17
        for path in sorted((corpus / "hostile" / folder).iterdir()):
            data = path.read_bytes()
            answers.append(_answer(data))
            assert _answer(data) == answers[-1], path.name
    assert len(answers) > 80
    assert not any("vips" in answer.lower() for answer in answers)


def _answer(data: bytes) -> str:
    """The digest of a small variant, or the refusal."""
    try:
        return hashlib.sha256(made(data, Recipe(resize=sized(40)), Format.PNG).data).hexdigest()
    except ImagemillError as refusal:
        return f"{refusal.code}: {refusal.sentence}"


def test_cut_files_are_not_half_grey(corpus: Path) -> None:
    """Every cut JPEG, WebP and GIF of the set is refused."""
    folder = corpus / "hostile" / "truncated"
    cut = [path for path in sorted(folder.iterdir()) if path.suffix in (".jpg", ".webp", ".gif")]
    assert len(cut) > 20
    for path in cut:
        with pytest.raises(ImagemillError):
            verify(path.read_bytes(), LIMITS)


EXPENSIVE = [
    "bomb_anim/apng_6000_frames_4000x4000.png",
    "bomb_anim/apng_actl_lies.png",
    "bomb_png/idat_inflates_past_end.png",
    "bomb_png/ztxt_64mb.png",
    "bomb_png/ztxt_100x1mb.png",
    "bomb_png/iccp_64mb.png",
    "bomb_png/text_chunks_25000.png",
    "bomb_png/itxt_xmp_billion_laughs.png",
    "bomb_jpeg/com_segments_40000.jpg",
    "bomb_jpeg/icc_1mb_zero.jpg",
    "bomb_heif/avif_grid_16x16_one_tile.avif",
    "bomb_heif/avif_ispe_off_by_one.avif",
]


@pytest.mark.parametrize("name", EXPENSIVE)
def test_bombs_that_open_stay_cheap(corpus: Path, name: str) -> None:
    """Verified and rendered within a second of CPU, or refused (D8)."""
    data = corpus_bytes(corpus, f"hostile/{name}")
    with cpu_seconds() as spent, suppress(Unprocessable):
        verify(data, LIMITS)
        made(data, Recipe(resize=sized(64)), Format.WEBP)
    assert spent.seconds < 1.0


def test_no_bomb_takes_memory(corpus: Path) -> None:
    """A fresh process that probes and verifies every bomb stays small: refusals come before decoders."""
    script = """
import re, sys
from pathlib import Path
from imagemill.engine import libvips, probe
from imagemill.engine.limits import Limits
from imagemill.errors import ImagemillError
libvips.start()
for path in sorted(Path(sys.argv[1]).glob("bomb_*/*")):
    try:
        probe.verify(path.read_bytes(), Limits())
    except ImagemillError:
        pass
# Not ru_maxrss: a fresh process inherits its starter's there, and a test run is large.
print(int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) // 1024)
"""
    done = subprocess.run(
        [sys.executable, "-c", script, str(corpus / "hostile")], capture_output=True, text=True, check=True, timeout=120
    )
    assert int(done.stdout) < 200  # MiB
