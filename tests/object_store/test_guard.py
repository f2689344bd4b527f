"""Calls to a store that is elsewhere: what is repeated, for how long, and when nobody is let through."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from imagemill.errors import Overloaded, StoreTooSlow
from imagemill.object_store.guard import ATTEMPTS, FAILURES, LONGEST_OPEN_SECONDS, Away, Breaker, Guard


class Clock:
    """A clock that a test turns."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        """Tell the time."""
        return self.now


def failing(times: int, error: Exception, then: str = "done") -> tuple[Callable[[], Awaitable[str]], list[int]]:
    """Return work that fails so often and then succeeds, and the list of its calls."""
    calls: list[int] = []

    async def work() -> str:
        calls.append(len(calls))
        if len(calls) <= times:
            raise error
        return then

    return work, calls


async def no_pause(_: float) -> None:
    """Wait for nothing."""


def test_a_failure_that_passes_is_repeated() -> None:
    """Two failures and a success are a success, with pauses that grow and are drawn at random."""
    pauses: list[tuple[float, float]] = []

    def jitter(low: float, high: float) -> float:
        pauses.append((low, high))
        return 0.0

    work, calls = failing(ATTEMPTS - 1, Away("reset"))
    assert asyncio.run(Guard(pause=no_pause, jitter=jitter).call(work, seconds=5)) == "done"
    assert len(calls) == ATTEMPTS
    assert pauses == [(0, 0.2), (0, 0.4)]


def test_attempts_are_bounded() -> None:
    """What fails each time is tried three times and then said to be away, with a time to ask again."""
    work, calls = failing(99, Away("503 SlowDown"))
    with pytest.raises(Overloaded) as caught:
        asyncio.run(Guard(pause=no_pause).call(work, seconds=5))
    assert len(calls) == ATTEMPTS
    assert caught.value.code == "store_away"
    assert caught.value.retry_after
    assert "SlowDown" not in caught.value.sentence


def test_other_failures_are_not_repeated() -> None:
    """A refusal is an answer: it comes through at once, and closes the breaker."""
    work, calls = failing(99, KeyError("no"))
    guard = Guard(pause=no_pause)
    with pytest.raises(KeyError):
        asyncio.run(guard.call(work, seconds=5))
    assert len(calls) == 1
    assert not guard.breaker.is_open


def test_a_deadline_ends_a_call_that_hangs() -> None:
    """Work that never ends is given up when the seconds are over, attempts included."""
    started: list[float] = []

    async def work() -> None:
        started.append(asyncio.get_running_loop().time())
        await asyncio.Event().wait()

    async def scenario() -> float:
        began = asyncio.get_running_loop().time()
        with pytest.raises(StoreTooSlow):
            await Guard(jitter=lambda low, high: 0.0).call(work, seconds=2.0)
        return asyncio.get_running_loop().time() - began

    took = asyncio.run(scenario())
    assert 1.9 <= took < 30
    assert len(started) == ATTEMPTS


def test_work_that_turns_out_longer_is_allowed_more() -> None:
    """Who learns how much there is to do gets time for it; the same work without it is given up."""

    async def scenario(more: float) -> str:
        async def work(longer: Callable[[float], None]) -> str:
            longer(more)
            await asyncio.sleep(0.3)
            return "done"

        return await Guard(jitter=lambda low, high: 0.0).call_longer(work, seconds=0.1)

    assert asyncio.run(scenario(30.0)) == "done"
    with pytest.raises(StoreTooSlow):
        asyncio.run(scenario(0.0))


def test_the_breaker_opens_and_one_call_finds_out_when_to_close() -> None:
    """After failures in a row callers are refused without asking; later one is let through, and its success opens."""
    clock = Clock()
    guard = Guard(breaker=Breaker(clock), pause=no_pause)
    work, calls = failing(FAILURES, Away("reset"))

    async def scenario() -> None:
        while not guard.breaker.is_open:
            with pytest.raises(Overloaded):
                await guard.call(work, seconds=5)
        asked = len(calls)
        assert asked == FAILURES
        for _ in range(10):
            with pytest.raises(Overloaded) as caught:
                await guard.call(work, seconds=5)
            assert caught.value.retry_after
        assert len(calls) == asked
        clock.now += 1.1
        assert await guard.call(work, seconds=5) == "done"
        assert not guard.breaker.is_open
        assert await guard.call(work, seconds=5) == "done"

    asyncio.run(scenario())


def test_only_one_caller_probes_at_a_time() -> None:
    """While one finds out whether the store is back, the others are refused; if it hangs up, another may."""
    clock = Clock()
    breaker = Breaker(clock)
    for _ in range(FAILURES):
        breaker.failed()
    assert breaker.admit() > 0
    clock.now += 1.1
    assert breaker.admit() == 0
    assert breaker.admit() > 0
    breaker.given_up()
    assert breaker.admit() == 0
    breaker.failed()
    assert breaker.admit() == pytest.approx(2.0)


def test_a_store_that_stays_away_is_asked_ever_less_often() -> None:
    """The pause between probes doubles up to a bound, and starts anew after a success."""
    clock = Clock()
    breaker = Breaker(clock)
    for _ in range(FAILURES + 50):
        breaker.failed()
    assert breaker.admit() == pytest.approx(1.0), "those who were under way count once"
    for _ in range(10):
        clock.now += LONGEST_OPEN_SECONDS
        assert breaker.admit() == 0
        breaker.failed()
    assert breaker.admit() == LONGEST_OPEN_SECONDS
    breaker.succeeded()
    assert breaker.admit() == 0


def test_a_caller_who_leaves_teaches_nothing() -> None:
    """A cancelled call is no failure of the store."""

    async def scenario() -> bool:
        guard = Guard()
        for _ in range(FAILURES + 1):
            task = asyncio.ensure_future(guard.call(asyncio.Event().wait, seconds=5))
            await asyncio.sleep(0)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        return guard.breaker.is_open

    assert asyncio.run(scenario()) is False
