"""One option list over widths and formats, and what the files are called."""

from __future__ import annotations

import pytest

from imagemill.engine.limits import Limits
from imagemill.errors import InvalidRequest, NotBuilt
from imagemill.offline.naming import naming
from imagemill.offline.wanted import MOST, presets_of, wanted
from imagemill.recipe.options import parse_options
from imagemill.recipe.vocabulary import Format


def test_every_width_in_every_format() -> None:
    """By width, then format, each as a URL would say it."""
    every = wanted("h=90,q=50", widths=[20, 10], formats=["webp", "jpg"])
    assert [one.width for one in every] == [20, 20, 10, 10]
    assert [one.recipe for one in every] == [
        parse_options(text).recipe
        for text in (
            "h=90,q=50,w=20,fm=webp",
            "h=90,q=50,w=20,fm=jpeg",
            "h=90,q=50,w=10,fm=webp",
            "h=90,q=50,w=10,fm=jpeg",
        )
    ]


def test_nothing_asked_is_one_variant() -> None:
    """`_` re-encodes, as in a URL."""
    (one,) = wanted("_")
    assert (one.width, one.text, one.recipe.output.format) == (None, "_", Format.AUTO)


def test_dpr_and_ratio_meet_the_width() -> None:
    """The width of the list is in CSS pixels; `ar` and `dpr` work on it as in a URL."""
    (one,) = wanted("ar=2:1,dpr=2", widths=[100])
    assert one.recipe == parse_options("ar=2:1,dpr=2,w=100").recipe
    assert one.width == 100


def test_equal_variants_are_one() -> None:
    """`jpg` and `jpeg` are one format; a width twice is one width."""
    assert len(wanted("_", widths=[5, 5], formats=["jpg", "jpeg"])) == 1


def test_hints_are_settled() -> None:
    """Nobody sends hints: `w=auto` is the picture's width, `dpr=auto` is 1."""
    (one,) = wanted("w=auto,dpr=auto")
    assert one.recipe == parse_options("_").recipe


@pytest.mark.parametrize(
    ("to", "widths", "formats", "said"),
    [
        ("wdith=3,q=900", (), (), "wdith.*1…100"),
        ("w=3,fm=webp", (5,), ("avif",), "w: .*the list of widths and fm: .*the list of formats"),
        ("3x4", (5,), (), "the list of widths"),
        ("fm=webp", (), ("avif",), "the list of formats"),
        ("_", (9000,), (), "8192"),
        ("_", (5,), ("webm",), "fm"),
        ("8000x8000", (), (), "too large"),
        ("_", range(1, 40), ("webp", "avif"), f"78 variants; at most {MOST}"),
        ("p=none", (), (), "no preset"),
    ],
)
def test_wrong_words_are_refused(to: str, widths: tuple[int, ...], formats: tuple[str, ...], said: str) -> None:
    """Everything that can be known without a picture is said without one."""
    with pytest.raises(InvalidRequest, match=said):
        wanted(to, widths=widths, formats=formats)


def test_what_is_not_built_says_so() -> None:
    """An option of a later version is not left out silently."""
    with pytest.raises(NotBuilt):
        wanted("q=auto")


def test_presets_take_widths_and_formats() -> None:
    """What stands beside a preset wins, the lists too."""
    presets = presets_of({"card": "100x50,fm=png,q=30"}, Limits())
    (one,) = wanted("p=card", widths=[40], formats=["webp"], presets=presets)
    assert one.recipe == parse_options("40x50,fm=webp,q=30").recipe


@pytest.mark.parametrize(
    ("template", "original", "width", "name"),
    [
        (None, "a/b c.tar.jpg", None, "a/b c.tar.webp"),
        ("{stem}-{width}.{ext}", "b.jpg", 10, "b-10.webp"),
        ("{width}/{stem}.{from}.{format}", "a/b.jpg", 10, "a/10/b.jpg.webp"),
        ("x_{stem}", ".jpg", None, "x_.jpg"),
        (None, "noend", None, "noend.webp"),
    ],
)
def test_names(template: str | None, original: str, width: int | None, name: str) -> None:
    """A name is made of the original's, below its folder."""
    every = wanted("fm=webp", widths=[] if width is None else [width])
    assert naming(template, every).name(original, every[0], Format.WEBP) == name


def test_the_default_name_tells_widths_apart() -> None:
    """One width needs no number in the name, several do; a JPEG ends in .jpg."""
    one = wanted("_", widths=[10])
    several = wanted("_", widths=[10, 20])
    assert naming(None, one).name("a.png", one[0], Format.JPEG) == "a.jpg"
    assert naming(None, several).name("a.png", several[1], Format.JPEG) == "a-20.jpg"
    assert naming(None, several).name("a.png", several[1], None) == "a-20.*"


@pytest.mark.parametrize(
    "template",
    [
        *("{stem", "{}", "{0}", "{stem.__class__}", "{stem!r}", "{stem:>9}", "{name}", "plain", "/{stem}"),
        *("../{stem}", "{stem}/../..", "{stem}/"),
    ],
)
def test_templates_that_are_none(template: str) -> None:
    """Only plain words of the list, and never out of the folder."""
    with pytest.raises(InvalidRequest, match="template of names"):
        naming(template, wanted("_"))
