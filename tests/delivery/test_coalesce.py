"""Many askers, one make (threat C6)."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest

from imagemill.delivery.coalesce import Coalescer, Flight


def run(work: Coroutine[Any, Any, None]) -> None:
    """Run a scene that must end; a minute bounds a hang."""
    asyncio.run(asyncio.wait_for(work, 60))


class Work:
    """Work that can be held, and counts how often it was started."""

    def __init__(self) -> None:
        self.starts = 0
        self.finished = 0
        self.gate = asyncio.Event()
        self.error: Exception | None = None
        self.committed = False

    async def __call__(self, flight: Flight[str]) -> str:
        """Do the work once the gate opens."""
        self.starts += 1
        flight.started = self.committed
        await self.gate.wait()
        if self.error is not None:
            raise self.error
        self.finished += 1
        return "made"


def test_a_thousand_askers_cause_one_make() -> None:
    """All get the result; all but the first are told that they joined."""

    async def scene() -> None:
        flights: Coalescer[str] = Coalescer()
        work = Work()
        asks = [asyncio.ensure_future(flights.join("x", work)) for _ in range(1000)]
        await asyncio.sleep(0)
        work.gate.set()
        results = await asyncio.gather(*asks)
        assert work.starts == 1
        assert [collapsed for _, collapsed in results].count(False) == 1
        assert len(flights) == 0

    run(scene())


def test_an_error_reaches_every_asker_and_is_not_remembered() -> None:
    """Nobody retries by itself, and the next asker starts afresh."""

    async def scene() -> None:
        flights: Coalescer[str] = Coalescer()
        work = Work()
        work.error = ValueError("broken")
        asks = [asyncio.ensure_future(flights.join("x", work)) for _ in range(3)]
        await asyncio.sleep(0)
        work.gate.set()
        assert [type(r) for r in await asyncio.gather(*asks, return_exceptions=True)] == [ValueError] * 3
        work.error = None
        assert await flights.join("x", work) == ("made", False)

    run(scene())


def test_the_first_asker_leaving_harms_nobody() -> None:
    """The work belongs to no connection."""

    async def scene() -> None:
        flights: Coalescer[str] = Coalescer()
        work = Work()
        leader = asyncio.ensure_future(flights.join("x", work))
        await asyncio.sleep(0)
        follower = asyncio.ensure_future(flights.join("x", work))
        await asyncio.sleep(0)
        leader.cancel()
        await asyncio.wait([leader])
        work.gate.set()
        assert await follower == ("made", True)

    run(scene())


@pytest.mark.parametrize(("committed", "finished"), [(False, 0), (True, 1)])
def test_work_all_have_left_is_dropped_unless_it_runs(committed: bool, finished: int) -> None:
    """What waits is dropped; what is paid for is finished."""

    async def scene() -> None:
        flights: Coalescer[str] = Coalescer()
        work = Work()
        work.committed = committed
        only = asyncio.ensure_future(flights.join("x", work))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        only.cancel()
        await asyncio.wait([only])
        work.gate.set()
        await flights.drain()
        for _ in range(3):
            await asyncio.sleep(0)
        assert work.finished == finished

    run(scene())
