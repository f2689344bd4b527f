"""Flip and rotate: where everything goes, how large the result is, and what fills the corners."""

from __future__ import annotations

import io
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from tests.engine.engine_pictures import (
    BLUE,
    GREEN,
    LIMITS,
    RED,
    YELLOW,
    Array,
    Pixel,
    all_near,
    corners,
    encoded,
    frames_of,
    made,
    near,
    opened,
    pixels_of,
    quarters,
    sized,
)

from imagemill.engine.geometry import lay_out
from imagemill.engine.limits import Limits
from imagemill.engine.port import Facts
from imagemill.errors import InvalidRequest
from imagemill.recipe.bounds import check_bounds
from imagemill.recipe.canonical import normalise
from imagemill.recipe.model import Colour, DerivedBackground, Pad, Recipe
from imagemill.recipe.options.reading import parse_options
from imagemill.recipe.turning import bounding
from imagemill.recipe.vocabulary import Fit, Flip, Format

WHITE = (255, 255, 255)


def array(recipe: Recipe, source: Array, mode: str = "RGB") -> Array:
    """The pixels that a recipe makes of others, without loss."""
    return pixels_of(opened(made(encoded(Image.fromarray(source)), recipe)), mode)


def noise(width: int, height: int, bands: int = 3) -> Array:
    """Pixels of which no two are alike."""
    rng = np.random.default_rng(width * 1000 + height)
    return rng.integers(0, 256, (height, width, bands), dtype=np.uint8)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ("flip=h", [GREEN, RED, YELLOW, BLUE]),
        ("flip=v", [BLUE, YELLOW, RED, GREEN]),
        ("flip=hv", [YELLOW, BLUE, GREEN, RED]),
        ("rot=90", [BLUE, RED, YELLOW, GREEN]),
        ("rot=180", [YELLOW, BLUE, GREEN, RED]),
        ("rot=270", [GREEN, YELLOW, RED, BLUE]),
        ("rot=-90", [GREEN, YELLOW, RED, BLUE]),
        ("flip=h,rot=90", [YELLOW, GREEN, BLUE, RED]),
        ("flip=v,rot=90", [RED, BLUE, GREEN, YELLOW]),
    ],
)
@pytest.mark.parametrize("source", ["JPEG", "PNG"])
def test_the_corners_go_where_they_should(options: str, expected: list[Pixel], source: str) -> None:
    """Clockwise; the flip comes before the turn (mirrored, then turned: the red corner tells)."""
    image = opened(made(encoded(quarters(), source, quality=95), parse_options(options).recipe))
    assert all_near(corners(image, 8), expected, 24)
    sideways = "90" in options or "270" in options
    assert image.size == ((160, 240) if sideways else (240, 160))


@pytest.mark.parametrize(("degrees", "turns"), [(90, 3), (180, 2), (270, 1)])
def test_quarter_turns_are_exact(degrees: int, turns: int) -> None:
    """Every pixel is the one that numpy turns to its place; `rot90` there goes the other way round."""
    source = noise(37, 23)
    assert np.array_equal(array(Recipe(rotate=degrees), source), np.rot90(source, turns))


@pytest.mark.parametrize("bands", [1, 3, 4])
def test_four_quarter_turns_and_two_flips_change_nothing(bands: int) -> None:
    """Grey, coloured and transparent pictures come back bit for bit."""
    source = noise(31, 17, bands) if bands > 1 else noise(31, 17, 1)[..., 0]
    mode = {1: "L", 3: "RGB", 4: "RGBA"}[bands]
    if bands == 4:
        source[..., 3] = 255 - source[..., 3] // 2
    for recipe, times in ((Recipe(rotate=90), 4), (Recipe(flip=Flip.HORIZONTAL), 2), (Recipe(flip=Flip.VERTICAL), 2)):
        turned = source
        for _ in range(times):
            turned = array(recipe, turned, mode)
        assert np.array_equal(turned, source)


@given(flip=st.sampled_from([None, *Flip]), rotate=st.sampled_from([0, 90, 180, 270]))
@settings(max_examples=16, deadline=None)
def test_the_normal_form_turns_alike(flip: Flip | None, rotate: int) -> None:
    """What `normalise` makes of a flip and a turn gives the same pixels."""
    source = noise(9, 6)
    recipe = Recipe(flip=flip, rotate=rotate)
    assert np.array_equal(array(recipe, source), array(normalise(recipe), source))


@pytest.mark.parametrize("degrees", [0.001, 1, 30, 44.5, 45, 89.999, 123.4, 200, 359])
def test_the_result_is_the_box_around_the_turned_picture(degrees: float) -> None:
    """Trigonometry says how large; a part of a pixel counts whole."""
    result = made(encoded(quarters(200, 100)), Recipe(rotate=degrees))
    turn = math.radians(degrees)
    across = 200 * abs(math.cos(turn)) + 100 * abs(math.sin(turn))
    down = 200 * abs(math.sin(turn)) + 100 * abs(math.cos(turn))
    assert (result.width, result.height) == (math.ceil(across - 1e-9), math.ceil(down - 1e-9))


def _reference(source: Array, degrees: float, x: float, y: float) -> tuple[float, float]:
    """Where a result pixel's centre lies in the source, by turning back around the middles."""
    height, width = source.shape[:2]
    across, down = bounding(width, height, degrees)
    turn = math.radians(degrees)
    from_x, from_y = x - (across - 1) / 2, y - (down - 1) / 2
    back_x = from_x * math.cos(turn) + from_y * math.sin(turn)
    back_y = from_y * math.cos(turn) - from_x * math.sin(turn)
    return back_x + (width - 1) / 2, back_y + (height - 1) / 2


@pytest.mark.parametrize("degrees", [10, 45, 137, 300])
def test_a_turn_by_any_angle_keeps_every_place(degrees: float) -> None:
    """A slope of brightness, which any sampling keeps, is found turned around the middle to a fraction of a pixel."""
    x, y = np.meshgrid(np.arange(120), np.arange(80))
    source = np.stack([x * 2, y * 3, np.full_like(x, 90)], axis=-1).astype(np.uint8)
    result = array(Recipe(rotate=degrees), source, "RGBA")
    checked = 0
    for row in range(0, result.shape[0], 7):
        for column in range(0, result.shape[1], 7):
            at_x, at_y = _reference(source, degrees, column, row)
            if not (3 <= at_x <= 116 and 3 <= at_y <= 76):
                continue
            checked += 1
            assert near(tuple(int(v) for v in result[row, column]), (round(at_x * 2), round(at_y * 3), 90, 255), 2)
    assert checked > 80


@pytest.mark.parametrize("fmt", [Format.PNG, Format.WEBP, Format.AVIF, Format.GIF])
def test_corners_are_clear_where_the_format_can(fmt: Format) -> None:
    """Without a background, nothing is there."""
    image = opened(made(encoded(quarters(200, 100)), Recipe(rotate=30), fmt)).convert("RGBA")
    assert [colour[3] for colour in corners(image, 2, "RGBA")] == [0] * 4
    assert image.getpixel((image.width // 2, image.height // 2))[3] == 255  # type: ignore[index]  # RGBA has four


def test_corners_are_white_where_the_format_cannot() -> None:
    """JPEG gets white."""
    assert all_near(corners(opened(made(encoded(quarters(200, 100)), Recipe(rotate=30), Format.JPEG))), [WHITE] * 4)


@pytest.mark.parametrize("fmt", [Format.PNG, Format.JPEG])
@pytest.mark.parametrize("source", ["RGB", "L", "RGBA"])
def test_corners_have_the_stated_colour(fmt: Format, source: str) -> None:
    """`bg` fills them, in grey pictures too."""
    image = quarters(200, 100).convert(source)
    recipe = Recipe(rotate=30, background=Colour("ff8000ff"))
    result = opened(made(encoded(image), recipe, fmt))
    assert all_near(corners(result, 2), [(255, 128, 0)] * 4, 6)


def test_corners_can_have_the_edge_colour_or_a_blurred_copy() -> None:
    """The derived backgrounds reach the corners too."""
    data = encoded(Image.new("RGB", (100, 60), (40, 90, 200)))
    for how in ("auto", "blur"):
        image = opened(made(data, Recipe(rotate=30, background=DerivedBackground(how)), Format.PNG))
        assert all_near(corners(image, 1), [(40, 90, 200)] * 4, 6)


def test_a_turned_edge_is_not_dark() -> None:
    """Half covered pixels keep their colour and lose opacity: a white picture has white edges, whatever is behind."""
    image = opened(made(encoded(Image.new("RGB", (100, 60), WHITE)), Recipe(rotate=17)))
    pixels = pixels_of(image, "RGBA").reshape(-1, 4)
    edge = pixels[(pixels[:, 3] > 8) & (pixels[:, 3] < 247)]
    assert len(edge) > 100
    assert edge[:, :3].min() >= 250


def test_hidden_colours_do_not_show_when_turned() -> None:
    """The red of fully transparent pixels stays out of their neighbours."""
    source = np.zeros((60, 60, 4), np.uint8)
    source[..., 0] = 255
    source[20:40, 20:40] = (0, 0, 255, 255)
    result = array(Recipe(rotate=30), source, "RGBA").reshape(-1, 4)
    seen = result[result[:, 3] > 40]
    assert len(seen) > 300
    assert seen[:, 0].max() <= 8
    assert seen[:, 2].min() >= 240


def test_every_frame_turns() -> None:
    """A film of three colours, turned by a right angle and aslant, keeps its frames and colours."""
    colours = (RED, GREEN, BLUE)
    frames = [Image.new("RGB", (60, 40), colour) for colour in colours]
    out = io.BytesIO()
    frames[0].save(out, "GIF", save_all=True, append_images=frames[1:], duration=100)
    for recipe, size in (
        (Recipe(rotate=90), (40, 60)),
        (Recipe(rotate=30), (72, 65)),
        (Recipe(flip=Flip.BOTH), (60, 40)),
    ):
        shown = frames_of(made(out.getvalue(), recipe, Format.WEBP))
        assert [frame.size for frame in shown] == [size] * 3
        for frame, colour in zip(shown, colours, strict=True):
            middle = frame.getpixel((size[0] // 2, size[1] // 2))
            assert isinstance(middle, tuple)
            assert near(middle[:3], colour, 12)


# --- the order of work ---------------------------------------------------------------------------------------------


def test_orientation_is_undone_before_the_flip() -> None:
    """A stored quarter turn, then a mirror: swapped, the other corner would be red."""
    stored = quarters().transpose(Image.Transpose.ROTATE_90)  # orientation 6 turns it back
    exif = Image.Exif()
    exif[0x0112] = 6
    data = encoded(stored, "JPEG", exif=exif, quality=95)
    assert all_near(corners(opened(made(data, Recipe(flip=Flip.HORIZONTAL))), 8), [GREEN, RED, YELLOW, BLUE], 24)


def test_resizing_comes_before_turning() -> None:
    """A width is that of the picture before it is turned."""
    result = made(encoded(quarters(240, 160)), Recipe(resize=sized(120), rotate=90))
    assert (result.width, result.height) == (80, 120)


def test_the_window_is_cut_before_the_flip() -> None:
    """`cover` with gravity west keeps the west of the original: red and blue, wherever they are shown."""
    recipe = parse_options("w=50,h=100,g=w,flip=h").recipe
    assert set(corners(opened(made(encoded(quarters(200, 100)), recipe)))) == {RED, BLUE}


def test_the_canvas_is_turned_and_the_picture_placed_on_it_afterwards() -> None:
    """`contain` in 100×60 turned by 90 is 60×100; gravity north is the top of what is seen."""
    recipe = parse_options("w=100,h=60,fit=contain,g=n,rot=90,bg=000").recipe
    image = opened(made(encoded(quarters(40, 40)), recipe))
    assert image.size == (60, 100)
    assert near(pixels_of(image)[4, 30 - 10].tolist(), BLUE)
    assert near(pixels_of(image)[60, 30].tolist(), (0, 0, 0))


def test_padding_comes_after_turning() -> None:
    """Room on the left is on the left of the turned picture, and is not turned with it."""
    recipe = Recipe(rotate=90, pad=Pad(top=0, right=0, bottom=0, left=30), background=Colour("000000ff"))
    image = opened(made(encoded(quarters(100, 50)), recipe))
    assert image.size == (80, 100)
    assert near(pixels_of(image)[50, 10].tolist(), (0, 0, 0))
    assert near(pixels_of(image)[10, 35].tolist(), BLUE)


def test_rounding_comes_after_turning() -> None:
    """The corner that is rounded is that of the result."""
    recipe = parse_options("rot=90,radius=20:0:0:0").recipe
    image = opened(made(encoded(quarters(100, 60)), recipe))
    assert [colour[3] for colour in corners(image, 0, "RGBA")] == [0, 255, 255, 255]


# --- limits --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "fits"),
    [
        ("w=4000,h=4000", True),
        ("w=4000,h=4000,rot=90", True),
        ("w=4000,h=4000,rot=45", False),
        ("w=2800,h=2800,rot=45", True),
        ("w=8192,h=500,rot=10", True),
        ("w=8192,h=1500,rot=10", False),
        ("w=8192,h=100,pad=0:10", False),
        ("w=8192,h=100,pad=0:10,rot=90", True),
        ("w=8192,h=100,pad=10:0,rot=90", False),
        ("w=8000,rot=45", False),
    ],
)
def test_stated_sizes_are_bounded_as_they_come_out(options: str, fits: bool) -> None:
    """The limits of a result hold for the turned and padded picture."""
    recipe = parse_options(options).recipe
    if fits:
        check_bounds(recipe)
        return
    with pytest.raises(InvalidRequest):
        check_bounds(recipe)


@given(
    width=st.integers(1, 9000),
    height=st.integers(1, 9000),
    degrees=st.integers(0, 359_999),
    pad=st.integers(0, 40),
    enlarge=st.booleans(),
)
@settings(max_examples=150, deadline=None)
def test_unstated_sizes_are_fitted_as_they_come_out(
    width: int, height: int, degrees: int, pad: int, enlarge: bool
) -> None:
    """Whatever the picture and the angle, the result is within the limits, and no smaller than it must be."""
    limits = Limits(side_result=1000, pixels_result=500_000)
    recipe = Recipe(
        resize=sized(enlarge=enlarge),
        rotate=degrees / 1000,
        pad=Pad(top=pad, right=pad, bottom=pad, left=pad) if pad else None,
    )
    layout = lay_out(Facts(format="png", width=width, height=height), recipe, limits=limits)
    assert max(layout.width, layout.height) <= 1000
    assert layout.width * layout.height <= 500_000
    assert layout.turned.width + 2 * pad == layout.width
    if (
        layout.scaled.width < width
        and layout.scaled.height < height
        and min(layout.scaled.width, layout.scaled.height) > 50
    ):
        assert max(layout.width, layout.height) >= 990 or layout.width * layout.height >= 485_000


def test_a_size_that_fits_only_unturned_is_refused_by_the_engine_too() -> None:
    """The engine has the last word where the grammar's check was passed by."""
    with pytest.raises(InvalidRequest, match="at most"):
        lay_out(Facts(format="png", width=5000, height=5000), Recipe(resize=sized(4000, 4000, Fit.COVER), rotate=45))
    assert LIMITS.pixels_result == 16_000_000
