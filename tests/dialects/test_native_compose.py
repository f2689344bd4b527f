"""The native dialect, written: what is composed reads back as itself."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.recipe.recipe_strategies import recipes

from imagemill.dialects.native.compose import path_for
from imagemill.dialects.native.parse import parse_url
from imagemill.errors import InvalidRequest
from imagemill.object_store.naming import check_existing_key
from imagemill.recipe.canonical import normalise
from imagemill.recipe.model import Recipe
from imagemill.recipe.options import parse_options


def _possible(key: str) -> bool:
    try:
        check_existing_key(key)
    except InvalidRequest:
        return False
    return True


any_keys = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40),
    st.text("ab./~%+ \\b64:é\n", min_size=1, max_size=20),
).filter(_possible)


@settings(deadline=None, max_examples=300)
@given(recipes, any_keys)
def test_compose_then_parse_is_identity(recipe: Recipe, key: str) -> None:
    """The path of any recipe and any key that a store can hold reads back as both."""
    path = path_for(recipe, key)
    assert path.isascii()
    assert path.isprintable()
    assert " " not in path
    request = parse_url(path.encode("ascii"))
    assert request.key == key
    assert request.asked.recipe == normalise(recipe)


@settings(deadline=None, max_examples=200)
@given(any_keys, st.text(st.characters(exclude_categories=("Cs", "Cc", "Zl", "Zp", "Cf")), max_size=40))
def test_the_version_survives(key: str, version: str) -> None:
    """`?v=` is encoded like the rest."""
    path, _, query = path_for("_", key, version).partition("?")
    assert parse_url(path.encode(), query.encode()).v == version if version.isprintable() else True


@pytest.mark.parametrize(
    ("options", "key", "version", "path"),
    [
        ("_", "cat.jpg", None, "/img/_/cat.jpg"),
        ("w=300,h=200", "a/b.jpg", "0123456789ab", "/img/w=300,h=200/a/b.jpg?v=0123456789ab"),
        ("300x200&q=80", "cat.jpg", None, "/img/300x200&q=80/cat.jpg"),
        ("w=50p", "a b+c%.jpg", None, "/img/w=50p/a%20b+c%25.jpg"),
        ("_", "é?#.jpg", None, "/img/_/%C3%A9%3F%23.jpg"),
        ("_", "a//b", None, "/img/_/b64:YS8vYg"),
        ("_", "a\\b", None, "/img/_/b64:YVxi"),
        ("_", "/a", None, "/img/_/b64:L2E"),
        ("_", "a/", None, "/img/_/b64:YS8"),
        ("_", "b64:YQ", None, "/img/_/b64:YjY0OllR"),
        ("meta=all+gps,text=Grüße", "a", None, "/img/meta=all+gps,text=Gr%C3%BC%C3%9Fe/a"),
    ],
)
def test_paths_look_as_people_write_them(options: str, key: str, version: str | None, path: str) -> None:
    """Only what must be is encoded; odd keys of an existing bucket go as base64url."""
    assert path_for(options, key, version) == path
    assert parse_url(path.partition("?")[0].encode()).key == key


def test_a_recipe_is_written_canonically() -> None:
    """A recipe has one path."""
    assert path_for(parse_options("h=200,width=300,dpr=1").recipe, "a.jpg") == "/img/w=300,h=200/a.jpg"


@pytest.mark.parametrize(("options", "key"), [("text=a/b", "a"), ("", "a"), ("_", ""), ("_", "a/../b"), ("_", "~")])
def test_what_no_url_can_say_is_refused(options: str, key: str) -> None:
    """No path is composed that would read back as something else."""
    with pytest.raises(InvalidRequest):
        path_for(options, key)
