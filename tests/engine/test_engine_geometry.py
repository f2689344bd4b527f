"""Sizes as arithmetic: the fit rules of the contract as a table, and what must always hold."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagemill.engine.geometry import Box, Layout, lay_out, window_box
from imagemill.engine.limits import Limits
from imagemill.engine.port import Facts
from imagemill.errors import InvalidRequest
from imagemill.recipe.model import (
    FocalPoint,
    Gravity,
    Hinted,
    Length,
    Pad,
    Percent,
    Pixels,
    Ratio,
    Recipe,
    Region,
    Resize,
)
from imagemill.recipe.vocabulary import Anchor, Fit


def facts(width: int, height: int) -> Facts:
    """An upright picture of that size."""
    return Facts(format="jpeg", width=width, height=height)


def length(text: str | None) -> Length | None:
    """`300` or `50p`, as in a URL."""
    if text is None:
        return None
    return Percent(float(text[:-1])) if text.endswith("p") else Pixels(int(text))


def recipe(
    width: str | None = None,
    height: str | None = None,
    fit: Fit = Fit.INSIDE,
    *,
    enlarge: bool = False,
    ratio: Ratio | None = None,
    gravity: Gravity | None = None,
    pad: Pad | None = None,
    crop: Region | None = None,
) -> Recipe:
    """A recipe that only resizes."""
    return Recipe(
        crop=crop,
        pad=pad,
        resize=Resize(
            width=length(width), height=length(height), fit=fit, enlarge=enlarge, ratio=ratio, gravity=gravity
        ),
    )


def sizes(layout: Layout) -> tuple[tuple[int, int], tuple[int, int]]:
    """The scaled picture and the result."""
    return (layout.scaled.width, layout.scaled.height), (layout.width, layout.height)


IN, COVER, CONTAIN, FILL, OUT = Fit.INSIDE, Fit.COVER, Fit.CONTAIN, Fit.FILL, Fit.OUTSIDE


@pytest.mark.parametrize(
    ("source", "width", "height", "fit", "enlarge", "scaled", "result"),
    [
        # inside
        ((640, 480), "320", None, IN, False, (320, 240), (320, 240)),
        ((640, 480), None, "120", IN, False, (160, 120), (160, 120)),
        ((640, 480), "300", "300", IN, False, (300, 225), (300, 225)),
        ((480, 640), "300", "300", IN, False, (225, 300), (225, 300)),
        ((200, 150), "300", "300", IN, False, (200, 150), (200, 150)),
        ((200, 150), "300", "300", IN, True, (300, 225), (300, 225)),
        ((2725, 2225), "720", None, IN, False, (720, 588), (720, 588)),
        ((12000, 2), "300", None, IN, False, (300, 1), (300, 1)),
        ((1, 5000), None, "10", IN, False, (1, 10), (1, 10)),
        ((640, 480), "50p", None, IN, False, (320, 240), (320, 240)),
        ((641, 479), "50p", "50p", FILL, False, (321, 240), (321, 240)),
        ((640, 480), "200p", None, IN, False, (640, 480), (640, 480)),
        ((640, 480), "200p", None, IN, True, (1280, 960), (1280, 960)),
        # cover
        ((640, 480), "300", "300", COVER, False, (400, 300), (300, 300)),
        ((480, 640), "300", "300", COVER, False, (300, 400), (300, 300)),
        ((200, 150), "300", "300", COVER, False, (200, 150), (150, 150)),
        ((200, 150), "300", "150", COVER, False, (200, 150), (200, 100)),
        ((200, 150), "300", "300", COVER, True, (400, 300), (300, 300)),
        ((640, 480), "300", None, COVER, False, (300, 225), (300, 225)),
        ((1, 5000), "100", "50", COVER, False, (1, 5000), (1, 1)),
        # contain
        ((640, 480), "300", "300", CONTAIN, False, (300, 225), (300, 300)),
        ((200, 150), "300", "300", CONTAIN, False, (200, 150), (300, 300)),
        ((200, 150), "300", "300", CONTAIN, True, (300, 225), (300, 300)),
        ((200, 150), "300", None, CONTAIN, False, (200, 150), (300, 150)),
        # fill
        ((640, 480), "300", "300", FILL, False, (300, 300), (300, 300)),
        ((200, 150), "300", "100", FILL, False, (200, 100), (200, 100)),
        ((200, 150), "300", "300", FILL, True, (300, 300), (300, 300)),
        # outside
        ((640, 480), "300", "300", OUT, False, (400, 300), (400, 300)),
        ((200, 150), "300", "300", OUT, False, (200, 150), (200, 150)),
        ((200, 150), "300", "300", OUT, True, (400, 300), (400, 300)),
        # nothing asked: as it is, fitted inside the limits of a result
        ((640, 480), None, None, IN, False, (640, 480), (640, 480)),
        ((65500, 1), None, None, IN, False, (8192, 1), (8192, 1)),
        ((6000, 4000), None, None, IN, False, (4898, 3265), (4898, 3265)),
        ((65500, 1), None, "1", IN, False, (8192, 1), (8192, 1)),
        ((5, 11872), None, "70p", IN, False, (3, 8192), (3, 8192)),
    ],
)
def test_fit(
    source: tuple[int, int],
    width: str | None,
    height: str | None,
    fit: Fit,
    enlarge: bool,  # a column of the table
    scaled: tuple[int, int],
    result: tuple[int, int],
) -> None:
    """Each fit meets its box as the contract says."""
    assert sizes(lay_out(facts(*source), recipe(width, height, fit, enlarge=enlarge))) == (scaled, result)


@pytest.mark.parametrize(
    ("width", "height", "result"),
    [("320", None, (320, 180)), (None, "180", (320, 180)), ("50p", None, (320, 180)), (None, None, (640, 360))],
)
def test_a_ratio_completes_the_box(width: str | None, height: str | None, result: tuple[int, int]) -> None:
    """A ratio gives the missing side, and covers."""
    layout = lay_out(facts(640, 480), recipe(width, height, ratio=Ratio(16, 9)))
    assert (layout.width, layout.height) == result
    assert layout.scaled.width >= layout.width
    assert layout.scaled.height >= layout.height


@pytest.mark.parametrize(
    ("gravity", "left", "top"),
    [
        (None, 100, 0),
        (Anchor.WEST, 0, 0),
        (Anchor.NORTH_WEST, 0, 0),
        (Anchor.EAST, 200, 0),
        (FocalPoint(0.0, 0.5), 0, 0),
        (FocalPoint(0.5, 0.5), 100, 0),
        (FocalPoint(0.6, 0.5), 140, 0),
        (FocalPoint(1.0, 1.0), 200, 0),
    ],
)
def test_gravity_places_the_window(gravity: Gravity | None, left: int, top: int) -> None:
    """A cover crop is taken at the anchor, or as near to the focal point as the edges allow."""
    layout = lay_out(facts(800, 400), recipe("200", "200", Fit.COVER, gravity=gravity))
    assert sizes(layout)[0] == (400, 200)
    assert window_box(layout) == Box(left, top, 200, 200)


def test_the_stored_focal_point_is_used_where_no_gravity_is_asked() -> None:
    """A recipe's own gravity wins over the original's focal point."""
    stored = FocalPoint(1.0, 0.5)
    asked = recipe("200", "200", Fit.COVER)
    assert window_box(lay_out(facts(800, 400), asked, focal=stored)).left == 200
    asked = recipe("200", "200", Fit.COVER, gravity=Anchor.WEST)
    assert window_box(lay_out(facts(800, 400), asked, focal=stored)).left == 0


def test_a_focal_point_is_a_place_of_the_whole_picture() -> None:
    """After a crop the focal point still names the same spot of the original."""
    crop = Region(left=Pixels(400), top=Pixels(0), width=Pixels(400), height=Pixels(400))
    asked = recipe("100", "200", Fit.COVER, crop=crop, gravity=FocalPoint(0.5, 0.5))
    assert window_box(lay_out(facts(800, 400), asked)).left == 0


@pytest.mark.parametrize(
    ("crop", "region"),
    [
        ((Pixels(10), Pixels(20), Pixels(100), Pixels(50)), Box(10, 20, 100, 50)),
        ((Percent(25), Percent(50), Percent(50), Percent(50)), Box(160, 240, 320, 240)),
        ((Pixels(600), Pixels(400), Pixels(100), Pixels(100)), Box(600, 400, 40, 80)),
        ((Pixels(0), Pixels(0), Pixels(640), Pixels(480)), Box(0, 0, 640, 480)),
    ],
)
def test_crop(crop: tuple[Length, Length, Length, Length], region: Box) -> None:
    """A crop is in pixels or percent of the upright picture and is cut at its edges."""
    left, top, width, height = crop
    asked = recipe(crop=Region(left=left, top=top, width=width, height=height))
    layout = lay_out(facts(640, 480), asked)
    assert layout.region == region
    assert (layout.width, layout.height) == (region.width, region.height)


def test_percent_sizes_are_of_the_cropped_picture() -> None:
    """`w=50p` after a crop is half of what the crop left."""
    crop = Region(left=Pixels(0), top=Pixels(0), width=Pixels(200), height=Pixels(100))
    assert sizes(lay_out(facts(640, 480), recipe("50p", crop=crop)))[1] == (100, 50)


def test_a_crop_outside_the_picture_is_refused() -> None:
    """The refusal names the picture's size."""
    crop = Region(left=Pixels(640), top=Pixels(0), width=Pixels(10), height=Pixels(10))
    with pytest.raises(InvalidRequest, match="640x480") as refusal:
        lay_out(facts(640, 480), recipe(crop=crop))
    assert refusal.value.code == "bad_option"


def test_trimming_comes_before_cropping() -> None:
    """A crop counts from what trimming left."""
    crop = Region(left=Pixels(10), top=Pixels(10), width=Pixels(50), height=Pixels(50))
    layout = lay_out(facts(640, 480), recipe(crop=crop), trimmed=Box(100, 100, 200, 200))
    assert layout.region == Box(110, 110, 50, 50)


def test_pad_goes_around_the_canvas() -> None:
    """Padding adds to the result; the picture stands inside it."""
    layout = lay_out(facts(640, 480), recipe("300", "300", Fit.CONTAIN, pad=Pad(top=1, right=2, bottom=3, left=4)))
    assert (layout.width, layout.height, layout.x, layout.y) == (306, 304, 4, 38)


@pytest.mark.parametrize(("gravity", "y"), [(None, 37), (Anchor.NORTH, 0), (Anchor.SOUTH, 75), (Anchor.ATTENTION, 37)])
def test_contain_stands_at_the_anchor(gravity: Gravity | None, y: int) -> None:
    """Where there is room, an anchor says where to stand."""
    layout = lay_out(facts(640, 480), recipe("300", "300", Fit.CONTAIN, gravity=gravity))
    assert (layout.x, layout.y) == (0, y)


@pytest.mark.parametrize(("width", "height"), [("9000", "10"), ("8000", "8000")])
def test_a_stated_size_over_the_limits_is_refused(width: str, height: str) -> None:
    """Sides over 8192 and results over 16 MP are not made (A2)."""
    with pytest.raises(InvalidRequest, match="8192"):
        lay_out(facts(640, 480), recipe(width, height, Fit.CONTAIN))


def test_padding_over_the_limits_is_refused() -> None:
    """Padding counts as part of the result."""
    with pytest.raises(InvalidRequest, match="8192"):
        lay_out(facts(640, 480), recipe("640", pad=Pad(top=0, right=8192, bottom=0, left=0)))


@pytest.mark.parametrize(
    ("source", "result"),
    [((6000, 4000), (4897, 3266)), ((65500, 1), (8192, 7)), ((1, 65500), (7, 8192)), ((640, 480), (646, 486))],
)
def test_a_size_nobody_stated_leaves_room_for_its_padding(source: tuple[int, int], result: tuple[int, int]) -> None:
    """`pad=3` alone works for a picture of any size: it is fitted inside the limits with its padding."""
    layout = lay_out(facts(*source), recipe(pad=Pad(top=3, right=3, bottom=3, left=3)))
    assert (layout.width, layout.height) == result
    assert layout.width * layout.height <= 16_000_000


def test_a_hint_must_be_settled_first() -> None:
    """`w=auto` never reaches the engine."""
    with pytest.raises(InvalidRequest):
        lay_out(facts(640, 480), Recipe(resize=Resize(width=Hinted())))


def test_enlarging_a_thin_strip_cuts_first() -> None:
    """Covering a wide box from a strip one pixel wide does not scale to billions of pixels."""
    layout = lay_out(facts(1, 5000), recipe("4000", "1", Fit.COVER, enlarge=True))
    assert (layout.width, layout.height) == (4000, 1)
    assert layout.scaled.pixels <= 64_000_000
    assert layout.region.width == 1


side = st.integers(min_value=1, max_value=70_000)
asked_side = st.one_of(
    st.none(),
    st.integers(min_value=1, max_value=4000).map(lambda count: Pixels(count)),
    st.floats(min_value=0.5, max_value=300).map(lambda share: Percent(round(share, 1))),
)


@given(side, side, asked_side, asked_side, st.sampled_from(list(Fit)), st.booleans())
def test_what_always_holds(
    width: int,
    height: int,
    asked_width: Length | None,
    asked_height: Length | None,
    fit: Fit,
    enlarge: bool,  # drawn by hypothesis
) -> None:
    """Never enlarged unless asked, always within the limits, and the shape kept within a pixel."""
    limits = Limits()
    asked = Recipe(resize=Resize(width=asked_width, height=asked_height, fit=fit, enlarge=enlarge))
    layout = lay_out(facts(width, height), asked, limits=limits)
    scaled, region = layout.scaled, layout.region
    assert min(layout.width, layout.height, scaled.width, scaled.height) >= 1
    assert max(layout.width, layout.height) <= limits.side_result
    assert layout.width * layout.height <= limits.pixels_result
    assert 0 <= layout.x <= layout.width - layout.window.width
    assert 0 <= layout.y <= layout.height - layout.window.height
    if not enlarge:
        assert scaled.width <= region.width
        assert scaled.height <= region.height
    if fit is not Fit.FILL and layout.region == Box(0, 0, width, height):
        exact = min(
            abs(scaled.height - scaled.width * height / width), abs(scaled.width - scaled.height * width / height)
        )
        assert exact <= 1 or 1 in (scaled.width, scaled.height)
    box = window_box(layout)
    assert box.left + box.width <= scaled.width
    assert box.top + box.height <= scaled.height
