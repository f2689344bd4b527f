"""The bound on all unfinished uploads of a node holds for those that are still coming, too (threat H3)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from imagemill.errors import StorageFull
from imagemill.uploads.part import CHECKPOINT
from imagemill.uploads.quarantine import Quarantine

SENDERS = 6
BODY = CHECKPOINT // 2


class Sender:
    """A browser that sends the first bytes of a picture, and the rest when it is told to."""

    def __init__(self, quarantine: Quarantine, number: int, declared: int | None) -> None:
        self.quarantine = quarantine
        self.id = f"{number:024x}"
        self.declared = declared
        self.answered = asyncio.Event()
        self.rest = asyncio.Event()

    async def body(self) -> AsyncIterator[bytes]:
        """Send."""
        self.answered.set()
        await self.rest.wait()
        yield bytes(BODY)

    async def send(self) -> str:
        """Return what became of it."""
        part = await self.quarantine.hold(self.id)
        try:
            await part.receive_whole(self.body(), most=8 * CHECKPOINT, declared=self.declared)
        except StorageFull as error:
            return error.code
        finally:
            self.answered.set()
            await part.release()
        return "received"


@pytest.mark.parametrize(
    ("declared", "room", "fit"),
    [(BODY, 2 * BODY + BODY // 2, 2), (None, 3 * CHECKPOINT, 3), (None, CHECKPOINT - 1, 0)],
)
def test_who_sends_at_once_finds_the_room_taken(tmp_path: Path, declared: int | None, room: int, fit: int) -> None:
    """Room is taken before bytes come: of six who begin beside each other as many are let in as will fit."""

    async def scene() -> tuple[list[str], int, int]:
        quarantine = Quarantine(tmp_path / "q", room)
        senders = [Sender(quarantine, number, declared) for number in range(SENDERS)]
        tasks = [asyncio.ensure_future(one.send()) for one in senders]
        await asyncio.gather(*(one.answered.wait() for one in senders))
        waiting = await quarantine.used()
        for one in senders:
            one.rest.set()
        ended = await asyncio.gather(*tasks)
        journals = sum(path.stat().st_size for path in (tmp_path / "q").glob("*.json"))
        left = await quarantine.used() - journals
        quarantine.close()
        return ended, waiting, left

    ended, waiting, left = asyncio.run(scene())
    assert ended.count("received") == fit
    assert ended.count("quarantine_full") == SENDERS - fit
    assert waiting <= room
    assert left == fit * BODY, "what was taken and not needed is free again"
