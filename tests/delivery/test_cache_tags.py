from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagemill.delivery.cache_tags import MAX_FOLDERS, MAX_TAG, cache_tags, tag_of, tag_of_word, tag_that_covers


@pytest.mark.parametrize(
    ("key", "tags"),
    [
        ("cat.jpg", ["default/cat.jpg", "default/"]),
        ("photos/2024/cat.jpg", ["default/photos/2024/cat.jpg", "default/photos/2024/", "default/photos/", "default/"]),
        ("a, b/ü.jpg", ["default/a%2C%20b/%C3%BC.jpg", "default/a%2C%20b/", "default/"]),
    ],
)
def test_the_tags_of_a_key(key: str, tags: list[str]) -> None:
    """An original is named by its own key, then by each folder it is in."""
    assert cache_tags("default", key) == tags


def test_what_people_tagged_an_original_with_is_a_tag_of_its_own_kind() -> None:
    """So that no word is taken for a key."""
    assert [tag_of_word(word) for word in ("summer", "höhe, 3")] == ["tag:summer", "tag:h%C3%B6he%2C%203"]


def test_a_deep_key_names_its_widest_folders() -> None:
    """The header of a deep key stays short, and a purge of any wide folder still reaches it."""
    tags = cache_tags("default", "/".join("abcdefghijkl") + "/x.jpg")
    assert len(tags) == 2 + MAX_FOLDERS
    assert tags[1] == "default/a/b/c/d/e/f/g/h/"


@given(
    st.lists(st.sampled_from(["a", "b", "c d", "é"]), min_size=1, max_size=12),
    st.integers(min_value=0, max_value=12),
    st.booleans(),
)
def test_the_tag_of_a_prefix_covers_all_below(parts: list[str], taken: int, whole: bool) -> None:
    """Every key that begins with a prefix has the prefix's tag, whether the prefix ends with a folder or within one."""
    key = "/".join(parts) + "/x.jpg"
    prefix = "/".join(parts[:taken]) + ("/" if whole and taken else "")
    if key.startswith(prefix):
        assert tag_that_covers("default", prefix) in cache_tags("default", key)


@given(st.text(min_size=1, max_size=400))
def test_a_tag_can_hold_no_separator(name: str) -> None:
    """Whatever a stranger calls a picture, its tag is short visible ASCII without a comma or space."""
    name = name.encode("utf-8", "replace").decode()
    for tag in (tag_of("default", name), tag_of_word(name)):
        assert len(tag) <= MAX_TAG
        assert tag.isascii()
        assert tag.isprintable()
        assert not set(tag) & set(', \t"')


def test_a_long_folder_is_still_told_from_a_key() -> None:
    """The digest of a long folder ends in a slash like any folder."""
    assert tag_of("default", "x" * 400 + "/").endswith("/")
    assert not tag_of("default", "x" * 400).endswith("/")
