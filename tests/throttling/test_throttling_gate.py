"""The judge in front of the routes: what is paid in advance, what the refused is told (threats 1.9, O1, O2)."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from imagemill.errors import Quota, TooMany
from imagemill.observability.metrics import Metrics
from imagemill.testing.contracts.limiter import Clock
from imagemill.throttling.bucket import Bucket, Demand, Verdict
from imagemill.throttling.gate import MAX_PREPAID, Attempts, Gate
from imagemill.throttling.memory import MemoryLimiter
from imagemill.throttling.routes import Route, RouteLimits, limits_of
from imagemill.throttling.settings import ThrottleSettings


class Counting(MemoryLimiter):
    """Counts how often it is asked."""

    asked = 0

    async def take(self, demands: tuple[Demand, ...]) -> Verdict:
        """Count, and take."""
        self.asked += 1
        return await super().take(demands)


def gate_of(clock: Clock, **rates: Any) -> tuple[Gate, Counting, Metrics]:
    """Return a judge of these settings."""
    limiter, metrics = Counting(clock=clock), Metrics()
    return Gate(limiter, limits_of(ThrottleSettings(**rates)), metrics), limiter, metrics


async def hits(gate: Gate, address: str, times: int) -> int:
    """Return how many of some requests for pictures are admitted, asked as the gateway asks."""
    admitted = 0
    for _ in range(times):
        if gate.prepaid(address):
            admitted += 1
            continue
        try:
            await gate.admit(Route.DELIVERY, address)
        except TooMany:
            continue
        admitted += 1
    return admitted


@pytest.mark.parametrize("burst", [1, 5, 100, 127, 128, 1000, 5000])
def test_what_is_paid_in_advance_is_never_more_than_the_burst(burst: int) -> None:
    """A client gets exactly its burst, however the gate counts."""

    async def scene() -> None:
        gate, _, _ = gate_of(Clock(), delivery_client=f"1/d burst {burst}")
        assert await hits(gate, "192.0.2.1", burst + 50) == burst
        assert await hits(gate, "192.0.2.2", burst + 50) == burst

    asyncio.run(scene())


def test_a_client_that_asks_often_is_looked_up_rarely() -> None:
    """Fifteen of sixteen requests are one look in a dictionary."""

    async def scene() -> None:
        gate, limiter, _ = gate_of(Clock(), delivery_client="1/d burst 100000")
        assert await hits(gate, "192.0.2.1", 1600) == 1600
        assert limiter.asked <= 102

    asyncio.run(scene())


def test_handfuls_are_bounded_in_number() -> None:
    """More clients than are remembered in advance are all admitted."""

    async def scene() -> None:
        gate, _, _ = gate_of(Clock(), delivery_client="1/s burst 1000")
        for number in range(MAX_PREPAID + 10):
            await gate.admit(Route.DELIVERY, str(number))
        assert len(gate._prepaid) <= MAX_PREPAID

    asyncio.run(scene())


def test_the_refused_is_told_which_limit_and_when() -> None:
    """The sentence, the seconds and the quotas name the bucket that has to wait longest."""

    async def scene() -> None:
        gate, _, metrics = gate_of(Clock(), account="10/s burst 50", control_client="0.5/s burst 2")
        assert await gate.admit(Route.CONTROL, "192.0.2.1") == (
            Quota("account", limit=50, window=5, left=49, reset=1),
            Quota("control_client", limit=2, window=4, left=1, reset=2),
        )
        await gate.admit(Route.CONTROL, "192.0.2.1")
        with pytest.raises(TooMany, match="This client asks control more often") as refused:
            await gate.admit(Route.CONTROL, "192.0.2.1")
        assert refused.value.retry_after == pytest.approx(2.0)
        assert refused.value.quotas[1] == Quota("control_client", limit=2, window=4, left=0, reset=2)
        assert 'imagemill_refusals_total{limit="control_client"} 1.0' in metrics.render().decode()
        assert "192.0.2.1" not in metrics.render().decode()

    asyncio.run(scene())


def test_an_open_route_asks_nobody() -> None:
    """A route without limits costs nothing."""

    async def scene() -> None:
        gate, limiter, _ = gate_of(Clock(), uploads_client="1/s")
        assert await gate.admit(Route.CONTROL, "192.0.2.1") == ()
        assert await gate.admit(Route.OTHER, "192.0.2.1") == ()
        assert limiter.asked == 0

    asyncio.run(scene())


def test_wrong_keys_run_out_and_right_ones_do_not() -> None:
    """Any number of right keys; a burst of wrong ones, also when they come at once; a /64 is one client."""

    async def scene() -> None:
        metrics = Metrics()
        attempts = Attempts(MemoryLimiter(clock=Clock()), RouteLimits((), Bucket("wrong_keys", 1.0, 5)), metrics)
        for _ in range(50):
            await attempts.begin("2001:db8::1")
            await attempts.right("2001:db8::1")
        tries = await asyncio.gather(*(attempts.begin(f"2001:db8::{n}") for n in range(20)), return_exceptions=True)
        assert sum(one is None for one in tries) == 5
        assert all(one is None or isinstance(one, TooMany) for one in tries)
        await attempts.begin("2001:db8:0:1::1")
        assert 'imagemill_refusals_total{limit="wrong_keys"} 15.0' in metrics.render().decode()

    asyncio.run(scene())


def test_attempts_without_a_limit_are_not_counted() -> None:
    """The setting may be empty."""

    async def scene() -> None:
        attempts = Attempts(MemoryLimiter(), None, Metrics())
        for _ in range(1000):
            await attempts.begin("192.0.2.1")

    asyncio.run(scene())
