from __future__ import annotations

import itertools

import pytest

from imagemill.delivery.formats import bucket_for, permitted
from imagemill.recipe.vocabulary import Format

CONCRETE = [form for form in Format if form.concrete]


@pytest.mark.parametrize(
    ("accept", "allowed", "bucket"),
    [
        ("image/avif,image/webp", "", "avif"),
        ("image/avif,image/webp", "jpeg webp", "webp"),
        ("image/avif,image/webp", "jpeg png", "jpg"),
        ("image/avif", "jpeg webp", "jpg"),
        ("image/avif", "avif", "avif"),
        ("image/webp", "avif jpeg", "jpg"),
        ("*/*", "avif webp", "jpg"),
        (None, "", "jpg"),
    ],
)
def test_a_client_gets_the_best_bucket_of_what_is_written(accept: str | None, allowed: str, bucket: str) -> None:
    """A format that the site does not write is as if the client had not named it."""
    assert bucket_for(accept, {Format(word) for word in allowed.split()}) == bucket


@pytest.mark.parametrize(
    ("chosen", "allowed", "result", "instead"),
    [
        ("jpeg", "", {}, "jpeg"),
        ("jpeg", "jpeg png", {}, "jpeg"),
        ("jpeg", "webp avif", {}, "webp"),
        ("jpeg", "png gif", {}, "png"),
        ("png", "jpeg webp", {"alpha": True}, "webp"),
        ("png", "jpeg", {"alpha": True}, "jpeg"),
        ("png", "jpeg avif", {"lossless": True}, "avif"),
        ("gif", "jpeg webp", {"animated": True}, "webp"),
        ("gif", "jpeg png", {"animated": True}, "jpeg"),
        ("gif", "jpeg png", {"animated": True, "alpha": True}, "png"),
    ],
)
def test_what_stands_in(chosen: str, allowed: str, result: dict[str, bool], instead: str) -> None:
    """What keeps most of the picture goes first: movement, then transparency, then what most clients read."""
    plain = {"alpha": False, "animated": False, "lossless": False}
    assert permitted(Format(chosen), {Format(word) for word in allowed.split()}, **(plain | result)) == instead


def test_there_is_always_something() -> None:
    """Whatever one format a site allows, every picture comes in it: never 406."""
    for form, chosen in itertools.product(CONCRETE, CONCRETE):
        for alpha, animated, lossless in itertools.product((False, True), repeat=3):
            assert permitted(chosen, {form}, alpha=alpha, animated=animated, lossless=lossless) is form
