"""A set of variants with one decode is, byte for byte, what each of them would be alone."""

from __future__ import annotations

import importlib
import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from tests.engine.engine_pictures import LIMITS, corpus_bytes, encoded, quarters

from imagemill import demo
from imagemill.engine.limits import Limits
from imagemill.engine.port import Job
from imagemill.engine.probe import probe
from imagemill.engine.render import render
from imagemill.engine.render_set import render_set
from imagemill.errors import InvalidRequest, NotAnImage, NotBuilt, Unprocessable
from imagemill.recipe.options import parse_options
from imagemill.recipe.vocabulary import Format

module: Any = importlib.import_module("imagemill.engine.render_set")

FORMATS = (Format.JPEG, Format.WEBP, Format.AVIF, Format.PNG)


def photograph(width: int = 1203, height: int = 801, *, alpha: bool = False, **options: Any) -> bytes:
    """A picture with detail at every scale, of odd sides; with a soft transparent edge where asked."""
    random = np.random.default_rng(7)
    layers = [
        Image.fromarray(random.integers(0, 256, (height // cell + 1, width // cell + 1, 3), dtype=np.uint8)).resize(
            (width, height), Image.Resampling.BICUBIC
        )
        for cell in (4, 32, 200)
    ]
    image = Image.fromarray(np.mean([np.asarray(layer) for layer in layers], axis=0).astype(np.uint8))
    if alpha:
        image.putalpha(Image.linear_gradient("L").resize((width, height)))
    return encoded(image, options.pop("fmt", "PNG" if alpha else "JPEG"), **options)


def jobs_of(data: bytes, *asked: str, limits: Limits = LIMITS) -> list[Job]:
    """The jobs of option lists that name their format."""
    facts = probe(data, limits)
    recipes = [parse_options(options).recipe for options in asked]
    return [Job(recipe=recipe, format=recipe.output.format, facts=facts) for recipe in recipes]


def check_equal(data: bytes, *asked: str) -> None:
    """Make a set and each alone, and compare."""
    jobs = jobs_of(data, *asked)
    for job, together in zip(jobs, render_set(data, jobs, LIMITS), strict=True):
        assert together == render(data, job, LIMITS), job.recipe


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The shrink factors with which the set's own pages were opened, in their order."""
    factors: list[int] = []
    real = module.open_frames

    def counted(*arguments: Any, shrink: int = 1, **options: Any) -> Any:
        factors.append(shrink)
        return real(*arguments, shrink=shrink, **options)

    monkeypatch.setattr(module, "open_frames", counted)
    return factors


@pytest.mark.parametrize(
    "rest",
    [
        "",
        "h=90",
        "ar=1:1,g=attention",
        "ar=1:1,g=entropy",
        "h=300,fit=contain,bg=fc0",
        "h=300,fit=contain",
        "h=300,fit=contain,bg=blur",
        "bg=auto,pad=5",
        "crop=101:53:700:500",
        "crop=10p:10p:50p:50p",
        "trim=20",
        "mask=circle",
        "radius=20,bg=auto",
        "q=40",
        "icc=p3",
        "lossless=1",
        "dpr=2",
        "page=0",
    ],
)
@pytest.mark.parametrize("alpha", [False, True], ids=["opaque", "clear"])
def test_a_set_gives_the_bytes_of_single_renders(rest: str, *, alpha: bool) -> None:
    """Whatever the recipe, sharing changes nothing but the cost."""
    asked = [
        ",".join(part for part in (f"w={width}", rest, f"fm={fmt}") if part)
        for width in (64, 150, 333)
        for fmt in FORMATS
        if not (fmt is Format.JPEG and "lossless" in rest)
    ]
    check_equal(photograph(alpha=alpha), *asked)


@pytest.mark.parametrize("name", demo.sample_keys())
def test_samples_alike(name: str) -> None:
    """The shipped samples, an animation among them, come out as alone."""
    check_equal(
        (demo.PHOTOS / name).read_bytes(),
        *(f"w={width},fm={fmt}" for width in (80, 160) for fmt in ("jpeg", "webp", "avif", "gif", "png")),
    )


@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_orientation(orientation: int) -> None:
    """A page is kept as it is stored and turned for each size."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = photograph(exif=exif.tobytes())
    check_equal(data, "w=100,fm=jpeg", "w=100,fm=webp", "w=300,fm=jpeg", "crop=40:20:500:300,w=200,fm=jpeg")


@pytest.mark.parametrize(
    "name",
    [
        "photos/flower_small.cmyk.jpg",
        "photos/kimono.jpg",
        "photos/jpg-24bit-icc-adobe-rgb.jpg",
        "photos/cvo9xd_keong_macan_grayscale.png",
        "profiles/a2d1un_nkitzmiller_2020_g1.png",
    ],
)
def test_colour_of_every_kind(name: str, corpus: Path) -> None:
    """Inks, profiles, grey and 16 bits pass a kept page unharmed."""
    check_equal(
        corpus_bytes(corpus, name), *(f"w={width},fm={fmt}" for width in (40, 60) for fmt in ("jpeg", "webp", "avif"))
    )


@pytest.mark.parametrize("name", ["photos/flower_small.cmyk.jpg", "clean/icc/sgrey.jpg", "clean/icc/adobe_rgb.png"])
def test_kept_colours_differ_by_format(name: str, corpus: Path) -> None:
    """Under icc=keep not every format can hold what the original has, so pixels are not shared between them."""
    check_equal(corpus_bytes(corpus, name), *(f"w=60,icc=keep,fm={fmt}" for fmt in ("jpeg", "webp", "avif", "png")))


def test_different_crops_and_pages_in_one_set() -> None:
    """A set may mix whatever recipes; each gets its own page of an animation, its own crop."""
    frames = [Image.new("RGB", (60, 40), colour) for colour in ("red", "lime", "blue")]
    data = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:], duration=50)
    check_equal(data, "page=2,w=20,fm=png", "page=1,w=20,fm=jpeg", "w=30,fm=webp", "w=30,anim=0,fm=webp", "w=30,fm=gif")


def test_one_decode_for_each_factor(opened: list[int]) -> None:
    """Twelve variants of four sizes are made from the pages of three factors of shrink-on-load, each decoded once."""
    data = photograph(1200, 800)
    jobs = jobs_of(
        data, *(f"w={width},fm={fmt}" for width in (1000, 700, 400, 150) for fmt in ("jpeg", "webp", "avif"))
    )
    render_set(data, jobs, LIMITS)
    assert sorted(opened) == [1, 2, 4]


def test_formats_without_transparency_of_their_own(opened: list[int]) -> None:
    """A clear picture is decoded once, though JPEG needs other pixels than WebP."""
    data = photograph(alpha=True)
    jobs = jobs_of(data, *(f"w={width},fm={fmt}" for width in (100, 200) for fmt in ("jpeg", "webp", "avif")))
    first = render_set(data, jobs, LIMITS)[0]
    assert opened == [1]
    assert Image.open(io.BytesIO(first.data)).mode == "RGB"


def test_a_page_too_large_to_keep_is_decoded_again(opened: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory is bounded: beyond it each size decodes for itself, and its formats still share the pixels."""
    monkeypatch.setattr(module, "PAGE_BYTES", 1000)
    data = photograph()
    asked = [f"w={width},fm={fmt}" for width in (1000, 800) for fmt in ("jpeg", "webp")]
    check_equal(data, *asked)
    assert opened == [1, 1]


def test_results_come_in_the_order_of_the_jobs() -> None:
    """The caller tells variants apart by their place."""
    data = photograph()
    widths = [300, 20, 150, 20, 900]
    assert [
        made.width for made in render_set(data, jobs_of(data, *(f"w={w},fm=webp" for w in widths)), LIMITS)
    ] == widths


def test_an_empty_set_is_empty() -> None:
    """Nothing asked, nothing made."""
    assert render_set(photograph(), [], LIMITS) == []


def test_one_bad_job_fails_the_set() -> None:
    """There is no half answer: the caller asks for the others again."""
    data = encoded(quarters())
    with pytest.raises(InvalidRequest, match="no page 3"):
        render_set(data, jobs_of(data, "w=20,fm=jpeg", "page=3,fm=jpeg"), LIMITS)
    with pytest.raises(InvalidRequest, match="outside the picture"):
        render_set(data, jobs_of(data, "w=20,fm=jpeg", "crop=999:0:5:5,fm=jpeg"), LIMITS)


def test_a_later_option_is_refused_as_alone() -> None:
    """What is not built is refused before anything is decoded."""
    data = encoded(quarters())
    with pytest.raises(NotBuilt):
        render_set(data, jobs_of(data, "w=20,fm=jpeg", "w=20,fm=jpeg,q=auto"), LIMITS)


def test_damaged_bytes_are_told_in_plain_words() -> None:
    """A file that ends early fails while its page is decoded, with our sentence."""
    data = photograph()
    jobs = jobs_of(data, "w=800,fm=jpeg", "w=1000,fm=jpeg")
    with pytest.raises(Unprocessable, match="damaged"):
        render_set(data[: len(data) // 2], jobs, LIMITS)
    with pytest.raises((NotAnImage, Unprocessable)):
        render_set(b"no picture", jobs, LIMITS)


def test_a_limit_on_the_bytes_of_a_result_holds() -> None:
    """Each variant is judged by itself."""
    data = photograph()
    with pytest.raises(Unprocessable, match="at most 2000 are kept"):
        render_set(data, jobs_of(data, "w=20,fm=jpeg", "w=900,fm=jpeg"), Limits(result_bytes=2000))
