"""One spelling for each recipe."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.recipe.recipe_strategies import recipes, spellings

from imagemill.errors import InvalidRequest
from imagemill.recipe.canonical import digest, leaf_of, normalise, parse_canonical, text_of
from imagemill.recipe.model import Hinted, Output, Percent, Pixels, Recipe, Resize
from imagemill.recipe.options import parse_options
from imagemill.recipe.vocabulary import Fit, Format

TABLE = Path(__file__).with_name("canonical.tsv")
ROWS = [tuple(line.split("\t")) for line in TABLE.read_text("utf-8").splitlines() if line and not line.startswith("#")]
URL_SAFE = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789=,:._-+")


def test_the_table_is_long_enough_to_mean_something() -> None:
    """The table holds at least 150 spellings, each once."""
    assert len(ROWS) >= 150
    assert len({row[0] for row in ROWS}) == len(ROWS)


@pytest.mark.parametrize(("spelling", "text"), ROWS, ids=[row[0] for row in ROWS])
def test_no_canonical_text_changes_by_accident(spelling: str, text: str) -> None:
    """Each spelling of the table has the text under which its variants are kept."""
    assert text_of(parse_options(spelling).recipe) == text


@pytest.mark.parametrize("text", sorted({row[1] for row in ROWS}))
def test_a_canonical_text_is_its_own_text(text: str) -> None:
    """Each text of the table is read and written back as it is."""
    assert text_of(parse_canonical(text)) == text


@settings(deadline=None, max_examples=400)
@given(recipes)
def test_print_then_parse_is_identity(recipe: Recipe) -> None:
    """What is written of a recipe reads back as its normal form."""
    assert parse_canonical(text_of(recipe)) == normalise(recipe)


@settings(deadline=None, max_examples=200)
@given(recipes)
def test_the_normal_form_is_its_own_normal_form(recipe: Recipe) -> None:
    """Normalising twice changes nothing more."""
    normal = normalise(recipe)
    assert normalise(normal) == normal
    assert normalise(normal) is normal


@settings(deadline=None, max_examples=200)
@given(recipes)
def test_canonical_text_stands_anywhere(recipe: Recipe) -> None:
    """A text needs no escaping in a URL, a file name or a log line, and never holds a slash."""
    assert URL_SAFE.issuperset(text_of(recipe))


@settings(deadline=None, max_examples=300)
@given(spellings())
def test_equal_meaning_gives_equal_text(two: tuple[str, str]) -> None:
    """Two spellings of one meaning have one text."""
    first, second = two
    assert text_of(parse_options(first).recipe) == text_of(parse_options(second).recipe)


@settings(deadline=None)
@given(recipes, recipes)
def test_different_normal_forms_have_different_texts(first: Recipe, second: Recipe) -> None:
    """A text belongs to one normal form."""
    assert (text_of(first) == text_of(second)) == (normalise(first) == normalise(second))


@settings(deadline=None)
@given(
    width=st.integers(1, 2000),
    height=st.integers(1, 2000),
    pad=st.integers(0, 800),
    radius=st.integers(0, 800),
    blur=st.integers(1, 20),
    offset=st.integers(-800, 800),
    dpr=st.sampled_from([1, 2, 3, 4, 5]),
)
def test_dpr_is_only_a_multiplication(
    width: int, height: int, pad: int, radius: int, blur: int, offset: int, dpr: int
) -> None:
    """Lengths at a `dpr` are the same recipe as the lengths multiplied by hand."""

    def options(factor: int) -> str:
        return (
            f"w={width * factor},h={height * factor},pad={pad * factor},radius={radius * factor},blur={blur * factor},"
            f"wm=a.png,wmx={offset * factor},wmy={-offset * factor},text=Hi,textsize={20 * factor}"
        )

    if max(width, height, pad, radius) * dpr <= 8192:
        assert parse_options(f"{options(1)},dpr={dpr}").recipe == parse_options(options(dpr)).recipe


@pytest.mark.parametrize("text", ["300x200", "h=200,w=300", "w=300,fit=inside", "q=80,w=300", "w=300,dl=1", "p=card"])
def test_parse_canonical_takes_the_canonical_spelling_only(text: str) -> None:
    """Any other spelling of a recipe is refused, so that a name is never read in two ways."""
    with pytest.raises(InvalidRequest, match="canonical") as refusal:
        parse_canonical(text)
    assert refusal.value.code == "bad_option"


def test_normalise_takes_what_no_url_can_say() -> None:
    """A recipe built by another dialect, with more places than are printed, is brought into the same form."""
    rough = Recipe(resize=Resize(width=Percent(33.33333), fit=Fit.OUTSIDE), rotate=-90.00004, blur=1.23456)
    assert text_of(rough) == "w=33.333p,rot=270,blur=1.235"


def test_a_width_hint_beside_a_height_is_a_box() -> None:
    """`w=auto` counts as a side, so the fit stays."""
    recipe = Recipe(resize=Resize(width=Hinted(), height=Pixels(10), fit=Fit.COVER))
    assert normalise(recipe).resize.fit is Fit.COVER


# --- names of variants ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "fmt", "bucket", "leaf"),
    [
        ("_", Format.AVIF, "avif", "_@avif.avif"),
        ("w=300", Format.JPEG, "jpg", "w=300@jpg.jpg"),
        ("w=300", Format.PNG, "jpg", "w=300@jpg.png"),
        ("w=300", Format.GIF, "avif", "w=300@avif.gif"),
        ("300x200,fm=webp", Format.WEBP, None, "w=300,h=200.webp"),
        ("fm=jpeg,w=300,q=80", Format.JPEG, None, "w=300,q=80.jpg"),
        ("fm=source", Format.GIF, None, "_.gif"),
        ("fm=png,q=80", Format.PNG, None, "q=80.png"),
        ("fm=source,q=80", Format.PNG, None, "_.png"),
        ("q=80", Format.PNG, "jpg", "q=80@jpg.png"),
        ("w=300", Format.JPEG, None, "w=300.jpg"),
    ],
)
def test_a_leaf_says_options_bucket_and_format(options: str, fmt: Format, bucket: str | None, leaf: str) -> None:
    """The last part of a variant's name can be guessed from the URL."""
    assert leaf_of(parse_options(options).recipe, fmt, bucket) == leaf


def test_long_options_are_replaced_by_their_digest() -> None:
    """Over 200 bytes the name holds 32 hex digits of SHA-256 instead, and stays a legal file name."""
    recipe = parse_options(f"text={'a' * 300}").recipe
    expected = hashlib.sha256(f"text={'a' * 300}".encode()).hexdigest()[:32]
    assert leaf_of(recipe, Format.WEBP, "webp") == f"~{expected}@webp.webp"
    assert digest(text_of(recipe)) == expected


def test_options_of_200_bytes_stay_text() -> None:
    """The limit itself is still spelled out."""
    recipe = parse_options(f"text={'a' * 195}").recipe
    assert len(text_of(recipe)) == 200
    assert leaf_of(recipe, Format.PNG, None).startswith("text=aaa")


@settings(deadline=None, max_examples=100)
@given(recipes)
def test_a_leaf_is_a_legal_file_name(recipe: Recipe) -> None:
    """No slash, no `.` or `..`, and within 255 bytes."""
    leaf = leaf_of(recipe, Format.AVIF, "avif")
    assert "/" not in leaf
    assert len(leaf.encode()) <= 255


def test_a_stated_format_is_not_said_twice() -> None:
    """The same options under a stated format and under a negotiated one differ by the bucket only."""
    recipe = parse_options("w=300").recipe
    stated = replace(recipe, output=Output(format=Format.WEBP))
    assert leaf_of(stated, Format.WEBP, None) == "w=300.webp"
    assert leaf_of(recipe, Format.WEBP, "webp") == "w=300@webp.webp"
