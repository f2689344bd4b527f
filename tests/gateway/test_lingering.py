"""Refusing an upload: the words arrive also where the client is still sending."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from tests.serving import RunningServer, serving

from imagemill.gateway import lingering
from imagemill.gateway.lingering import Lingering

MANY = 3_000_000
"""Bytes that no socket buffer holds, so that the client is still sending when the answer is there."""


async def _body(size: int) -> AsyncIterator[bytes]:
    for _ in range(size // 100_000):
        yield b"x" * 100_000


async def _statuses(server: RunningServer, times: int, **how: Any) -> Counter[str]:
    found: Counter[str] = Counter()
    for _ in range(times):  # a client each: a refused upload may cost the connection
        async with httpx.AsyncClient(base_url=server.url, trust_env=False) as client:
            try:
                response = await client.put("/v1/originals/a.jpg", content=_body(MANY), **how)
                found[str(response.status_code)] += 1
            except httpx.TransportError as error:
                found[type(error).__name__] += 1
    return found


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A server of our own."""
    with serving(tmp_path_factory.mktemp("lingering") / "data") as running:
        yield running


@pytest.mark.parametrize("framing", [{"content-length": str(MANY)}, {}], ids=["counted", "chunked"])
def test_a_refusal_reaches_a_client_that_is_still_sending(server: RunningServer, framing: dict[str, str]) -> None:
    """401 is decided by the first bytes of a request; every client reads it, none meets a broken connection."""
    assert asyncio.run(_statuses(server, 12, headers=framing)) == {"401": 12}


def _talk(headers: dict[bytes, bytes], incoming: list[dict[str, Any]], *, reads: int = 0) -> tuple[list[Any], int]:
    """Return what was sent for one refusal and how many messages were taken, after the application took `reads`."""
    sent: list[Any] = []
    taken = 0

    async def receive() -> Any:
        nonlocal taken
        if taken >= len(incoming):
            await asyncio.Event().wait()
        taken += 1
        return incoming[taken - 1]

    async def send(message: Any) -> None:
        sent.append((message["type"], message.get("body", b""), message.get("more_body", False)))

    async def scene() -> None:
        line = Lingering(headers, receive, send)
        for _ in range(reads):
            await line.receive()
        await line.send({"type": "http.response.start", "status": 401, "headers": []})
        await line.send({"type": "http.response.body", "body": b"no"})

    asyncio.run(scene())
    return sent, taken


PART = {"type": "http.request", "body": b"x", "more_body": True}
END = {"type": "http.request", "body": b"x", "more_body": False}
GONE = {"type": "http.disconnect"}
AT_ONCE = [("http.response.start", b"", False), ("http.response.body", b"no", False)]
AFTERWARDS = [AT_ONCE[0], ("http.response.body", b"n", True), ("http.response.body", b"o", False)]


@pytest.mark.parametrize("last", [END, GONE], ids=["ends", "leaves"])
def test_the_exchange_ends_when_the_client_is_done(last: dict[str, Any]) -> None:
    """The answer goes out but for a byte; then the rest of the body is taken, until it ends or the client leaves."""
    assert _talk({b"content-length": b"3"}, [PART, PART, last]) == (AFTERWARDS, 3)


def test_a_body_that_was_read_is_not_waited_for() -> None:
    """After the end of the body there is nothing to take."""
    assert _talk({b"content-length": b"1"}, [END], reads=1) == (AT_ONCE, 1)


def test_no_body_is_not_waited_for() -> None:
    """A request without a body is answered as ever."""
    assert _talk({b"content-length": b"0"}, []) == (AT_ONCE, 0)
    assert _talk({}, []) == (AT_ONCE, 0)


def test_who_waits_to_be_asked_is_not_asked() -> None:
    """With Expect: 100-continue nothing is on its way before the first read, and lingering must not ask for it."""
    asked = {b"content-length": b"2", b"expect": b"100-continue"}
    assert _talk(asked, [PART, END]) == (AT_ONCE, 0)
    assert _talk(asked, [PART, END], reads=1) == (AFTERWARDS, 2)


@pytest.mark.parametrize("limit", ["LINGER_SECONDS", "PAUSE_SECONDS"])
def test_a_body_without_an_end_is_hung_up_on(monkeypatch: pytest.MonkeyPatch, limit: str) -> None:
    """Listening has an end, or refusing would cost more than serving: in all, and where nothing comes any more."""
    monkeypatch.setattr(lingering, "LINGER_SECONDS", 60.0)
    monkeypatch.setattr(lingering, "PAUSE_SECONDS", 60.0)
    monkeypatch.setattr(lingering, limit, 0.05)
    assert _talk({b"transfer-encoding": b"chunked"}, [PART]) == (AFTERWARDS, 1)
