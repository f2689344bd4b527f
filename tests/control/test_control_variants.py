from __future__ import annotations

import asyncio
from typing import Any

import pytest
from tests.control.control_kit import OWN_KEY, Control, assert_problem
from tests.originals.library_kit import picture

from imagemill.engine.limits import Limits

LEAVES = ("w=10.webp", "w=20.webp")


async def filled() -> Control:
    """Return a control API with three originals of two variants each."""
    control = Control()
    for key in ("a/one.png", "a/two.png", "b.png"):
        original = await control.kit.put(key, picture())
        for leaf in LEAVES:
            assert await control.kit.keep(original, leaf)
    return control


async def left(control: Control) -> list[str]:
    """Return what is kept, as key and leaf."""
    found = []
    for key in await control.kit.keys():
        found += [f"{key} {info.name.leaf}" for info in await control.kit.variants.list("default", key)]
    return found


def test_variants_are_listed_and_purged() -> None:
    """The list names each variant; DELETE removes one or all, from memory too."""

    async def run() -> None:
        control = await filled()
        async with control.client() as client:
            listed = (await client.get("/v1/variants/b.png")).json()
            assert [item["variant"] for item in listed["items"]] == list(LEAVES)
            assert listed["items"][0]["name"] == f"default/b.png/~/{listed['version']}/w=10.webp"
            assert listed["items"][0]["size"] == 12
            one = await client.delete("/v1/variants/b.png", params={"variant": "w=10.webp"})
            assert one.json() == {"removed": 1}
            assert (await client.delete("/v1/variants/b.png")).json() == {"removed": 1}
            assert ("b.png", None, None) in control.purged
            assert ("b.png", None, "w=10.webp") in control.purged
            assert len(await left(control)) == 4
            assert_problem(await client.get("/v1/variants/none"), 404, "no_such_original")
            assert_problem(await client.delete("/v1/variants/none"), 404, "no_such_original")

    asyncio.run(run())


@pytest.mark.parametrize(
    ("asked", "removed", "kept"),
    [
        ({"key": "b.png"}, 2, 4),
        ({"prefix": "a/"}, 4, 2),
        ({"prefix": ""}, 6, 0),
        ({"key": "none.png"}, 0, 6),
        ({"variant": "a/one.png/~/000000000000/w=10.webp"}, 1, 5),
        ({"variant": "default/a/one.png/~/000000000000/w=10.webp"}, 1, 5),
    ],
)
def test_a_purge_removes_exactly_what_it_names(asked: dict[str, str], removed: int, kept: int) -> None:
    """202 with the state of each layer; memory is purged before and after the store."""

    async def run() -> None:
        control = await filled()
        async with control.client() as client:
            answer = await client.post("/v1/purges", json=asked)
            assert answer.status_code == 202
            document = answer.json()
            assert document["layers"] == {"memory": "done", "store": "done"}
            assert document["removed"] == removed
            assert document["id"]
        assert len(await left(control)) == kept
        assert len(control.purged) == 2

    asyncio.run(run())


@pytest.mark.parametrize(
    ("asked", "status", "code"),
    [
        ({}, 400, "invalid_purge"),
        ({"key": "a", "prefix": "b"}, 400, "invalid_purge"),
        ({"variant": "a/one.png"}, 400, "invalid_purge"),
        ({"variant": "a/~/b/../c"}, 400, "invalid_purge"),
        ({"variant": "../a/~/b/c"}, 400, "bad_key"),
        ({"key": "../x"}, 400, "bad_key"),
        ({"prefix": "../"}, 400, "bad_key"),
        ({"key": 1}, 400, "invalid_body"),
        ({"keys": []}, 400, "invalid_body"),
        ({"tag": ""}, 400, "invalid_description"),
        ({"tag": "x", "key": "a/one.png"}, 400, "invalid_purge"),
    ],
)
def test_a_purge_that_names_nothing_or_too_much_is_refused(asked: dict[str, Any], status: int, code: str) -> None:
    """Exactly one thing is purged; anything else removes nothing."""

    async def run() -> None:
        control = await filled()
        async with control.client() as client:
            assert_problem(await client.post("/v1/purges", json=asked), status, code)
        assert len(await left(control)) == 6
        assert control.purged == []

    asyncio.run(run())


def test_the_limits_are_the_table() -> None:
    """`/v1/limits` shows every limit with the value in force."""

    async def run() -> None:
        control = Control()
        async with control.client() as client:
            answer = (await client.get("/v1/limits")).json()
        assert answer["upload_bytes"] == 100_000
        assert answer["pixels_result"] == Limits().pixels_result

    asyncio.run(run())


def test_explain_passes_the_url_and_no_credential() -> None:
    """The explanation gets the URL and the request's headers, without the key."""

    async def run() -> None:
        async with Control().client() as client:
            answer = await client.get(
                "/v1/explain", params={"url": "/img/w=10/x.png"}, headers={"accept": "image/avif", "x-api-key": OWN_KEY}
            )
            assert answer.json()["url"] == "/img/w=10/x.png"
            assert answer.json()["headers"]["accept"] == "image/avif"
            assert OWN_KEY not in answer.text
            assert_problem(await client.get("/v1/explain"), 400, "invalid_parameters")

    asyncio.run(run())
