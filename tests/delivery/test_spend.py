"""A client's bucket of CPU-seconds (threat A4)."""

from __future__ import annotations

import pytest

from imagemill.delivery.spend import Spending, client_of
from imagemill.errors import TooMany


class Clock:
    """A clock that moves when told."""

    now = 0.0

    def __call__(self) -> float:
        """Return the present time in seconds."""
        return self.now


def test_a_full_bucket_pays_for_a_burst_and_no_more() -> None:
    """The burst passes, the next make is refused."""
    spending = Spending(burst=10, rate=1, clock=Clock())
    for _ in range(10):
        spending.take("a", 1)
    with pytest.raises(TooMany):
        spending.take("a", 1)


def test_waiting_exactly_retry_after_succeeds() -> None:
    """Retry-After tells the truth (threat O1)."""
    clock = Clock()
    spending = Spending(burst=10, rate=0.5, clock=clock)
    spending.take("a", 10)
    with pytest.raises(TooMany) as refused:
        spending.take("a", 2)
    assert refused.value.retry_after == pytest.approx(4.0)
    clock.now += 4.0
    spending.take("a", 2)


def test_refill_stops_at_the_burst() -> None:
    """A week of silence earns one burst."""
    clock = Clock()
    spending = Spending(burst=3, rate=1, clock=clock)
    spending.take("a", 3)
    clock.now += 7 * 86400
    spending.take("a", 3)
    with pytest.raises(TooMany):
        spending.take("a", 0.1)


def test_a_correction_gives_back_what_was_not_spent() -> None:
    """An estimate that was too high costs nothing in the end."""
    spending = Spending(burst=1, rate=0, clock=Clock())
    spending.take("a", 1)
    spending.correct("a", 0.9)
    spending.take("a", 0.9)
    with pytest.raises(TooMany):
        spending.take("a", 0.1)


def test_clients_do_not_pay_for_each_other() -> None:
    """An empty bucket is one client's."""
    spending = Spending(burst=1, rate=0, clock=Clock())
    spending.take("a", 1)
    spending.take("b", 1)


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
