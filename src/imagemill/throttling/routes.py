"""Which request spends from which buckets: the site's, its route's, its client's on that route, all at once.

Like API Gateway's throttles, every limit that is set counts and the narrowest one is what a client feels; unlike there
they are exact, because one `take` judges them together (threats 1.9). Health and metrics are never throttled: a load
balancer that is told 429 takes the node away.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from imagemill.throttling.bucket import Bucket, Demand
from imagemill.throttling.rates import read_rate
from imagemill.throttling.settings import ThrottleSettings


class Route(StrEnum):
    """The sorts of requests that have limits of their own."""

    DELIVERY = "delivery"
    CONTROL = "control"
    UPLOADS = "uploads"
    OTHER = "other"


_PICTURES = (b"/img/", b"/info/", b"/srcset/")
_PUTS = (b"/v1/originals", b"/v1/uploads")
_SENDING = ("PUT", "POST", "PATCH")


def route_of(method: str, path: bytes) -> Route:
    """Return the route of a request by its raw path; nothing is decoded for it."""
    if path.startswith(_PICTURES):
        return Route.DELIVERY
    if not path.startswith(b"/v1"):
        return Route.OTHER
    brings = method in _SENDING and path.startswith(_PUTS)
    return Route.UPLOADS if brings and not (method == "PATCH" and path.startswith(_PUTS[0])) else Route.CONTROL


@dataclass(frozen=True, slots=True)
class RouteLimits:
    """The buckets of one route: shared by all, and one for each client (None where it is not limited)."""

    shared: tuple[Bucket, ...]
    client: Bucket | None

    def demands(self, client: str, tokens: float = 1.0) -> tuple[Demand, ...]:
        """Return what a request of `client` asks for."""
        own = () if self.client is None else (Demand(self.client, client, tokens),)
        return (*(Demand(bucket, "", tokens) for bucket in self.shared), *own)

    @property
    def smallest_burst(self) -> float:
        """The burst of the narrowest bucket."""
        bursts = [bucket.burst for bucket in self.shared]
        return min(bursts if self.client is None else [*bursts, self.client.burst])


def limits_of(settings: ThrottleSettings) -> dict[Route, RouteLimits]:
    """Return the buckets of every route that has any, from settings that were checked."""
    found: dict[Route, RouteLimits] = {}
    for route in (Route.DELIVERY, Route.CONTROL, Route.UPLOADS):
        shared = (read_rate(settings.account, "account"), read_rate(getattr(settings, route.value), route.value))
        name = f"{route.value}_client"
        limits = RouteLimits(tuple(one for one in shared if one is not None), read_rate(getattr(settings, name), name))
        if limits.shared or limits.client is not None:
            found[route] = limits
    return found
