"""Films as AVIF and PNG: frames, delays, plays, and the same bytes whenever they are made."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image
from tests.engine.engine_pictures import LIMITS, made, pixels_of, sized

from imagemill.engine.cost import estimate
from imagemill.engine.frames import FILMS, frame_count
from imagemill.engine.geometry import lay_out
from imagemill.engine.probe import probe
from imagemill.engine.rare import films
from imagemill.recipe.model import Output, Recipe
from imagemill.recipe.vocabulary import Flip, Format

COLOURS = ((230, 30, 30), (30, 200, 30), (30, 30, 220), (240, 220, 40))
DELAYS = [120, 40, 200, 80]


def film(*, loop: int | None = 0, alpha: bool = False) -> bytes:
    """A GIF of four plain frames whose left quarter is white; `loop` is how often Pillow says it comes back."""
    frames = []
    for colour in COLOURS:
        frame = Image.new("RGBA" if alpha else "RGB", (64, 48), colour)
        frame.paste((255, 255, 255), (0, 0, 16, 48))
        if alpha:
            frame.paste((0, 0, 0, 0), (32, 0, 64, 24))
        frames.append(frame)
    into = io.BytesIO()
    timing = {"duration": DELAYS} | ({} if loop is None else {"loop": loop})
    frames[0].save(into, "GIF", save_all=True, append_images=frames[1:], disposal=2, **timing)
    return into.getvalue()


def written(fmt: Format, source: bytes, recipe: Recipe | None = None) -> Image.Image:
    """The film as Pillow reads it."""
    result = made(source, recipe or Recipe(), fmt)
    image = Image.open(io.BytesIO(result.data))
    assert getattr(image, "n_frames", 1) == result.pages
    return image


@pytest.mark.parametrize("fmt", sorted(FILMS))
def test_frames_and_delays_are_those_of_the_original(fmt: Format) -> None:
    """Four frames, each with its colours and its time."""
    image = written(fmt, film())
    assert image.format == fmt.value.upper()
    delays = []
    for number, colour in enumerate(COLOURS):
        image.seek(number)
        image.load()
        delays.append(image.info["duration"])
        picture = pixels_of(image)
        assert np.abs(picture[24, 40].astype(int) - colour).max() < 12
        assert picture[24, 4].min() > 240
    assert delays == DELAYS


@pytest.mark.parametrize("fmt", sorted(FILMS))
def test_every_operation_applies_to_every_frame(fmt: Format) -> None:
    """A smaller, mirrored film: the white quarter is on the right of each frame."""
    image = written(fmt, film(), Recipe(resize=sized(32), flip=Flip.HORIZONTAL))
    for number in range(len(COLOURS)):
        image.seek(number)
        assert image.size == (32, 24)
        assert pixels_of(image)[12, 30].min() > 240


@pytest.mark.parametrize("fmt", sorted(FILMS))
def test_transparency_is_kept(fmt: Format) -> None:
    """A hole stays a hole in each frame."""
    image = written(fmt, film(alpha=True))
    for number in range(len(COLOURS)):
        image.seek(number)
        alpha = pixels_of(image, "RGBA")[..., 3]
        assert (alpha[4, 60], alpha[40, 60]) == (0, 255)


@pytest.mark.parametrize(("loop", "plays"), [(0, 0), (2, 3), (None, 1)])
def test_a_film_plays_as_often_as_before(loop: int | None, plays: int) -> None:
    """GIF counts how often a film comes back, the others how often it plays; 0 is for ever."""
    source = film(loop=loop)
    assert probe(source, LIMITS).loop == plays
    assert written(Format.PNG, source).info["loop"] == plays
    data = made(source, Recipe(), Format.AVIF).data
    at = data.index(b"tkhd") + 32
    duration = int.from_bytes(data[at : at + 8], "big")
    assert duration == (2**64 - 1 if plays == 0 else plays * sum(DELAYS))


@pytest.mark.parametrize("fmt", sorted(FILMS))
def test_a_film_has_no_time_of_its_making(fmt: Format, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same job gives the same bytes, and no box tells when it was made."""
    source = film()
    first = made(source, Recipe(), fmt).data
    assert made(source, Recipe(), fmt).data == first
    if fmt is Format.AVIF:
        for name in (b"mvhd", b"tkhd", b"mdhd"):
            at = first.index(name) + 8
            assert first[at : at + 16] == bytes(16)
        monkeypatch.setattr(films, "_TIMED", frozenset())
        at = made(source, Recipe(), fmt).data.index(b"mvhd") + 8
        assert made(source, Recipe(), fmt).data[at : at + 16] != bytes(16)  # what libavif itself writes


def test_a_png_film_is_exact() -> None:
    """No pixel of a film changes on its way into a PNG."""
    image = written(Format.PNG, film())
    original = Image.open(io.BytesIO(film()))
    for number in range(len(COLOURS)):
        image.seek(number)
        original.seek(number)
        assert (pixels_of(image) == pixels_of(original)).all()


def test_fewer_quality_is_fewer_bytes() -> None:
    """`q` means something for a film as well."""
    noise = np.random.default_rng(1).integers(0, 255, (3, 60, 80, 3)).astype(np.uint8)
    first, *others = (Image.fromarray(frame) for frame in noise)
    into = io.BytesIO()
    first.save(into, "WEBP", save_all=True, append_images=others, duration=100, lossless=True)
    small, large = (
        len(made(into.getvalue(), Recipe(output=Output(format=Format.AVIF, quality=q)), Format.AVIF).data)
        for q in (30, 80)
    )
    assert small < large


@pytest.mark.parametrize(
    ("fmt", "output", "frames"),
    [
        (Format.AVIF, Output(format=Format.AVIF), 4),
        (Format.AVIF, Output(format=Format.AVIF, animate=False), 1),
        (Format.AVIF, Output(format=Format.AVIF, lossless=True), 1),
        (Format.PNG, Output(format=Format.PNG), 4),
        (Format.PNG, Output(format=Format.PNG, quality=60), 4),
        (Format.JPEG, Output(format=Format.JPEG), 1),
    ],
)
def test_how_many_frames_a_format_holds(fmt: Format, output: Output, frames: int) -> None:
    """`anim=0` is a still picture; so are JPEG, and an exact AVIF, which libavif cannot make move."""
    facts = probe(film(), LIMITS)
    assert frame_count(facts, Recipe(output=output), fmt) == frames
    assert written(fmt, film(), Recipe(output=output)).format == fmt.value.upper()


@pytest.mark.parametrize("fmt", sorted(FILMS))
def test_a_film_is_reckoned_with(fmt: Format) -> None:
    """Admission counts every frame, in time and in memory."""
    facts, moving, still = probe(film(), LIMITS), Recipe(), Recipe(output=Output(animate=False))
    layout = lay_out(facts, moving, limits=LIMITS)
    four, one = (estimate(facts, recipe, fmt, layout) for recipe in (moving, still))
    assert four.cpu_seconds > one.cpu_seconds
    assert four.peak_bytes > one.peak_bytes
