"""What every keeper of token buckets promises, as tests. How an adapter joins is told in `contracts.object_store`."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager

import pytest

from imagemill.throttling.bucket import NEVER, Bucket, Demand
from imagemill.throttling.port import Limiter

Scenario = Callable[[Limiter, "Clock"], Awaitable[None]]

THREADS = 100
DAY = 86400.0


class Clock:
    """A monotonic clock that moves when told; it starts well after zero, as a machine's does."""

    def __init__(self) -> None:
        self.now = 1e6

    def __call__(self) -> float:
        """Return the present time in seconds."""
        return self.now


async def taken(limiter: Limiter, *demands: Demand, times: int) -> int:
    """Return how many of some requests after one another are met."""
    return sum([(await limiter.take(demands)).met for _ in range(times)])


class LimiterContract:
    """The promises of `imagemill.throttling.port.Limiter`."""

    def opened(self, clock: Callable[[], float] | None) -> AbstractAsyncContextManager[Limiter]:
        """Return a limiter with no bucket in it, to be closed at the end; `clock` None: the true time."""
        raise NotImplementedError

    def check(self, scenario: Scenario) -> None:
        """Run `scenario` against an empty limiter whose time stands still."""

        async def run() -> None:
            clock = Clock()
            async with self.opened(clock) as limiter:
                await scenario(limiter, clock)

        asyncio.run(run())

    @pytest.mark.parametrize("burst", [1, 7, 100])
    def test_a_burst_passes_and_one_more_does_not(self, burst: int) -> None:
        """As many as the burst at once, and not one more."""

        async def scenario(limiter: Limiter, clock: Clock) -> None:
            demand = Demand(Bucket("site", 1.0, burst), "a")
            assert await taken(limiter, demand, times=burst + 5) == burst
            verdict = await limiter.take((demand,))
            assert (verdict.met, verdict.refused) == (False, 0)

        self.check(scenario)

    @pytest.mark.parametrize("rate", [0.1, 1 / 3, 2.0, 7.5, 250.0])
    def test_the_steady_rate_is_kept(self, rate: float) -> None:
        """A minute of asking without pause (16 s of the fastest) gets the burst and the rate, fractional ones too."""

        async def scenario(limiter: Limiter, clock: Clock) -> None:
            demand = Demand(Bucket("site", rate, 5), "a")
            step = min(1.0, 0.25 / rate)
            met = 0
            steps = min(int(60 / step), 4000)
            for _ in range(steps):
                met += (await limiter.take((demand,))).met
                clock.now += step
            expected = 5 + rate * steps * step
            assert expected - 1 - 0.02 * expected <= met <= expected + 1

        self.check(scenario)

    def test_rest_earns_one_burst(self) -> None:
        """A week of silence is worth no more than a full bucket."""

        async def scenario(limiter: Limiter, clock: Clock) -> None:
            demand = Demand(Bucket("site", 10.0, 3), "a")
            assert await taken(limiter, demand, times=5) == 3
            clock.now += 7 * DAY
            assert await taken(limiter, demand, times=10) == 3

        self.check(scenario)

    @pytest.mark.parametrize("step", [-DAY, -5.0])
    def test_a_clock_that_is_set_back_gives_and_takes_nothing(self, step: float) -> None:
        """Nobody is locked out, and nobody gets more than the rate, when time runs backwards."""

        async def scenario(limiter: Limiter, clock: Clock) -> None:
            demand = Demand(Bucket("site", 1.0, 4), "a")
            assert await taken(limiter, demand, times=2) == 2
            clock.now += step
            assert await taken(limiter, demand, times=9) == 2
            clock.now += 1.0
            assert await taken(limiter, demand, times=9) <= 1
            clock.now += max(0.0, -step)
            assert await taken(limiter, demand, times=9) >= 1

        self.check(scenario)

    @pytest.mark.parametrize(("rate", "burst"), [(0.5, 10), (1 / 3, 1), (7.0, 2), (0.013, 1), (1234.5, 50)])
    def test_waiting_as_long_as_told_succeeds(self, rate: float, burst: int) -> None:
        """The time that a refusal names is enough, to the last bit; a hundredth less is not."""

        async def scenario(limiter: Limiter, clock: Clock) -> None:
            demand = Demand(Bucket("site", rate, burst), "a")
            await taken(limiter, demand, times=burst)
            for _ in range(20):
                wait = (await limiter.take((demand,))).wait
                assert wait > 0
                clock.now += wait * 0.99
                assert not (await limiter.take((demand,))).met
                clock.now += wait * 0.01
                assert (await limiter.take((demand,))).met

        self.check(scenario)

    def test_all_buckets_of_a_request_or_none(self) -> None:
        """Whoever is over its own limit costs the site nothing, and the other way round."""

        async def scenario(limiter: Limiter, clock: Clock) -> None:
            site = Demand(Bucket("account", 0.001, 10))
            own, other = (Demand(Bucket("client", 0.001, 3), who) for who in "ab")
            assert await taken(limiter, site, own, times=20) == 3
            verdict = await limiter.take((site, own))
            assert verdict.refused == 1
            assert verdict.levels[0] == pytest.approx(7, abs=0.01)
            assert await taken(limiter, site, times=5) == 5
            assert await taken(limiter, site, other, times=5) == 2
            assert (await limiter.take((site, other))).refused == 0

        self.check(scenario)

    def test_keys_and_rules_do_not_share(self) -> None:
        """A bucket belongs to one key under one rule."""

        async def scenario(limiter: Limiter, clock: Clock) -> None:
            for name in ("one", "two"):
                for key in ("", "a", "b", "2001:db8::/64"):
                    assert await taken(limiter, Demand(Bucket(name, 0.001, 2), key), times=4) == 2

        self.check(scenario)

    def test_a_demand_over_the_burst_waits_for_a_full_bucket(self) -> None:
        """A make dearer than a bucket goes when it is full, and its debt is paid before the next."""

        async def scenario(limiter: Limiter, clock: Clock) -> None:
            bucket = Bucket("make", 1.0, 10)
            verdict = await limiter.take((Demand(bucket, "a", 25),))
            assert verdict.met
            assert verdict.levels[0] == pytest.approx(-15)
            assert (await limiter.take((Demand(bucket, "a", 1),))).wait == pytest.approx(16)
            clock.now += 24
            assert not (await limiter.take((Demand(bucket, "a", 25),))).met
            clock.now += 1
            assert (await limiter.take((Demand(bucket, "a", 25),))).met

        self.check(scenario)

    def test_tokens_are_given_back_up_to_the_burst(self) -> None:
        """What was not used can be used again; negative tokens are a debt."""

        async def scenario(limiter: Limiter, clock: Clock) -> None:
            bucket = Bucket("make", 0.001, 5)
            assert await taken(limiter, Demand(bucket, "a"), times=9) == 5
            await limiter.give(Demand(bucket, "a", 2))
            assert await taken(limiter, Demand(bucket, "a"), times=9) == 2
            await limiter.give(Demand(bucket, "a", 99))
            assert await taken(limiter, Demand(bucket, "a"), times=9) == 5
            await limiter.give(Demand(bucket, "a", -3))
            await limiter.give(Demand(bucket, "a", 3))
            assert await taken(limiter, Demand(bucket, "a"), times=9) == 0

        self.check(scenario)

    def test_a_bucket_that_earns_nothing_says_so(self) -> None:
        """A rate of nothing refuses for an hour at a time, and never divides by it."""

        async def scenario(limiter: Limiter, clock: Clock) -> None:
            demand = Demand(Bucket("site", 0.0, 1), "a")
            assert await taken(limiter, demand, times=2) == 1
            clock.now += DAY
            assert (await limiter.take((demand,))).wait == NEVER

        self.check(scenario)

    def test_a_hundred_tasks_get_no_more_than_one(self) -> None:
        """Asking all at once changes nothing."""

        async def scenario(limiter: Limiter, clock: Clock) -> None:
            demand = Demand(Bucket("site", 1.0, 50), "a")
            verdicts = await asyncio.gather(*(limiter.take((demand,)) for _ in range(200)))
            assert sum(verdict.met for verdict in verdicts) == 50

        self.check(scenario)

    def test_a_hundred_threads_get_no_more_than_one(self) -> None:
        """At most b + r · t + 1, in true time, each thread with an event loop of its own."""
        bucket = Bucket("site", 20.0, 50)
        met: list[bool] = []

        async def ask(limiter: Limiter) -> None:
            demands = (Demand(bucket), Demand(Bucket("own", 1.0, 99), "a"))
            met.extend([(await limiter.take(demands)).met for _ in range(5)])

        async def run() -> None:
            async with self.opened(None) as limiter:
                started = time.monotonic()
                if self.threaded:
                    threads = [threading.Thread(target=lambda: asyncio.run(ask(limiter))) for _ in range(THREADS)]
                    for thread in threads:
                        thread.start()
                    for thread in threads:
                        thread.join()
                else:
                    await asyncio.gather(*(ask(limiter) for _ in range(THREADS)))
                seconds = time.monotonic() - started
                assert len(met) == 5 * THREADS
                assert 50 <= sum(met) <= 50 + 20.0 * seconds + 1

        asyncio.run(run())

    threaded = True
    """Whether threads may share it; what is bound to one event loop is asked by tasks."""
