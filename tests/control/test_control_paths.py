from __future__ import annotations

import asyncio
import json
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.control.control_kit import Control, assert_problem
from tests.originals.library_kit import picture

from imagemill.control.paths import key_as_path, key_from_path
from imagemill.errors import InvalidRequest
from imagemill.object_store.naming import check_existing_key, check_new_key


def scope(raw: bytes) -> dict[str, Any]:
    """Return as much of a scope as paths need."""
    return {"raw_path": raw}


@pytest.mark.parametrize(
    ("raw", "key"),
    [
        (b"a.jpg", "a.jpg"),
        (b"a/b/c.jpg", "a/b/c.jpg"),
        (b"//me.png", "me.png"),
        (b"a+b", "a+b"),
        (b"a%2Bb", "a+b"),
        (b"a%20b", "a b"),
        (b"a%2520b", "a%20b"),
        (b"%C3%A9", "é"),
        ("é".encode(), "é"),
        (b"a%3Fb%23c", "a?b#c"),
        (b"b64:YS9iXGM", "a/b\\c"),
        (b"x.gif[n=-1]", "x.gif[n=-1]"),
    ],
)
def test_a_key_is_decoded_once(raw: bytes, key: str) -> None:
    """The path is split first and each segment decoded once."""
    assert key_from_path(scope(b"/v1/originals/" + raw), "originals") == key


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"a//b",
        b"a/",
        b".",
        b"a/../b",
        b"%2e%2e/x",
        b"a%2Fb",
        b"a/~/b",
        b"a%5Cb",
        b"a%00",
        b"a%0Ab",
        b"%c0%ae%c0%ae/x",
        b"%ff",
        b"%",
        b"%zz",
        b"%u002e",
        b"a%E2%80%AEb",
        b".imagemill/x",
        b"admin.key",
        b"b64:!!!",
        b"b64:Li4vLi4vZXRjL3Bhc3N3ZA",
        b"x" * 1025,
    ],
)
def test_a_key_that_cannot_be_is_refused(raw: bytes) -> None:
    """Whatever leaves the root, lies about itself or is ours is a 400, however it is encoded."""
    with pytest.raises(InvalidRequest) as caught:
        key_from_path(scope(b"/v1/originals/" + raw), "originals")
    assert caught.value.code == "bad_key"


@given(st.text(st.characters(codec="utf-8"), min_size=1, max_size=30))
def test_every_key_survives_its_path(key: str) -> None:
    """Writing any key into a path and reading it back gives the key."""
    try:
        check_existing_key(key)
    except InvalidRequest:
        return
    assert key_from_path(scope(b"/v1/content/" + key_as_path(key).encode()), "content") == key


def names(corpus: Any) -> list[str]:
    """Return the corpus's names; the file holds UTF-8 read as Latin-1."""
    texts = json.loads((corpus / "hostile" / "vectors" / "names_latin1_of_utf8.json").read_text())
    return [text.encode("latin-1", "replace").decode("utf-8", "surrogateescape") for text in texts]


def test_hostile_names_are_refused_or_kept_exactly(corpus: Any) -> None:
    """Each name of the corpus, as raw bytes and encoded, is a 4xx or stored and given back letter by letter (K1)."""

    async def run() -> None:
        control = Control()
        for name in names(corpus):
            for written in (
                quote(name, errors="surrogateescape"),
                quote(name, safe="", errors="surrogateescape"),
                name,
            ):
                raw = b"/v1/originals/" + written.encode("utf-8", "surrogateescape")
                answer = await control.raw("PUT", raw, body=picture())
                keys = await control.kit.keys()
                if answer.status == 201:
                    assert keys == [answer.json()["key"]]
                    assert check_new_key(keys[0]) == keys[0]
                    got = await control.raw("GET", b"/v1/content/" + key_as_path(keys[0]).encode())
                    assert got.body == picture()
                    assert (await control.raw("GET", raw)).json()["key"] == keys[0]
                    assert (await control.raw("DELETE", raw)).status == 204
                else:
                    assert_problem(answer, 400, "bad_key")
                    assert keys == []

    asyncio.run(run())
