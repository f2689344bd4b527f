"""Admission by waiting time, fair between clients (threats 2.9)."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest

from imagemill.delivery.slots import Slots
from imagemill.errors import Overloaded


def run(work: Coroutine[Any, Any, None]) -> None:
    """Run a scene that must end; a minute bounds a hang."""
    asyncio.run(asyncio.wait_for(work, 60))


def test_as_many_run_as_there_are_workers() -> None:
    """No more makes run at once than there are workers."""

    async def scene() -> None:
        slots = Slots(workers=2, queue=100, queue_seconds=100)
        most = 0

        async def job() -> None:
            nonlocal most
            async with slots.slot("a", 0.1):
                most = max(most, slots.running)
                await asyncio.sleep(0)

        await asyncio.gather(*(job() for _ in range(20)))
        assert most == 2
        assert (slots.running, slots.waiting) == (0, 0)
        assert slots.pending_seconds == pytest.approx(0, abs=1e-9)

    run(scene())


def test_one_make_is_ready_before_a_worker_is_free() -> None:
    """With one ahead, a make more than there are workers is handed over, and no more than that."""

    async def scene() -> None:
        slots = Slots(workers=2, queue=100, queue_seconds=100, ahead=1)
        gate = asyncio.Event()

        async def job() -> None:
            async with slots.slot("a", 0.1):
                await gate.wait()

        jobs = [asyncio.ensure_future(job()) for _ in range(5)]
        await asyncio.sleep(0)
        assert (slots.running, slots.waiting) == (3, 2)
        gate.set()
        await asyncio.gather(*jobs)
        assert slots.running == 0

    run(scene())


def test_a_second_client_waits_for_one_running_job_at_most() -> None:
    """A client with one make is served next, however many another has waiting."""

    async def scene() -> None:
        slots = Slots(workers=1, queue=1000, queue_seconds=1000)
        order: list[str] = []

        async def job(client: str) -> None:
            async with slots.slot(client, 0.01):
                order.append(client)
                await asyncio.sleep(0)

        greedy = [asyncio.ensure_future(job("greedy")) for _ in range(500)]
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        served_before = len(order)
        await job("modest")
        assert order.index("modest") - served_before <= 2
        await asyncio.gather(*greedy)

    run(scene())


def test_a_make_that_would_wait_too_long_is_refused_at_once() -> None:
    """Beyond the waiting time the answer is Overloaded with a time to come back."""

    async def scene() -> None:
        slots = Slots(workers=2, queue=100, queue_seconds=8)
        async with slots.slot("a", 15.0):
            with pytest.raises(Overloaded) as refused:
                async with slots.slot("a", 2.0):
                    pass
            assert refused.value.retry_after is not None
            assert refused.value.retry_after >= 1
            async with slots.slot("a", 1.0):
                pass

    run(scene())


def test_a_client_that_fills_the_queue_does_not_close_it_for_others() -> None:
    """With 8 s of one client's work pending another's small make still enters, and is next in turn."""

    async def scene() -> None:
        slots = Slots(workers=2, queue=10_000, queue_seconds=8)
        order: list[str] = []

        async def job(client: str) -> None:
            async with slots.slot(client, 0.1):
                order.append(client)
                await asyncio.sleep(0)

        greedy = [asyncio.ensure_future(job("greedy")) for _ in range(500)]
        await asyncio.sleep(0)
        begun = len(order)
        await job("modest")
        assert order.index("modest") - begun <= 3
        outcomes = await asyncio.gather(*greedy, return_exceptions=True)
        refused = [outcome for outcome in outcomes if isinstance(outcome, Overloaded)]
        assert 330 <= len(refused) <= 345  # 16 CPU-seconds of 0.1 each were admitted
        assert slots.pending_seconds == 0

    run(scene())


def test_many_clients_share_the_waiting_time() -> None:
    """Each of 100 clients may have as much pending as leaves everybody's turn within the limit."""

    async def scene() -> None:
        slots = Slots(workers=2, queue=10_000, queue_seconds=8)
        gate = asyncio.Event()
        outcomes: list[str] = []

        async def job(client: str) -> None:
            try:
                async with slots.slot(client, 0.1):
                    await gate.wait()
                    outcomes.append("made")
            except Overloaded:
                outcomes.append("refused")

        jobs = [asyncio.ensure_future(job(str(n % 100))) for n in range(1000)]
        await asyncio.sleep(0)
        assert slots.pending_seconds <= 2 * 8 + 0.2
        gate.set()
        await asyncio.gather(*jobs)
        assert outcomes.count("made") >= 100

    run(scene())


def test_a_full_queue_displaces_the_newest_of_the_greediest() -> None:
    """A newcomer takes the place of the client with the most waiting, which is told that we are busy."""

    async def scene() -> None:
        slots = Slots(workers=1, queue=5, queue_seconds=1000)
        gate = asyncio.Event()
        served: list[str] = []

        async def job(client: str, name: str) -> None:
            async with slots.slot(client, 0.001):
                served.append(name)
                await gate.wait()

        greedy = [asyncio.ensure_future(job("greedy", f"g{n}")) for n in range(6)]
        await asyncio.sleep(0)
        assert slots.waiting == 5
        modest = asyncio.ensure_future(job("modest", "m"))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert slots.waiting == 5
        gate.set()
        outcomes = await asyncio.gather(*greedy, return_exceptions=True)
        await modest
        assert [type(outcome) for outcome in outcomes] == [type(None)] * 5 + [Overloaded]
        assert served[:3] == ["g0", "g1", "m"]

    run(scene())


def test_the_first_make_enters_whatever_it_costs() -> None:
    """An idle server tries even a make dearer than the whole queue: what one job may cost is the engine's limit."""

    async def scene() -> None:
        async with Slots(workers=1, queue=1, queue_seconds=1).slot("a", 50.0):
            pass

    run(scene())


def test_the_number_of_waiters_is_bounded() -> None:
    """One more than `queue` waiters is refused."""

    async def scene() -> None:
        slots = Slots(workers=1, queue=2, queue_seconds=1000)
        gate = asyncio.Event()

        async def job() -> None:
            async with slots.slot("a", 0.001):
                await gate.wait()

        jobs = [asyncio.ensure_future(job()) for _ in range(3)]
        await asyncio.sleep(0)
        assert slots.waiting == 2
        with pytest.raises(Overloaded):
            await job()
        gate.set()
        await asyncio.gather(*jobs)

    run(scene())


def test_a_waiter_who_leaves_costs_nothing() -> None:
    """A cancelled waiter leaves the queue, its seconds are given back and the next one is served."""

    async def scene() -> None:
        slots = Slots(workers=1, queue=10, queue_seconds=1000)
        gate = asyncio.Event()
        served: list[str] = []

        async def job(name: str, hold: bool) -> None:
            async with slots.slot(name, 1.0):
                served.append(name)
                if hold:
                    await gate.wait()

        first = asyncio.ensure_future(job("first", hold=True))
        await asyncio.sleep(0)
        leaver = asyncio.ensure_future(job("leaver", hold=False))
        last = asyncio.ensure_future(job("last", hold=False))
        await asyncio.sleep(0)
        leaver.cancel()
        await asyncio.sleep(0)
        assert slots.waiting == 1
        assert slots.pending_seconds == pytest.approx(2.0)
        gate.set()
        await asyncio.gather(first, last)
        assert served == ["first", "last"]
        assert slots.running == 0

    run(scene())


def test_a_waiter_cancelled_as_its_turn_comes_passes_the_slot_on() -> None:
    """A slot given to someone who is being cancelled in the same moment is not lost."""

    async def scene() -> None:
        slots = Slots(workers=1, queue=10, queue_seconds=1000)
        gate = asyncio.Event()

        async def job(hold: bool) -> None:
            async with slots.slot("a", 0.1):
                if hold:
                    await gate.wait()

        first = asyncio.ensure_future(job(hold=True))
        await asyncio.sleep(0)
        second = asyncio.ensure_future(job(hold=False))
        await asyncio.sleep(0)
        gate.set()
        await first
        second.cancel()
        await asyncio.wait([second])
        assert slots.running == 0
        await job(hold=False)

    run(scene())


def test_a_check_says_what_a_slot_would_and_changes_nothing() -> None:
    """Whoever asks beforehand is refused for the same reason, and takes nobody's place."""

    async def scene() -> None:
        slots = Slots(workers=1, queue=10, queue_seconds=5.0)
        slots.check("a", 1e6)  # the first make always enters
        async with slots.slot("a", 4.0):
            slots.check("a", 1.0)
            slots.check("b", 2.0)
            for client, seconds in (("a", 1.1), ("b", 2.6)):
                with pytest.raises(Overloaded):
                    slots.check(client, seconds)
                with pytest.raises(Overloaded):
                    async with slots.slot(client, seconds):
                        pass
            assert slots.pending_seconds == 4.0
            assert slots.waiting == 0

    run(scene())
