"""A client's bucket of CPU-seconds (threat A4); its arithmetic is the limiters' contract."""

from __future__ import annotations

import asyncio

import pytest

from imagemill.delivery.spend import Spending, client_of
from imagemill.errors import TooMany
from imagemill.observability.metrics import Metrics
from imagemill.testing.contracts.limiter import Clock
from imagemill.throttling.memory import MemoryLimiter


def test_waiting_as_long_as_told_succeeds_and_refusals_are_counted() -> None:
    """The burst passes, the next make is refused with a time that is enough (threat O1)."""

    async def scene() -> None:
        clock, metrics = Clock(), Metrics()
        spending = Spending(MemoryLimiter(clock=clock), burst=10, rate=0.5, metrics=metrics)
        await spending.take("a", 10)
        with pytest.raises(TooMany) as refused:
            await spending.take("a", 2)
        assert refused.value.retry_after == pytest.approx(4.0)
        assert 'imagemill_refusals_total{limit="make"} 1.0' in metrics.render().decode()
        clock.now += 4.0
        await spending.take("a", 2)
        await spending.take("b", 10)

    asyncio.run(scene())


def test_a_correction_gives_back_what_was_not_spent() -> None:
    """An estimate that was too high costs nothing in the end, one that was too low is paid later."""

    async def scene() -> None:
        spending = Spending(MemoryLimiter(clock=Clock()), burst=1, rate=0.001)
        await spending.take("a", 1)
        await spending.correct("a", 0.9)
        await spending.take("a", 0.9)
        await spending.correct("a", -0.5)
        await spending.correct("a", 0.4)
        with pytest.raises(TooMany):
            await spending.take("a", 0.1)

    asyncio.run(scene())


@pytest.mark.parametrize(
    ("address", "client"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::1", "2001:db8:1:2::/64"),
        ("2001:db8:1:3::1", "2001:db8:1:3::/64"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("unknown", "unknown"),
        ("not:an:address", "not:an:address"),
    ],
)
def test_a_client_is_an_address_or_a_64(address: str, client: str) -> None:
    """One IPv6 household is one client."""
    assert client_of(address) == client
