"""How rates are written, and which request spends from which."""

from __future__ import annotations

import pytest

from imagemill.throttling.rates import read_rate
from imagemill.throttling.routes import Route, limits_of, route_of
from imagemill.throttling.settings import ThrottleSettings


@pytest.mark.parametrize(
    ("text", "rate", "burst"),
    [
        ("20/s burst 100", 20.0, 100.0),
        ("20/s", 20.0, 20.0),
        ("600/m", 10.0, 600.0),
        ("0.5/s", 0.5, 1.0),
        ("1/d burst 3", 1 / 86400, 3.0),
        (" 36 / h  burst  4 ", 0.01, 4.0),
    ],
)
def test_rates_that_are_read(text: str, rate: float, burst: float) -> None:
    """A number, a unit of time, and how many at once; without the last as many as are written."""
    found = read_rate(text, "x")
    assert found is not None
    assert (found.name, found.burst) == ("x", burst)
    assert found.rate == pytest.approx(rate)


def test_nothing_is_no_limit() -> None:
    """An empty text is no bucket."""
    assert read_rate("", "x") is None


@pytest.mark.parametrize(
    "text", ["0/s", "-1/s", "5", "5/w", "5/s burst 0", "5/s burst", "1e9/s", "٣/s", "5/s burst 1.5", "5//s", "inf/s"]
)
def test_what_is_no_rate_is_refused(text: str) -> None:
    """Nothing is guessed."""
    with pytest.raises(ValueError, match="a rate such as"):
        read_rate(text, "x")


@pytest.mark.parametrize(
    ("method", "path", "route"),
    [
        ("GET", b"/img/w=3/a.png", Route.DELIVERY),
        ("HEAD", b"/info/a.png", Route.DELIVERY),
        ("GET", b"/v1/originals", Route.CONTROL),
        ("DELETE", b"/v1/originals/a.png", Route.CONTROL),
        ("PATCH", b"/v1/originals/a.png", Route.CONTROL),
        ("PUT", b"/v1/originals/a.png", Route.UPLOADS),
        ("POST", b"/v1/originals", Route.UPLOADS),
        ("PATCH", b"/v1/uploads/123", Route.UPLOADS),
        ("GET", b"/v1/uploads/123", Route.CONTROL),
        ("POST", b"/v1/purges", Route.CONTROL),
        ("GET", b"/healthz/live", Route.OTHER),
        ("GET", b"/metrics", Route.OTHER),
        ("GET", b"/", Route.OTHER),
    ],
)
def test_each_request_has_its_route(method: str, path: bytes, route: Route) -> None:
    """By method and raw path; health, metrics and pages have none."""
    assert route_of(method, path) is route


def test_a_request_spends_from_the_site_its_route_and_its_client() -> None:
    """Every limit that is set counts; a route without any has no entry."""
    limits = limits_of(ThrottleSettings(account="9/s", control="5/s", control_client="2/s", delivery_client="1/s"))
    names = {
        route: [(one.bucket.name, one.key) for one in limits[route].demands("192.0.2.1")]
        for route in (Route.DELIVERY, Route.CONTROL, Route.UPLOADS)
    }
    assert names == {
        Route.DELIVERY: [("account", ""), ("delivery_client", "192.0.2.1")],
        Route.CONTROL: [("account", ""), ("control", ""), ("control_client", "192.0.2.1")],
        Route.UPLOADS: [("account", "")],
    }
    assert limits_of(ThrottleSettings()) == {}
