"""How large a result may be."""

from __future__ import annotations

import pytest

from imagemill.errors import InvalidRequest
from imagemill.recipe.bounds import check_bounds
from imagemill.recipe.options import parse_options


@pytest.mark.parametrize(
    "options",
    ["_", "4000x4000", "8192x1953", "w=8192", "h=8192", "w=1000p,enlarge=1", "8000x1990,pad=0:10", "w=auto,h=8192"],
)
def test_within_the_bounds(options: str) -> None:
    """A result of at most 8192 a side and 16 megapixels is fine, and what depends on the original is not judged."""
    check_bounds(parse_options(options).recipe)


@pytest.mark.parametrize(
    ("options", "names"),
    [
        ("4000x4001", ["w"]),
        ("8192x1954", ["w"]),
        ("w=8192,pad=0:1", ["w"]),
        ("h=8192,pad=1:0:0:0", ["h"]),
        ("h=10,pad=0:5000", ["pad"]),
        ("3990x3990,pad=10", ["w"]),
        ("8192x8192", ["w"]),
        ("8192x8192,pad=1", ["w", "h"]),
        ("2000x2000,dpr=3", ["w"]),
        ("pad=5000", ["pad"]),
        ("h=8000,pad=0:2000", ["h"]),
    ],
)
def test_beyond_the_bounds(options: str, names: list[str]) -> None:
    """Sides with their padding, and both together, are refused; who is blamed was written, and once."""
    recipe = parse_options(options).recipe
    with pytest.raises(InvalidRequest) as refusal:
        check_bounds(recipe)
    assert refusal.value.code == "bad_option"
    assert [fault.option for fault in refusal.value.faults] == names


def test_a_site_may_have_smaller_bounds() -> None:
    """The limits of the settings take the place of the defaults."""
    recipe = parse_options("1000x1000").recipe
    check_bounds(recipe, side=1000, pixels=1_000_000)
    with pytest.raises(InvalidRequest, match="at most 999 pixels"):
        check_bounds(recipe, side=999)
    with pytest.raises(InvalidRequest, match="1000x1000"):
        check_bounds(recipe, pixels=999_999)
