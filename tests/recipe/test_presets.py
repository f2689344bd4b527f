from __future__ import annotations

import pytest
from hypothesis import given
from tests.recipe.recipe_strategies import recipes

from imagemill.errors import InvalidRequest
from imagemill.recipe.canonical import text_of
from imagemill.recipe.model import Hinted, Recipe
from imagemill.recipe.options import Asked, parse_options
from imagemill.recipe.presets import MAX_NAMED, MAX_OPTIONS, Preset, expand, find_preset, read_preset, recipe_at


def merged(preset: str, url: str) -> str:
    """Return the canonical text of a preset with what a URL says beside it."""
    return text_of(expand(parse_options(url), read_preset("card", preset)).recipe)


@pytest.mark.parametrize(
    ("preset", "url", "spelled"),
    [
        ("300x200,q=60", "p=card", "w=300,h=200,q=60"),
        ("300x200,q=60", "p=card,q=80", "w=300,h=200,q=80"),
        ("300x200,q=60", "q=80,p=card", "w=300,h=200,q=80"),
        ("300x200,q=60", "preset=card", "w=300,h=200,q=60"),
        ("300x200,q=60", "t=card", "w=300,h=200,q=60"),
        ("300x200", "p=card,w=600", "w=600,h=200"),
        ("300x200,fit=contain", "p=card,fit=cover", "w=300,h=200"),
        ("w=300,pad=10", "p=card,dpr=2", "w=600,pad=20"),
        ("w=300,dpr=2", "p=card", "w=600"),
        ("w=300,dpr=2", "p=card,dpr=1", "w=300"),
        ("w=300,dpr=2", "p=card,w=100", "w=200"),
        ("ar=16:9", "p=card,w=640", "w=640,h=360"),
        ("w=640,ar=16:9", "p=card,w=320", "w=320,h=180"),
        ("w=640,ar=16:9", "p=card,h=180", "w=640,h=180"),
        ("w=640,ar=16:9", "p=card,w=100,h=100", "w=100,h=100"),
        ("640x480", "p=card,ar=16:9", "w=640,h=360"),
        ("640x480", "p=card,h=90,ar=16:9", "w=160,h=90"),
        ("mask=circle,w=50", "p=card,radius=3", "w=50,radius=3"),
        ("radius=3,w=50", "p=card,mask=circle", "w=50,mask=circle"),
        ("lossless=1,fm=webp", "p=card,max_bytes=2000", "fm=webp,max_bytes=2000"),
        ("max_bytes=2000,fm=webp", "p=card,lossless=1", "fm=webp,lossless=1"),
        ("max_bytes=2000", "p=card,lossless=0", "max_bytes=2000"),
        ("lossless=1", "p=card,fm=jpeg", "fm=jpeg"),
        ("grayscale=1", "p=card,grayscale=0", "_"),
        ("_", "p=card,w=5", "w=5"),
        ("_", "p=card", "_"),
    ],
)
def test_what_stands_beside_a_preset_wins(preset: str, url: str, spelled: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A preset with options beside it is the same recipe as its spelled-out URL, before dpr and the normal form."""
    monkeypatch.setattr("imagemill.recipe.presets.check_available", lambda asked: None)  # grammar, whatever is built
    assert merged(preset, url) == spelled
    assert text_of(parse_options(spelled).recipe) == spelled


@given(recipes)
def test_a_preset_is_its_spelled_out_options(recipe: Recipe) -> None:
    """For any recipe the preset of its text means just that recipe, so they share one stored variant."""
    text = text_of(recipe)
    spelled = parse_options(text)
    preset = Preset(name="any", options=text, asked=spelled)
    assert expand(parse_options("p=any"), preset).recipe == spelled.recipe


def test_the_download_name_comes_from_either() -> None:
    """`dl` in a preset holds unless the URL says another; it is never part of the recipe."""
    preset = read_preset("card", "w=5,dl=cat.jpg")
    assert expand(parse_options("p=card"), preset).download == "cat.jpg"
    assert expand(parse_options("p=card,dl=1"), preset).download is True
    assert text_of(expand(parse_options("p=card,dl=1"), preset).recipe) == "w=5"


@pytest.mark.parametrize(
    ("name", "options", "said"),
    [
        ("", "w=1", "name"),
        ("a b", "w=1", "letters, digits"),
        ("x" * 65, "w=1", "1…64"),
        ("é", "w=1", "letters, digits"),
        ("card", "", "1…2048 characters"),
        ("card", "w=" + "0" * MAX_OPTIONS, "1…2048 characters"),
        ("card", "w=0", "w: expected 1…8192"),
        ("card", "width=1,wide=2", "wide"),
        ("card", "w=1,w=2", "to be given once"),
        ("card", "w=1/2", "w: expected"),
        ("card", "p=hero", "names another preset, “hero”"),
        ("card", "p=card", "names another preset"),
        ("card", "t=hero,w=5", "names another preset"),
        ("card", "8000x8000", "too large"),
    ],
)
def test_a_wrong_preset_says_what_is_wrong(name: str, options: str, said: str) -> None:
    """A preset that cannot be is refused with its name and every fault, long before a URL names it."""
    with pytest.raises(InvalidRequest) as refusal:
        read_preset(name, options)
    assert refusal.value.code == "bad_preset"
    assert said in refusal.value.sentence
    assert refusal.value.faults


@pytest.mark.parametrize(
    ("preset", "url", "option"),
    [
        ("ar=16:9", "p=card", "ar"),
        ("_", "p=card,ar=16:9", "ar"),
        ("w=5000", "p=card,dpr=5", "w"),
        ("fm=jpeg", "p=card,lossless=1", "lossless"),
        ("_", "p=card,textsize=9", "textsize"),
    ],
)
def test_what_is_wrong_only_together_is_said(preset: str, url: str, option: str) -> None:
    """What a preset and the URL make together is checked like any option list."""
    with pytest.raises(InvalidRequest) as refusal:
        merged(preset, url)
    assert refusal.value.code == "bad_option"
    assert [fault.option for fault in refusal.value.faults] == [option]


def test_an_unknown_preset_names_the_known_ones() -> None:
    """400 with the nearest name, and never a list without end."""
    known = {name: read_preset(name, "w=1") for name in ["card", *(f"n{number}" for number in range(99))]}
    with pytest.raises(InvalidRequest) as refusal:
        find_preset(parse_options("p=cart"), known)
    assert refusal.value.code == "unknown_preset"
    assert "Did you mean “card”?" in refusal.value.sentence
    assert refusal.value.sentence.count(", ") < MAX_NAMED + 2
    assert "and 80 more" in refusal.value.sentence
    with pytest.raises(InvalidRequest) as empty:
        find_preset(parse_options("p=card"), {})
    assert "there are none" in empty.value.sentence


def test_no_preset_is_asked_where_none_is_named() -> None:
    """A URL without `p` finds none and changes nothing."""
    assert find_preset(parse_options("w=5"), {"card": read_preset("card", "w=1")}) is None


def test_a_preset_at_a_density() -> None:
    """What a preset is by itself on a denser screen, whatever else the URL says; None is its own word."""
    preset = read_preset("card", "w=100,pad=5,dpr=3")
    assert text_of(recipe_at(preset, 2.0)) == "w=200,pad=10"
    assert text_of(recipe_at(preset, None)) == "w=300,pad=15"
    assert recipe_at(preset, Hinted()).resize.dpr == Hinted()


def test_values_are_kept_by_name() -> None:
    """`given` is what each option said, by canonical name; the preset's own name is none of them."""
    asked = parse_options("p=card,width=5,bri=0")
    assert asked.given.keys() == {"w", "bri"}
    assert Asked(recipe=Recipe()).given == {}
