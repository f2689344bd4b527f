"""Blur, sharpen, pixelate and colours, against references written independently in numpy, and the order of them."""

from __future__ import annotations

import io
import math
from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from tests.engine.engine_pictures import Array, encoded, frames_of, made, opened, pixels_of

from imagemill.engine.effect_cost import effect_seconds
from imagemill.engine.geometry import lay_out
from imagemill.engine.libvips import pyvips
from imagemill.engine.port import Facts, Job
from imagemill.engine.steps import adjust as adjusting
from imagemill.engine.steps import soften as softening
from imagemill.engine.work import Work
from imagemill.recipe.model import Adjust, Recipe
from imagemill.recipe.options.reading import parse_options
from imagemill.recipe.vocabulary import Format

Floats = NDArray[np.float64]


def array(options: str, source: Array, mode: str = "RGB", fmt: Format = Format.PNG) -> Array:
    """The pixels that options make of others."""
    return pixels_of(opened(made(encoded(Image.fromarray(source)), parse_options(options).recipe, fmt)), mode)


def noise(width: int = 60, height: int = 40, bands: int = 3, seed: int = 1) -> Array:
    """Pixels of every level."""
    return np.random.default_rng(seed).integers(0, 256, (height, width, bands), dtype=np.uint8)


def scene(width: int = 211, height: int = 157) -> Array:
    """Edges, a fine pattern, slopes and noise, each in its own place."""
    x, y = np.meshgrid(np.arange(width), np.arange(height))
    picture = np.stack([x % 256, (y * 2) % 256, np.full_like(x, 128)], axis=-1).astype(np.uint8)
    picture[30:90, 60:130] = (230, 20, 60)
    picture[100:140:2, 20:90] = 255
    picture[:, width * 4 // 5 :] = noise(width - width * 4 // 5, height)
    return picture


# --- blur ----------------------------------------------------------------------------------------------------------


def gaussian(source: Floats, sigma: float) -> Floats:
    """An exact blur; beyond the edge the outermost pixels go on."""
    reach = math.ceil(4 * sigma) + 1
    at = np.arange(-reach, reach + 1)
    weights = np.exp(-(at**2) / (2 * sigma**2))
    weights /= weights.sum()
    padded = np.pad(source, ((reach, reach), (reach, reach), (0, 0)), mode="edge")
    down = sum(weight * padded[k : k + source.shape[0]] for k, weight in enumerate(weights))
    across = sum(weight * down[:, k : k + source.shape[1]] for k, weight in enumerate(weights))
    result: Floats = np.asarray(across)
    return result


@pytest.mark.parametrize("sigma", [0.5, 1, 2.4, 4.9, 5, 7.5, 10, 33.3, 100])
def test_blur_is_a_gaussian(sigma: float) -> None:
    """Small or wide, direct or on a reduced picture: within half a level of the exact one on average, edges included.

    The worst is a full contrast at every second line, which the reduced picture sees half a pixel away.
    """
    off = np.abs(array(f"blur={sigma}", scene()) - gaussian(scene().astype(float), sigma))
    assert off.mean() < 0.5
    assert off.max() < 5.5


def test_the_smallest_blur_softens() -> None:
    """Sigma 0.3 still moves something: a neighbour's weight is 0.4 % of the centre's."""
    source = np.zeros((9, 9, 3), np.uint8)
    source[4, 4] = 255
    got = array("blur=0.3", source)[4, 4, 0]
    assert 240 <= got < 255


def test_a_picture_smaller_than_the_blur_is_one_colour() -> None:
    """Sigma 100 on a few pixels is nearly their mean, and does not fail; a single pixel stays itself."""
    flat = array("blur=100", noise(7, 5))
    assert np.ptp(flat.reshape(-1, 3), axis=0).max() <= 12
    assert np.array_equal(array("blur=100", noise(1, 1)), noise(1, 1))


def test_hidden_colours_do_not_show_when_blurred() -> None:
    """The colour of fully transparent pixels stays out; opacity itself is blurred."""
    source = np.zeros((80, 80, 4), np.uint8)
    source[..., 1] = 255
    source[30:50, 30:50] = (200, 0, 100, 255)
    for options in ("blur=2", "blur=8", "pixelate=16", "sharpen=3"):
        got = array(options, source, "RGBA").reshape(-1, 4).astype(int)
        seen = got[got[:, 3] > 20]
        assert len(seen) >= 400
        assert seen[:, 1].max() <= 6, options
    alpha = array("blur=4", source, "RGBA")[..., 3]
    expected = gaussian(source[..., 3:].astype(float), 4)[..., 0]
    assert np.abs(alpha - expected).max() <= 3


# --- sharpen -------------------------------------------------------------------------------------------------------


def unsharp(source: Floats, sigma: float) -> Floats:
    """The documented mask: luminance less its blur, once where small, twice above, bounded."""
    light = source @ np.array([0.2126, 0.7152, 0.0722])
    difference = light - gaussian(light[..., None], sigma)[..., 0]
    size = np.abs(difference)
    much = np.minimum(size, 5.1) + 2 * np.maximum(0, size - 5.1)
    change = np.where(difference > 0, np.minimum(much, 25.5), -np.minimum(much, 51))
    result: Floats = np.clip(source + change[..., None], 0, 255)
    return result


@pytest.mark.parametrize("sigma", [0.5, 1, 3, 20])
def test_sharpen_is_the_documented_mask(sigma: float) -> None:
    """Against numpy, within a level or two."""
    off = np.abs(array(f"sharpen={sigma}", scene()) - unsharp(scene().astype(float), sigma))
    assert off.mean() < 0.7
    assert off.max() < 4.5


def test_sharpen_raises_edges_and_leaves_plains() -> None:
    """An edge overshoots on both sides, a plain does not move."""
    source = np.full((40, 60, 3), 80, np.uint8)
    source[:, 30:] = 160
    got = array("sharpen=1.5", source)[20, :, 0]
    assert got[29] < 80 < 160 < got[30]
    assert set(got[:20].tolist()) == {80}
    assert set(got[40:].tolist()) == {160}


# --- pixelate ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("side", [2, 7, 16, 256])
@pytest.mark.parametrize("bands", [1, 3])
def test_pixelate_shows_the_mean_of_each_block(side: int, bands: int) -> None:
    """Also of the blocks that the right and lower edge cut."""
    source = scene() if bands == 3 else scene()[..., 0]
    got = array(f"pixelate={side}", source, "RGB" if bands == 3 else "L")
    for top in range(0, source.shape[0], side):
        for left in range(0, source.shape[1], side):
            block = source[top : top + side, left : left + side].reshape(-1, bands).astype(float)
            shown = got[top : top + side, left : left + side].reshape(-1, bands)
            assert (shown == shown[0]).all()
            assert np.abs(shown[0] - block.mean(axis=0)).max() <= 0.51


# --- colours -------------------------------------------------------------------------------------------------------

SATURATE = np.array([[0.213, 0.715, 0.072]] * 3)
"""Filter Effects Module Level 1, feColorMatrix: the part that a saturation of 0 leaves."""

HUE_COS = np.array([[0.787, -0.715, -0.072], [-0.213, 0.285, -0.072], [-0.213, -0.715, 0.928]])
HUE_SIN = np.array([[-0.213, -0.715, 0.928], [0.143, 0.140, -0.283], [-0.787, 0.715, 0.072]])
SEPIA = np.array([[0.393, 0.769, 0.189], [0.349, 0.686, 0.168], [0.272, 0.534, 0.131]])
LUMINANCE = np.array([0.2126, 0.7152, 0.0722])


def reference(name: str, value: float, x: Floats) -> Floats:
    """One filter on levels from 0 to 1, as the specification writes it."""
    turn = math.radians(value)
    matrices = {
        "sat": SATURATE + (np.eye(3) - SATURATE) * (1 + value / 100),
        "hue": SATURATE + math.cos(turn) * HUE_COS + math.sin(turn) * HUE_SIN,
        "sepia": SEPIA,
        "grayscale": np.array([LUMINANCE] * 3),
    }
    if name in matrices:
        x = x @ matrices[name].T
    elif name == "bri":
        x = x * (1 + value / 100)
    elif name == "con":
        x = (x - 0.5) * (1 + value / 100) + 0.5
    elif name == "gam":
        x = x ** (1 / value)
    else:
        assert name == "invert"
        x = 1 - x
    result: Floats = np.clip(x, 0, 1)
    return result


FILTERS = [
    *(("bri", value) for value in (-100, -40, 20, 100)),
    *(("con", value) for value in (-100, -50, 30, 100)),
    *(("sat", value) for value in (-100, -60, 40, 100)),
    *(("hue", value) for value in (-120, 30, 90, 180, 359)),
    *(("gam", value) for value in (0.1, 0.5, 1.4, 9)),
    ("grayscale", 1),
    ("sepia", 1),
    ("invert", 1),
]


@pytest.mark.parametrize(("name", "value"), FILTERS)
@pytest.mark.parametrize("bands", [1, 2, 3, 4])
def test_each_filter_is_that_of_css(name: str, value: float, bands: int) -> None:
    """Grey and coloured, opaque and not: within half a level of the specification; opacity does not move."""
    source = noise(64, 48, bands, seed=7)
    if bands in (2, 4):
        source[..., -1] = np.maximum(source[..., -1], 1)
    image = Image.fromarray(source[..., 0] if bands == 1 else source, {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}[bands])
    result = pixels_of(opened(made(encoded(image), parse_options(f"{name}={value}").recipe)), "RGBA").astype(float)
    plain = pixels_of(image, "RGBA").astype(float)
    expected = reference(name, value, plain[..., :3] / 255) * 255
    assert np.abs(result[..., :3] - expected).max() <= 0.51
    assert np.array_equal(result[..., 3], plain[..., 3])


def test_filters_follow_each_other_in_the_stated_order() -> None:
    """All together are one after the other, each held inside the range, wherever they stand in the URL."""
    source = noise(64, 48)
    asked = {"bri": 30, "con": 40, "sat": 50, "hue": 70, "gam": 0.8, "sepia": 1, "invert": 1}
    x = source / 255
    for name, value in asked.items():
        x = reference(name, value, x)
    options = [f"{name}={value}" for name, value in asked.items()]
    forwards, backwards = array(",".join(options), source), array(",".join(reversed(options)), source)
    assert np.array_equal(forwards, backwards)
    assert np.abs(forwards - x * 255).max() <= 4  # three roundings, and the contrast between them


ORDER = ["bri=60", "con=70", "sat=80", "hue=100", "gam=3", "sepia=1", "invert=1"]


@pytest.mark.parametrize(("first", "second"), list(pairwise(ORDER)))
def test_neighbours_in_the_order_do_not_commute(first: str, second: str) -> None:
    """Each filter works on what the one before it made: together they are not the two in the other order."""
    source = noise(64, 48)
    together = array(f"{first},{second}", source).astype(int)
    assert np.abs(together - array(second, array(first, source))).max() <= 3
    assert np.abs(together - array(first, array(second, source))).max() > 12


def test_grey_is_written_in_one_band_and_sepia_in_three() -> None:
    """A photograph without its colours is smaller; one with a tint needs them, from a grey original too."""
    for mode, source in (("RGB", noise()), ("L", noise(bands=1)[..., 0])):
        data = encoded(Image.fromarray(source, mode))
        assert opened(made(data, Recipe(adjust=Adjust(grayscale=True)))).mode == "L"
        assert opened(made(data, Recipe(adjust=Adjust(sepia=True)))).mode == "RGB"
        assert opened(made(data, Recipe(adjust=Adjust(duotone=("000000", "ff0000"))))).mode == "RGB"
        assert opened(made(data, Recipe(adjust=Adjust(invert=True)))).mode == mode


@pytest.mark.parametrize(
    "options", ["grayscale=1", "sepia=1", "duotone=102030:a0b0c0", "invert=1", "sat=-100", "hue=90"]
)
def test_effects_under_display_p3_keep_the_profile(options: str) -> None:
    """Numbers are those of the space asked, in three bands, with the profile that describes them."""
    image = opened(made(encoded(Image.fromarray(noise())), parse_options(f"{options},icc=p3").recipe))
    assert image.mode == "RGB"
    assert len(image.info["icc_profile"]) == 480


# --- tones ---------------------------------------------------------------------------------------------------------


def stretched(source: Array, weights: Array | None = None) -> Floats:
    """Percentiles 1 and 99 of luminance become black and white."""
    light = np.round(source[..., :3] @ LUMINANCE).astype(int)
    counts = np.bincount(light.ravel(), None if weights is None else weights.ravel(), 256).cumsum()
    low = int(np.argmax(counts > 0.01 * counts[-1]))
    high = int(np.argmax(counts >= 0.99 * counts[-1]))
    result: Floats = np.clip((source[..., :3].astype(float) - low) * 255 / (high - low), 0, 255)
    return result


def test_normalize_stretches_luminance() -> None:
    """A dull picture reaches from black to white; one line for all bands, so hues stay."""
    source = (noise(120, 90) // 3 + 70).astype(np.uint8)
    off = np.abs(array("normalize=1", source) - stretched(source))
    assert off.max() <= 3  # one level of luminance may round to its neighbour, and is stretched
    assert array("normalize=1", source).min() == 0


def test_normalize_counts_what_is_seen() -> None:
    """Transparent pixels do not say where white is."""
    source = np.dstack([noise(100, 80) // 4 + 60, np.full((80, 100), 255, np.uint8)]).astype(np.uint8)
    source[:40] = (255, 255, 255, 0)
    got = array("normalize=1", source, "RGBA")
    assert np.abs(got[40:, :, :3] - stretched(source[40:])).max() <= 3


@pytest.mark.parametrize("level", [0, 77, 255])
def test_normalize_leaves_a_plain_picture(level: int) -> None:
    """There is nothing to stretch."""
    source = np.full((20, 30, 3), level, np.uint8)
    assert np.array_equal(array("normalize=1", source), source)


def test_normalize_is_decided_on_the_first_frame() -> None:
    """A film that gets darker still does; stretched frame by frame, all its frames would look alike."""
    frames = [(noise(48, 32) // 4 + level).astype(np.uint8) for level in (90, 80, 70)]
    out = io.BytesIO()
    images = [Image.fromarray(frame) for frame in frames]
    images[0].save(out, "WEBP", save_all=True, append_images=images[1:], duration=100, lossless=True)
    recipe = parse_options("normalize=1,fm=webp,lossless=1").recipe
    shown = [pixels_of(frame).mean() for frame in frames_of(made(out.getvalue(), recipe, Format.WEBP))]
    assert shown[0] > shown[1] + 25 > shown[2] + 50
    alone = pixels_of(opened(made(encoded(images[0]), Recipe(adjust=Adjust(normalize=True)))))
    assert abs(alone.mean() - shown[0]) < 1


def test_normalize_comes_after_the_negative_and_before_two_colours() -> None:
    """The switches follow each other: what is white after the negative is the light colour."""
    x = np.tile(np.linspace(100, 150, 100).astype(np.uint8)[None, :, None], (20, 1, 3))
    got = array("invert=1,normalize=1,duotone=ff0000:0000ff", x)
    assert got[10, 0].tolist() == [0, 0, 255]
    assert got[10, -1].tolist() == [255, 0, 0]


@pytest.mark.parametrize("bands", [1, 3])
def test_duotone_goes_from_dark_to_light(bands: int) -> None:
    """Luminance becomes a colour on the line between the two."""
    source = noise(64, 48, bands)
    plain = source if bands == 3 else np.repeat(source, 3, axis=2)
    got = array("duotone=1b1464:fff200", source if bands == 3 else source[..., 0])
    light = (np.round(plain @ LUMINANCE) / 255)[..., None]
    dark, bright = np.array([0x1B, 0x14, 0x64]), np.array([0xFF, 0xF2, 0x00])
    assert np.abs(got - (dark + (bright - dark) * light)).max() <= 1.6


# --- depth ---------------------------------------------------------------------------------------------------------


def work(options: str) -> Work:
    """A job on a picture of nothing in particular, for a step alone."""
    recipe = parse_options(options).recipe
    facts = Facts(format="png", width=64, height=48)
    layout = lay_out(facts, recipe)
    return Work(job=Job(recipe=recipe, format=Format.PNG, facts=facts), layout=layout, quality=80)


SPACES = {1: ("b-w", "grey16"), 2: ("b-w", "grey16"), 3: ("srgb", "rgb16"), 4: ("srgb", "rgb16")}
"""libvips' names for so many bands of 8 and of 16 bits."""


def in_both_depths(source: Array) -> tuple[pyvips.Image, pyvips.Image]:
    """The same picture in 8 and in 16 bits."""
    coarse, fine = SPACES[source.shape[2]]
    return (
        pyvips.Image.new_from_array(source).copy(interpretation=coarse),
        pyvips.Image.new_from_array(source.astype(np.uint16) * 257).copy(interpretation=fine),
    )


@pytest.mark.parametrize(("name", "value"), [*FILTERS[::2], FILTERS[-1]])
@pytest.mark.parametrize("bands", [1, 2, 3, 4])
def test_filters_in_16_bits_are_exact_to_16_bits(name: str, value: float, bands: int) -> None:
    """Within a level of 65535 of the specification: nothing goes through 8 bits."""
    source = noise(64, 48, bands).astype(np.uint16) * 256 + noise(64, 48, bands, 2)
    image = pyvips.Image.new_from_array(source).copy(interpretation=SPACES[bands][1])
    result = adjusting.adjust(image, work(f"{name}={value}"))
    assert result.format == "ushort"
    got = result.numpy().reshape(48, 64, -1).astype(float)
    colours = source[..., :3] if bands > 2 else np.repeat(source[..., :1], 3, axis=2)
    expected = reference(name, value, colours / 65535) * 65535
    shown = got[..., :3] if result.bands > 2 else got[..., :1]
    assert np.abs(shown - expected[..., : shown.shape[2]]).max() <= 1.1
    if bands in (2, 4):
        assert np.array_equal(got[..., -1], source[..., -1])


@pytest.mark.parametrize("options", ["normalize=1", "duotone=102030:a0b0c0"])
@pytest.mark.parametrize("bands", [1, 2, 3, 4])
def test_tones_in_16_bits_are_those_in_8(options: str, bands: int) -> None:
    """The same picture in both depths comes out the same; opacity is kept."""
    coarse, fine = in_both_depths(noise(64, 48, bands))
    one, other = adjusting.adjust(coarse, work(options)), adjusting.adjust(fine, work(options))
    assert (other.format, other.bands, other.hasalpha()) == ("ushort", one.bands, bands in (2, 4))
    assert np.abs(other.numpy() / 257 - one.numpy()).max() <= 2


@pytest.mark.parametrize("options", ["blur=1", "blur=9", "sharpen=2", "pixelate=5"])
@pytest.mark.parametrize("bands", [1, 2, 3, 4])
def test_softening_in_16_bits_is_that_in_8(options: str, bands: int) -> None:
    """So does what mixes neighbours."""
    source = noise(64, 48, bands)
    if bands in (2, 4):
        source[..., -1] |= 128
    coarse, fine = in_both_depths(source)
    one, other = softening.soften(coarse, work(options)), softening.soften(fine, work(options))
    assert (other.format, other.bands) == ("ushort", bands)
    assert np.abs(other.numpy() / 257 - one.numpy()).max() <= 2


# --- the order of work ---------------------------------------------------------------------------------------------


def test_turning_comes_before_pixelating() -> None:
    """The blocks stand upright in the result: after a turn by 90 their grid starts at the top left corner."""
    source = scene(50, 30)
    got = array("rot=90,pixelate=16", source)
    assert np.array_equal(got, array("pixelate=16", np.ascontiguousarray(np.rot90(source, 3))))
    assert not np.array_equal(got, np.rot90(array("pixelate=16", source), 3))


def test_resizing_comes_before_blurring() -> None:
    """Sigma is in pixels of the result."""
    source = np.zeros((200, 200, 3), np.uint8)
    source[:, 100:] = 255
    row = array("w=100,blur=5", source)[50, :, 0].astype(int)
    rise = int(np.argmax(row > 216)) - int(np.argmax(row > 39))  # one sigma below and above the middle
    assert 9 <= rise <= 11


def test_softening_comes_before_colours() -> None:
    """Blur, then contrast: a blurred edge that is made hard again; swapped, it would be soft."""
    source = np.zeros((40, 100, 3), np.uint8)
    source[:, 50:] = 255
    row = array("blur=10,con=100", source)[20, :, 0].astype(int)
    assert np.count_nonzero((row > 5) & (row < 250)) < 0.6 * np.count_nonzero(
        (array("blur=10", source)[20, :, 0] > 5) & (array("blur=10", source)[20, :, 0] < 250)
    )


def test_blur_comes_before_pixelate() -> None:
    """Blocks are sharp, whatever is blurred."""
    got = array("blur=3,pixelate=10", scene(100, 60))
    assert (got[:10, :10] == got[0, 0]).all()


def test_blur_comes_before_sharpen() -> None:
    """Together they are the one after the other."""
    source = scene(100, 60)
    together = array("blur=2,sharpen=2", source).astype(int)
    assert np.abs(together - array("sharpen=2", array("blur=2", source))).max() <= 2
    assert np.abs(together - array("blur=2", array("sharpen=2", source))).max() > 8


def test_colours_come_before_the_ground() -> None:
    """Padding has the colour that was asked, not its negative; a derived ground is taken from what is seen."""
    source = np.full((20, 20, 3), 255, np.uint8)
    assert array("invert=1,pad=5,bg=ff8000", source)[0, 0].tolist() == [255, 128, 0]
    assert array("invert=1,pad=5,bg=auto", source)[0, 0].tolist() == [0, 0, 0]


def test_a_derived_ground_of_a_film_is_taken_from_what_is_seen() -> None:
    """The first frame is looked at after its colours were changed."""
    images = [Image.new("RGB", (40, 30), colour) for colour in ((255, 255, 255), (255, 0, 0))]
    out = io.BytesIO()
    images[0].save(out, "WEBP", save_all=True, append_images=images[1:], duration=100, lossless=True)
    recipe = parse_options("invert=1,pad=5,bg=auto,fm=webp,lossless=1").recipe
    assert [frame.getpixel((0, 0)) for frame in frames_of(made(out.getvalue(), recipe, Format.WEBP))] == [
        (0, 0, 0, 255)
    ] * 2


# --- films and cost ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("options", ["blur=2", "sharpen=2", "pixelate=8", "hue=120", "grayscale=1", "duotone=000:fff"])
def test_every_frame_is_treated(options: str) -> None:
    """Each frame of a film is what a still of it would be."""
    options = options.replace("000:fff", "200010:ffe0ff")
    frames = [Image.fromarray(np.roll(scene(64, 48), 11 * index, axis=1)) for index in range(3)]
    out = io.BytesIO()
    frames[0].save(out, "WEBP", save_all=True, append_images=frames[1:], duration=100, lossless=True)
    recipe = parse_options(f"{options},fm=webp,lossless=1").recipe
    for frame, shown in zip(frames, frames_of(made(out.getvalue(), recipe, Format.WEBP)), strict=True):
        alone = pixels_of(opened(made(encoded(frame), parse_options(options).recipe)))
        assert np.abs(pixels_of(shown).astype(int) - alone).max() <= 1


@pytest.mark.parametrize(
    "options",
    [
        "flip=v", "rot=90", "rot=10", "blur=1", "blur=50", "sharpen=1", "sharpen=9", "pixelate=8",
        "bri=9", "con=9", "sat=9", "hue=9", "gam=2", "grayscale=1", "sepia=1", "invert=1", "normalize=1",
        "duotone=000000:ffffff", "redact=blur:0:0:100:100",
    ],
)  # fmt: skip
def test_every_effect_is_in_the_estimate(options: str) -> None:
    """No effect is free, transparency makes it dearer, and none alone takes over 0.1 seconds a megapixel."""
    recipe = parse_options(options).recipe
    facts = Facts(format="jpeg", width=1000, height=1000)
    clear = Facts(format="png", width=1000, height=1000, alpha=True)
    seconds = effect_seconds(facts, recipe, lay_out(facts, recipe))
    assert 0 < seconds < 0.1
    assert effect_seconds(clear, recipe, lay_out(clear, recipe)) >= seconds
    assert effect_seconds(facts, Recipe(), lay_out(facts, Recipe())) == 0
