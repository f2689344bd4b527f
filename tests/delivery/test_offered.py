"""What anyone may ask of a picture that shows most of it."""

from __future__ import annotations

from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagemill.delivery.access import Access
from imagemill.delivery.offered import offered, open_options
from imagemill.delivery.settings import DeliverySettings, SizesSettings
from imagemill.delivery.verdict import ALLOWED, judge
from imagemill.recipe.options import parse_options
from imagemill.recipe.presets import Preset, expand, read_preset

WRITTEN = {
    "card": "300x200",
    "column": "w=640",
    "tall": "h=50",
    "wide": "ar=16:9",
    "whole": "q=60",
    "half": "w=50p",
    "words": "w=900,text=Hi,fm=tiff",
}


Mode = Literal["open", "sizes", "presets", "signed"]


def rules(mode: Mode, widths: tuple[int, ...] = SizesSettings().widths, heights: tuple[int, ...] = ()) -> Access:
    """Return the rules of a site with these lists of sizes."""
    return Access.of(DeliverySettings(access=mode), SizesSettings(widths=widths, heights=heights))


def presets(*names: str) -> dict[str, Preset]:
    """Return some of the presets above."""
    return {name: read_preset(name, WRITTEN[name]) for name in names}


@pytest.mark.parametrize(
    ("access", "named", "size", "options"),
    [
        (rules("open"), (), (600, 400), "_"),
        (rules("sizes"), (), (600, 400), "w=640"),  # the first that holds the picture
        (rules("sizes"), (), (640, 400), "w=640"),
        (rules("sizes"), (), (9000, 400), "w=3840"),
        (rules("sizes"), (), (0, 0), "w=3840"),  # nobody has looked yet
        (rules("sizes", widths=(), heights=(100, 500)), (), (600, 400), "h=500"),
        (rules("sizes", widths=(), heights=()), ("card",), (600, 400), "p=card"),
        (rules("sizes", widths=(), heights=()), ("wide",), (600, 400), None),
        (rules("presets"), ("card", "column", "tall", "wide"), (600, 400), "p=column"),
        (rules("presets"), ("card", "words"), (600, 400), "p=words"),
        (rules("presets"), ("column", "whole"), (600, 400), "p=whole"),
        (rules("presets"), ("card", "wide"), (600, 400), "p=card"),
        (rules("presets"), ("wide",), (600, 400), None),
        (rules("presets"), (), (600, 400), None),
        (rules("signed"), ("card",), (600, 400), None),
    ],
)
def test_most_of_a_picture(access: Access, named: tuple[str, ...], size: tuple[int, int], options: str | None) -> None:
    """Everything where that is open, else the listed size that holds it, else the preset with the largest result."""
    assert open_options(access, presets(*named), width=size[0], height=size[1]) == options


@given(
    mode=st.sampled_from(["open", "sizes", "presets"]),
    widths=st.sets(st.integers(1, 4000), max_size=5),
    heights=st.sets(st.integers(1, 4000), max_size=5),
    named=st.sets(st.sampled_from(sorted(WRITTEN))),
    width=st.integers(0, 9000),
    height=st.integers(0, 9000),
)
def test_what_is_offered_is_answered(
    mode: Mode, widths: set[int], heights: set[int], named: set[str], width: int, height: int
) -> None:
    """Whatever the site lists, nobody is refused what a link of ours says."""
    access = rules(mode, widths=tuple(sorted(widths)), heights=tuple(sorted(heights)))
    known = presets(*named)
    options = open_options(access, known, width=width, height=height)
    if options is None:
        assert mode != "open"
        return
    asked = parse_options(options)
    preset = known[asked.preset] if asked.preset else None
    whole = asked if preset is None else expand(asked, preset)
    assert judge(whole, preset, access, side=8192, pixels=16_000_000) == ALLOWED


def test_rules_in_plain_values() -> None:
    """A page learns the mode, the lists, and the presets that mean something alone, the largest first."""
    told = offered(rules("sizes", widths=(100, 320)), presets("card", "wide", "column", "whole"))
    assert (told["access"], told["widths"]) == ("sizes", [100, 320])
    assert told["presets"] == ["whole", "column", "card"]
    assert "16:9" in told["ratios"]
    assert (told["formats"], told["allow"]) == ([], [])
