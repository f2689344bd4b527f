"""Long bodies in pieces, and clients that do not take them (threat H2)."""

from __future__ import annotations

import asyncio
from collections.abc import MutableMapping
from typing import Any

import pytest

from imagemill.gateway.sending import PIECE, WHOLE, send_body


@pytest.mark.parametrize("size", [0, 1, WHOLE, WHOLE + 1, 10 * PIECE, 10 * PIECE + 1])
def test_every_byte_goes_out_once_in_order(size: int) -> None:
    """Up to a usual picture at once, beyond it in pieces of which only the last ends the answer."""
    body = bytes(n % 251 for n in range(size))
    sent: list[MutableMapping[str, Any]] = []

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    assert asyncio.run(send_body(send, body, 1.0))
    assert b"".join(message["body"] for message in sent) == body
    assert [bool(message.get("more_body")) for message in sent] == [True] * (len(sent) - 1) + [False]
    assert (len(sent) == 1) is (size <= WHOLE)
    assert all(len(message["body"]) <= max(WHOLE, PIECE) for message in sent)


def test_who_takes_nothing_is_left() -> None:
    """The piece that is not taken in time is the last; the answer stays unfinished."""
    taken: list[int] = []

    async def send(message: MutableMapping[str, Any]) -> None:
        if len(taken) == 3:
            await asyncio.Event().wait()
        taken.append(len(message["body"]))

    assert not asyncio.run(send_body(send, bytes(20 * PIECE), 0.05))
    assert taken == [PIECE] * 3
