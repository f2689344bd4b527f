"""Animations: every frame is processed, and keeps its time and its transparency."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageSequence
from tests.engine.engine_pictures import (
    BLUE,
    GREEN,
    LIMITS,
    RED,
    all_near,
    corners,
    corpus_bytes,
    encoded,
    frames_of,
    made,
    near,
    opened,
    quarters,
    sized,
)

from imagemill.engine.limits import Limits
from imagemill.engine.probe import probe, verify
from imagemill.errors import InvalidRequest, Unprocessable
from imagemill.recipe.model import Colour, DerivedBackground, Output, Recipe
from imagemill.recipe.vocabulary import Anchor, Fit, Format, Mask

COLOURS = (RED, GREEN, BLUE)


def animation(fmt: str = "GIF", *, durations: list[int] | None = None, loop: int = 0, count: int = 3) -> bytes:
    """Plain frames of red, green and blue, 60 by 40, in turn."""
    frames = [Image.new("RGB", (60, 40), COLOURS[index % 3]) for index in range(count)]
    out = io.BytesIO()
    frames[0].save(
        out,
        fmt,
        save_all=True,
        append_images=frames[1:],
        duration=durations or [100] * count,
        loop=loop,
        lossless=True,
    )
    return out.getvalue()


def timing(data: bytes) -> tuple[list[int], int]:
    """Milliseconds a frame, and the loop count as Pillow reads it."""
    image = Image.open(io.BytesIO(data))
    times = []
    for frame in ImageSequence.Iterator(image):
        frame.load()
        times.append(int(frame.info["duration"]))
    return times, int(image.info.get("loop", -1))


@pytest.mark.parametrize("source", ["GIF", "WEBP"])
@pytest.mark.parametrize("fmt", [Format.GIF, Format.WEBP])
def test_every_frame_is_scaled(source: str, fmt: Format) -> None:
    """Three frames in, three frames out, each of its own colour up to its edges."""
    result = made(animation(source), Recipe(resize=sized(30)), fmt)
    assert (result.width, result.height, result.pages) == (30, 20, 3)
    frames = frames_of(result)
    assert [frame.size for frame in frames] == [(30, 20)] * 3
    for frame, colour in zip(frames, COLOURS, strict=True):
        assert all_near(corners(frame, 0), [colour] * 4, 12)


@pytest.mark.parametrize("fmt", [Format.GIF, Format.WEBP])
def test_delays_and_loops_are_kept(corpus: Path, fmt: Format) -> None:
    """Unequal delays stay, but none under 20 ms; a film that plays three times still does."""
    name = "clean/anim/loop3_10f.gif"
    before, loops = timing(corpus_bytes(corpus, name))
    result = made(corpus_bytes(corpus, name), Recipe(resize=sized(60)), fmt)
    after, kept = timing(result.data)
    assert after == [max(20, time) for time in before]
    assert result.pages == 10
    plays = loops + 1  # GIF counts repetitions, WebP counts plays
    assert kept == (plays if fmt is Format.WEBP else loops)


def test_endless_stays_endless() -> None:
    """A loop count of zero means for ever."""
    for fmt in (Format.GIF, Format.WEBP):
        assert timing(made(animation(loop=0), Recipe(), fmt).data)[1] == 0


@pytest.mark.parametrize("fmt", [Format.JPEG, Format.TIFF])
def test_formats_without_animation_show_the_first_frame(fmt: Format) -> None:
    """A still is the first frame."""
    result = made(animation(), Recipe(), fmt)
    assert result.pages == 1
    assert near(corners(opened(result))[0], RED, 12)


def test_a_page_picks_a_frame() -> None:
    """`page` picks one, `anim=0` the first; a page beyond the last is named."""
    for page in (1, 2):
        for source in ("GIF", "WEBP"):
            result = made(animation(source), Recipe(page=page), Format.PNG)
            assert corners(opened(result))[0] == COLOURS[page]
    still = made(animation(), Recipe(output=Output(animate=False)), Format.GIF)
    assert (still.pages, corners(opened(still))[0]) == (1, RED)
    with pytest.raises(InvalidRequest, match="the last of this picture is 2"):
        made(animation(), Recipe(page=3), Format.GIF)


@pytest.mark.parametrize("fmt", [Format.GIF, Format.WEBP])
def test_cover_contain_and_masks_apply_to_every_frame(fmt: Format) -> None:
    """Each frame gets its own crop, canvas and corners."""
    cover = frames_of(made(animation(), Recipe(resize=sized(20, 20, Fit.COVER)), fmt))
    assert [frame.size for frame in cover] == [(20, 20)] * 3
    room = Recipe(resize=sized(60, 60, Fit.CONTAIN), background=Colour("ffff00ff"))
    for frame, colour in zip(frames_of(made(animation(), room, fmt)), COLOURS, strict=True):
        assert near(corners(frame)[0], (255, 255, 0), 12)
        assert near(tuple(frame.getpixel((30, 30)))[:3], colour, 12)  # type: ignore[arg-type]  # RGBA has four bands
    for frame in frames_of(made(animation(), Recipe(mask=Mask.CIRCLE), fmt)):
        alpha = frame.getchannel("A")
        assert (alpha.getpixel((0, 0)), alpha.getpixel((30, 20))) == (0, 255)


def test_what_is_looked_for_is_found_once() -> None:
    """The crop and the edge colour come from the first frame, so that the film neither jumps nor flickers."""
    looked = made(animation(), Recipe(resize=sized(20, 20, Fit.COVER, gravity=Anchor.ATTENTION)), Format.WEBP)
    assert (looked.width, looked.height, looked.pages) == (20, 20, 3)
    recipe = Recipe(resize=sized(60, 60, Fit.CONTAIN), background=DerivedBackground("auto"))
    for frame in frames_of(made(animation(), recipe, Format.WEBP)):
        assert near(corners(frame)[0], RED, 12)


def test_transparent_frames_are_disposed_of(corpus: Path) -> None:
    """A transparent film with disposal keeps the same transparent share in each frame, nothing of the last remains."""
    data = corpus_bytes(corpus, "clean/anim/alpha_disposal2.gif")
    before = [frame.convert("RGBA") for frame in _frames(data)]
    for fmt in (Format.GIF, Format.WEBP):
        after = frames_of(made(data, Recipe(), fmt))
        assert len(after) == len(before) == 10
        for old, new in zip(before, after, strict=True):
            share = [sum(value < 128 for value in frame.getchannel("A").tobytes()) for frame in (old, new)]
            assert abs(share[0] - share[1]) < 0.02 * 120 * 80


def _frames(data: bytes) -> list[Image.Image]:
    """The frames of an original as Pillow composes them."""
    return [frame.convert("RGBA") for frame in ImageSequence.Iterator(Image.open(io.BytesIO(data)))]


@pytest.mark.parametrize("name", ["10f.webp", "10f_alpha_lossless.webp", "loop0_10f.gif"])
def test_the_corpus_films(corpus: Path, name: str) -> None:
    """Ten frames of the right size, each looking like its own original frame and like no other."""
    data = corpus_bytes(corpus, f"clean/anim/{name}")
    facts = verify(data, LIMITS)
    assert (facts.pages, facts.width, facts.height, facts.animated) == (10, 120, 80, True)
    before = [_on_grey(frame) for frame in _frames(data)]
    after = [_on_grey(frame) for frame in frames_of(made(data, Recipe(), Format.WEBP))]
    assert len(after) == 10
    for index, frame in enumerate(after):
        differences = [float(np.abs(frame - old).mean()) for old in before]
        assert differences.index(min(differences)) == index
        assert differences[index] < 4


def _on_grey(frame: Image.Image) -> NDArray[np.float64]:
    """A frame as it looks on grey: colours under transparent pixels do not count."""
    ground = Image.new("RGBA", frame.size, (128, 128, 128, 255))
    ground.alpha_composite(frame)
    return np.asarray(ground.convert("RGB")).astype(np.float64)


@pytest.mark.parametrize("name", ["10f.png", "10f_default_image.png"])
def test_an_animated_png_is_its_default_image(corpus: Path, name: str) -> None:
    """APNG is read as a still."""
    data = corpus_bytes(corpus, f"clean/anim/{name}")
    assert verify(data, LIMITS).pages == 1
    assert made(data, Recipe(), Format.WEBP).pages == 1


def test_too_many_frames_are_refused_but_one_can_be_had() -> None:
    """Verifying or rendering all is refused; a single frame is not (D6)."""
    few = Limits(frames=4)
    data = animation(count=5)
    assert probe(data, few).pages == 5
    for refused in (lambda: verify(data, few), lambda: made(data, Recipe(), Format.GIF, limits=few)):
        with pytest.raises(Unprocessable, match="anim=0"):
            refused()
    assert made(data, Recipe(page=4), Format.GIF, limits=few).pages == 1
    assert made(data, Recipe(output=Output(animate=False)), Format.GIF, limits=few).pages == 1
    assert made(data, Recipe(), Format.JPEG, limits=few).pages == 1


def test_a_film_without_delays_is_not_endless_work(corpus: Path) -> None:
    """Two hundred frames that state no delay come out with the 100 ms each that browsers show them for."""
    data = corpus_bytes(corpus, "hostile/bomb_anim/gif_zero_delay_200.gif")
    result = made(data, Recipe(resize=sized(16)), Format.GIF)
    times, _ = timing(result.data)
    assert sum(times) == 200 * 100  # frames that look alike are written as one


def test_a_still_beside_films() -> None:
    """A WebP or GIF of one frame is a still."""
    for fmt in ("GIF", "WEBP"):
        facts = probe(encoded(quarters(), fmt), LIMITS)
        assert (facts.pages, facts.animated) == (1, False)
