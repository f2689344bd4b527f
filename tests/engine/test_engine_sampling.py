"""Shrink-on-load as arithmetic."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagemill.engine.geometry import Box, Size, lay_out
from imagemill.engine.orientation import stored_box, stored_size, turned, upright_box
from imagemill.engine.port import Facts
from imagemill.engine.sampling import axes, shrink_for
from imagemill.recipe.model import Pixels, Recipe, Region, Resize


def facts(width: int, height: int, *, orientation: int = 1, fmt: str = "jpeg") -> Facts:
    """An upright picture of that size."""
    return Facts(format=fmt, width=width, height=height, orientation=orientation)


@pytest.mark.parametrize(
    ("width", "shrink"),
    [(3072, 1), (1537, 1), (1098, 1), (1097, 2), (385, 2), (384, 4), (193, 4), (192, 8), (10, 8)],
)
def test_factor(width: int, shrink: int) -> None:
    """Halving leaves 1.4 times the wanted pixels, quartering and eighthing twice."""
    picture = facts(3072, 2048)
    assert shrink_for(picture, lay_out(picture, Recipe(resize=Resize(width=Pixels(width))))) == shrink


def test_only_jpeg_shrinks_while_loading() -> None:
    """Other decoders deliver all pixels."""
    picture = facts(3072, 2048, fmt="png")
    assert shrink_for(picture, lay_out(picture, Recipe(resize=Resize(width=Pixels(100))))) == 1


@pytest.mark.parametrize(("left", "shrink"), [(0, 4), (16, 4), (17, 2)])
def test_a_crop_off_the_grid_shrinks_less(left: int, shrink: int) -> None:
    """A crop between coarse pixels needs many of them, so that what it loses at its edges does not show."""
    picture = facts(4000, 4000)
    crop = Region(left=Pixels(left), top=Pixels(0), width=Pixels(1600), height=Pixels(1600))
    assert shrink_for(picture, lay_out(picture, Recipe(crop=crop, resize=Resize(width=Pixels(200))))) == shrink


sizes = st.integers(min_value=1, max_value=9000)


@given(sizes, sizes, st.integers(min_value=1, max_value=2000), st.integers(min_value=1, max_value=8))
def test_the_picture_stays_where_it_was(width: int, height: int, wanted: int, orientation: int) -> None:
    """Whatever factor is chosen, the sampled columns exist and nothing moves by more than a twentieth of a pixel."""
    picture = facts(width, height, orientation=orientation)
    layout = lay_out(picture, Recipe(resize=Resize(width=Pixels(wanted))))
    shrink = shrink_for(picture, layout)
    page, target = stored_size(picture), turned(layout.scaled, orientation)
    across, down = axes(picture, layout, shrink)
    for axis, whole, kept in ((across, page.width, target.width), (down, page.height, target.height)):
        assert axis.kept == kept <= axis.made
        assert 0 <= axis.first < axis.first + axis.there <= max(1, whole // shrink)
        assert axis.columns >= axis.there
        assert axis.step * kept == pytest.approx(whole / shrink)
        if shrink > 1:
            assert axis.faithful


@given(
    st.integers(min_value=1, max_value=8),
    st.integers(min_value=0, max_value=50),
    st.integers(min_value=0, max_value=30),
    st.integers(min_value=1, max_value=50),
    st.integers(min_value=1, max_value=30),
)
def test_boxes_turn_and_turn_back(orientation: int, left: int, top: int, width: int, height: int) -> None:
    """A box moved into stored pixels lies inside the page and comes back as it was."""
    picture = facts(100, 60, orientation=orientation)
    box = Box(left, top, width, height)
    stored = stored_box(box, picture)
    page = stored_size(picture)
    assert page == (Size(60, 100) if orientation >= 5 else Size(100, 60))
    assert min(stored.left, stored.top) >= 0
    assert stored.left + stored.width <= page.width
    assert stored.top + stored.height <= page.height
    assert upright_box(stored, picture) == box
