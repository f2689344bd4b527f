from __future__ import annotations

import asyncio

import pytest

from imagemill.delivery.admission import admitted
from imagemill.delivery.coalesce import Flight
from imagemill.delivery.slots import Slots
from imagemill.delivery.spend import Spending
from imagemill.errors import Overloaded, TooMany
from imagemill.throttling.memory import MemoryLimiter

BURST = 10.0


def purse() -> Spending:
    """A purse that never fills again."""
    return Spending(MemoryLimiter(clock=lambda: 0.0), burst=BURST, rate=0.0)


def left(spending: Spending) -> float:
    """What a client may still spend, found out by spending it."""
    for tenths in range(int(BURST * 10), 0, -1):
        try:
            asyncio.run(spending.take("client", tenths / 10))
        except TooMany:
            continue
        return tenths / 10
    return 0.0


async def work(slots: Slots, spending: Spending | None, *, fails: bool = False, seconds: float = 4.0) -> None:
    """One piece of work that costs `seconds`."""
    flight: Flight[None] = Flight()
    async with admitted(flight, "client", seconds, slots=slots, spending=spending) as waited:
        assert flight.started
        assert waited >= 0
        if fails:
            raise LookupError


def room() -> Slots:
    """One worker that may be waited for five seconds."""
    return Slots(workers=1, queue=10, queue_seconds=5.0)


def test_work_is_paid_for() -> None:
    """The estimate is taken, whether the work ends well or in an error: pictures that fail are the dearest."""
    for fails in (False, True):
        spending = purse()
        try:
            asyncio.run(work(room(), spending, fails=fails))
        except LookupError:
            assert fails
        assert left(spending) == BURST - 4.0


def test_what_never_began_is_given_back() -> None:
    """Who was refused for the length of the queue has paid nothing."""
    spending = purse()

    async def scene() -> None:
        slots = room()
        async with slots.slot("another", 9.0):
            with pytest.raises(Overloaded):
                await work(slots, spending)

    asyncio.run(scene())
    assert left(spending) == BURST


def test_who_leaves_while_waiting_gets_it_back() -> None:
    """A caller who is gone before the turn came costs the client nothing."""
    spending = purse()

    async def scene() -> None:
        slots = room()
        async with slots.slot("another", 1.0):
            waiting = asyncio.create_task(work(slots, spending, seconds=2.0))
            while not slots.waiting:
                await asyncio.sleep(0)
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting

    asyncio.run(scene())
    assert left(spending) == BURST


def test_an_empty_purse_takes_no_slot() -> None:
    """Who may not pay does not wait either; who need not pay does."""
    spending = purse()
    asyncio.run(spending.take("client", BURST))
    slots = room()
    with pytest.raises(TooMany):
        asyncio.run(work(slots, spending))
    assert slots.running == 0
    asyncio.run(work(slots, None))
