"""`/v1/info`: everything known of an original, and of many at once."""

from __future__ import annotations

import asyncio

import pytest
from tests.control.control_kit import Control, assert_problem
from tests.originals.library_kit import picture


def ask(*keys: str) -> dict[str, tuple[str, ...]]:
    """The body that asks for several."""
    return {"keys": keys}


def test_everything_of_one() -> None:
    """Facts, colours, hashes and metadata of one original, and its record's words: key, version, url."""

    async def run() -> None:
        control = Control()
        original = await control.kit.put("cats/a b.png", picture("blue"))
        async with control.client() as client:
            answer = await client.get("/v1/info/cats/a%20b.png")
        assert answer.status_code == 200
        told = answer.json()
        assert (told["key"], told["version"]) == ("cats/a b.png", original.version)
        assert told["url"] == f"/img/_/cats/a%20b.png?v={original.version}"
        assert told["colours"]["dominant"] == "#0000ff"
        assert (told["width"], told["height"], told["format"]) == (40, 30, "png")
        assert told["located"] is False
        assert len(told["perceptual_hash"]) == 16
        assert answer.headers["cache-control"] == "no-store"

    asyncio.run(run())


def test_many_at_once_each_with_its_own_outcome() -> None:
    """A missing key is a problem of its own among the good ones, in the order of the keys."""

    async def run() -> None:
        control = Control()
        for name in ("a", "b"):
            await control.kit.put(name, picture(size=(30, 20)))
        async with control.client() as client:
            answer = await client.post("/v1/info", json=ask("b", "none", "../x", "a"))
            whole = await client.post("/v1/info", json=ask("a", "b"))
        assert answer.status_code == 207
        items = answer.json()["items"]
        assert [(item["key"], item["status"]) for item in items] == [
            ("b", 200),
            ("none", 404),
            ("../x", 404),
            ("a", 200),
        ]
        assert items[1]["problem"]["code"] == "no_such_original"
        assert items[0]["info"]["width"] == 30
        assert whole.status_code == 200
        assert control.kit.engine.inspections == 2

    asyncio.run(run())


@pytest.mark.parametrize("keys", [(), tuple(f"k{n}" for n in range(101)), ("a", "b", "a")])
def test_a_list_of_keys_has_bounds(keys: tuple[str, ...]) -> None:
    """None, more than a hundred, or one twice is 400."""

    async def run() -> None:
        async with Control().client() as client:
            assert_problem(await client.post("/v1/info", json=ask(*keys)), 400, "invalid_body")

    asyncio.run(run())


def test_a_hundred_are_not_refused_by_their_own_number() -> None:
    """They wait for each other instead of filling the queue."""

    async def run() -> None:
        control = Control()
        for number in range(100):
            await control.kit.put(f"k{number}", picture(size=(20 + number, 20)))
        async with control.client() as client:
            answer = await client.post("/v1/info", json=ask(*(f"k{number}" for number in range(100))))
        assert answer.status_code == 200
        assert [item["info"]["width"] for item in answer.json()["items"]] == [20 + number for number in range(100)]

    asyncio.run(run())


def test_it_needs_a_key() -> None:
    """Where a picture was taken is nobody else's business."""

    async def run() -> None:
        control = Control()
        await control.kit.put("a", picture())
        async with control.client(key=None) as client:
            assert_problem(await client.get("/v1/info/a"), 401)
            assert_problem(await client.post("/v1/info", json=ask("a")), 401)

    asyncio.run(run())


def test_head_says_how_long_the_answer_is() -> None:
    """HEAD is GET without its body."""

    async def run() -> None:
        control = Control()
        await control.kit.put("a", picture())
        async with control.client() as client:
            head, whole = await client.head("/v1/info/a"), await client.get("/v1/info/a")
        assert head.status_code == 200
        assert head.content == b""
        assert head.headers["content-length"] == str(len(whole.content))

    asyncio.run(run())
