"""Shapes cut out of the result: where their edges lie, how smooth they are, in every size."""

from __future__ import annotations

from math import pi, sqrt

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from tests.engine.engine_pictures import encoded, made, opened, pixels_of, quarters

from imagemill.engine.steps.shapes import shaped
from imagemill.recipe.model import Colour, Recipe
from imagemill.recipe.vocabulary import Format, Mask

SHARES = {
    # Share of the smallest box around the shape, from its geometry.
    Mask.CIRCLE: pi / 4,
    Mask.ELLIPSE: pi / 4,
    Mask.TRIANGLE: 0.5,
    Mask.TRIANGLE_DOWN: 0.5,
    Mask.PENTAGON: 0.6910,
    Mask.PENTAGON_DOWN: 0.6910,
    Mask.HEXAGON: 0.75,
    Mask.SQUARE: 0.5,
    Mask.STAR: 0.3263,
    Mask.HEART: (0.5 + pi / 8) / ((0.5 + sqrt(2) / 2) * (0.75 + sqrt(2) / 4)),
}
SHAPES = {
    # Width by height of that box.
    Mask.CIRCLE: 1.0,
    Mask.TRIANGLE: 2 / sqrt(3),
    Mask.TRIANGLE_DOWN: 2 / sqrt(3),
    Mask.PENTAGON: 1.0515,
    Mask.PENTAGON_DOWN: 1.0515,
    Mask.HEXAGON: sqrt(3) / 2,
    Mask.SQUARE: 1.0,
    Mask.STAR: 1.0515,
    Mask.HEART: (0.5 + sqrt(2) / 2) / (0.75 + sqrt(2) / 4),
}


def drawn(mask: Mask, width: int, height: int) -> NDArray[np.float64]:
    """How much of each pixel is inside, 0 to 1, row by row."""
    return np.asarray(shaped(mask, width, height).numpy(), dtype=float).reshape(height, width) / 255


def test_every_mask_is_measured_here() -> None:
    """No shape of the vocabulary is left out of the table."""
    assert set(SHARES) == set(Mask)


@pytest.mark.parametrize("mask", Mask)
@pytest.mark.parametrize("size", [(300, 200), (200, 300)])
def test_a_shape_is_the_largest_of_its_proportions(mask: Mask, size: tuple[int, int]) -> None:
    """It covers the area that geometry says of a shape that touches the nearer edges."""
    width, height = size
    shape = SHAPES.get(mask, width / height)
    across, down = min(width, height * shape), min(height, width / shape)
    assert drawn(mask, width, height).sum() == pytest.approx(SHARES[mask] * across * down, rel=0.01)


@pytest.mark.parametrize("mask", Mask)
def test_a_shape_stands_in_the_middle(mask: Mask) -> None:
    """Left and right mirror each other, and the room above is that below."""
    inside = drawn(mask, 241, 160)
    assert np.abs(inside - inside[:, ::-1]).max() < 0.02
    inside = drawn(mask, 120, 301)
    rows = np.flatnonzero((inside > 0.02).any(axis=1))
    assert abs(int(rows[0]) - (300 - int(rows[-1]))) <= 1


@pytest.mark.parametrize("mask", Mask)
def test_edges_are_smooth_and_all_else_is_all_or_nothing(mask: Mask) -> None:
    """Pixels in between lie along the edge only: no more of them than the edge is long, twice over."""
    inside = drawn(mask, 200, 200)
    between = ((inside > 0.02) & (inside < 0.98)).sum()
    assert 50 < between < 2 * 4 * 200


def test_down_is_up_upside_down() -> None:
    """`triangle-180` and `pentagon-180` are the others on their heads."""
    for up, down in ((Mask.TRIANGLE, Mask.TRIANGLE_DOWN), (Mask.PENTAGON, Mask.PENTAGON_DOWN)):
        assert np.abs(drawn(up, 180, 140) - drawn(down, 180, 140)[::-1]).max() < 0.02


@pytest.mark.parametrize(
    ("mask", "inside", "outside"),
    [
        (Mask.TRIANGLE, (100, 30), (20, 30)),
        (Mask.HEXAGON, (100, 5), (15, 5)),
        (Mask.SQUARE, (100, 4), (30, 30)),
        (Mask.STAR, (100, 20), (100, 185)),
        (Mask.HEART, (50, 20), (100, 4)),
    ],
)
def test_shapes_are_what_they_are_called(mask: Mask, inside: tuple[int, int], outside: tuple[int, int]) -> None:
    """A point in the shape and one beside it, of 200 by 200: the star's notch, the heart's dent."""
    shape = drawn(mask, 200, 200)
    assert shape[inside[1], inside[0]] == 1
    assert shape[outside[1], outside[0]] == 0


@given(mask=st.sampled_from(Mask), width=st.integers(1, 90), height=st.integers(1, 90))
@settings(max_examples=60, deadline=None)
def test_no_size_is_too_small(mask: Mask, width: int, height: int) -> None:
    """A shape of any size has its size, and something inside."""
    assert drawn(mask, width, height).max() > 0


def test_outside_the_shape_is_clear_or_the_background() -> None:
    """PNG is transparent there, JPEG shows the background."""
    data = encoded(quarters(120, 120))
    clear = pixels_of(opened(made(data, Recipe(mask=Mask.STAR))), "RGBA")
    assert clear[0, 0, 3] == 0
    assert clear[60, 60, 3] == 255
    filled = pixels_of(opened(made(data, Recipe(mask=Mask.STAR, background=Colour("0000ffff")), Format.JPEG)))
    assert np.abs(filled[2, 2].astype(int) - (0, 0, 255)).max() < 12
