from __future__ import annotations

import asyncio
from typing import Any

import pytest
from tests.control.control_kit import Control, assert_problem
from tests.originals.library_kit import Clock, picture, until

from imagemill.control.idempotency import MAX_ANSWERS, SECONDS, Idempotent


def test_the_same_request_has_the_same_answer_and_one_effect() -> None:
    """A repeated POST answers as the first did, to the letter, and purges nothing again."""

    async def run() -> None:
        control = Control()
        async with control.client() as client:
            key = {"idempotency-key": "k1"}
            first = await client.post("/v1/purges", json={"prefix": ""}, headers=key)
            second = await client.post("/v1/purges", json={"prefix": ""}, headers=key)
            assert (second.status_code, second.content) == (first.status_code, first.content)
            assert second.headers["idempotency-replayed"] == "true"
            assert "idempotency-replayed" not in first.headers
            assert len(control.purged) == 2
            other = await client.post("/v1/purges", json={"prefix": ""}, headers={"idempotency-key": "k2"})
            assert other.json()["id"] != first.json()["id"]

    asyncio.run(run())


def test_a_key_is_for_one_request() -> None:
    """The same key with another body, path or query is 422, and nothing happens."""

    async def run() -> None:
        control = Control()
        async with control.client() as client:
            key = {"idempotency-key": "k1"}
            await client.put("/v1/originals/x.png", content=picture(), headers=key)
            for answer in (
                await client.put("/v1/originals/x.png", content=picture("blue"), headers=key),
                await client.put("/v1/originals/y.png", content=picture(), headers=key),
                await client.put("/v1/originals/x.png?a=1", content=picture(), headers=key),
                await client.post("/v1/purges", json={"prefix": ""}, headers=key),
            ):
                assert_problem(answer, 422, "idempotency_key_reused")
            again = await client.put("/v1/originals/x.png", content=picture(), headers=key)
            assert again.status_code == 201
        assert await control.kit.keys() == ["x.png"]
        assert control.kit.engine.verifications == 1

    asyncio.run(run())


def test_a_duplicate_while_the_first_runs_is_told_to_wait() -> None:
    """Two at once: one works, the other hears 409 and may ask again."""

    async def run() -> None:
        control = Control()
        control.kit.engine.gate.clear()
        async with control.client() as client:
            key = {"idempotency-key": "k1"}
            first = asyncio.create_task(client.put("/v1/originals/x.png", content=picture(), headers=key))
            await until(lambda: control.kit.engine.verifications == 1)
            async with asyncio.timeout(60):
                second = await client.put("/v1/originals/x.png", content=picture(), headers=key)
            assert_problem(second, 409, "idempotency_key_in_use")
            control.kit.engine.gate.set()
            assert (await first).status_code == 201
            third = await client.put("/v1/originals/x.png", content=picture(), headers=key)
            assert (third.status_code, third.content) == (201, (await first).content)

    asyncio.run(run())


def test_refusals_of_the_request_are_kept_but_not_those_of_the_moment() -> None:
    """A 415 comes again for the same bytes; what did not read the body, or was a passing trouble, is tried anew."""

    async def run() -> None:
        control = Control()
        async with control.client() as client:
            key = {"idempotency-key": "k1"}
            first = await client.put("/v1/originals/x.png", content=b"hello", headers=key)
            second = await client.put("/v1/originals/x.png", content=b"hello", headers=key)
            assert first.status_code == second.status_code == 415
            assert second.headers["idempotency-replayed"] == "true"
            assert control.kit.engine.verifications == 1
            early = {"idempotency-key": "k2", "if-match": '"none"'}
            assert_problem(await client.put("/v1/originals/x.png", content=picture(), headers=early), 412)
            retried = await client.put("/v1/originals/x.png", content=picture(), headers={"idempotency-key": "k2"})
            assert retried.status_code == 201

    asyncio.run(run())


@pytest.mark.parametrize("key", ["", "x" * 256, "é"])
def test_a_key_is_short_and_plain(key: str) -> None:
    """An impossible key is refused before anything is done."""

    async def run() -> None:
        answer = await Control().raw("POST", b"/v1/purges", headers={"idempotency-key": key})
        assert_problem(answer, 400, "bad_idempotency_key")

    asyncio.run(run())


class Counter:
    """An application that numbers its answers."""

    def __init__(self) -> None:
        self.asked = 0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Read the body, answer with the number."""
        self.asked += 1
        await receive()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": str(self.asked).encode()})


async def ask(app: Idempotent, key: str) -> bytes:
    """Send an empty POST with `key` and return the answer's body."""
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "POST", "raw_path": b"/x", "headers": [(b"idempotency-key", key.encode())]}
    await app(scope, receive, send)
    body: bytes = sent[1]["body"]
    return body


def test_answers_are_kept_for_a_day_and_in_bounds() -> None:
    """After 24 hours a key is new again; of too many the oldest go first."""

    async def run() -> None:
        clock = Clock()
        app = Idempotent(Counter(), clock)
        assert await ask(app, "a") == b"1" == await ask(app, "a")
        clock.now += SECONDS
        assert await ask(app, "a") == b"2"
        for number in range(MAX_ANSWERS):
            await ask(app, f"k{number}")
        assert await ask(app, f"k{MAX_ANSWERS - 1}") == str(MAX_ANSWERS + 2).encode()
        assert await ask(app, "a") == str(MAX_ANSWERS + 3).encode()

    asyncio.run(run())
