"""Whether the process lives and whether it can serve: what a load balancer and `doctor` ask.

Ready means that hits can be served: the workers are up, and the store answers or something is known that is served
while it is away ("degraded": if all nodes left their balancer with the store, nobody would answer what they have). A
server that is stopping is not ready, so that no new request is sent to it while it finishes what is running.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

import msgspec

from imagemill.delivery.values import HttpResponse

Check = Callable[[], Awaitable[str | None]]
"""Returns None when all is well, else one sentence that names no path."""


class Health:
    """Live and ready."""

    def __init__(self, checks: Mapping[str, Check], spared: Callable[[], frozenset[str]] = frozenset) -> None:
        """`checks` by name; each must answer quickly. `spared` names those that hits can do without just now."""
        self._checks = checks
        self._spared = spared
        self.draining = False

    def live(self) -> HttpResponse:
        """The process answers."""
        return _json(200, {"status": "live"})

    async def ready(self) -> HttpResponse:
        """It can serve hits, or 503 with what is missing."""
        found = {name: await check() for name, check in self._checks.items()}
        if self.draining:
            found["server"] = "is stopping"
        wrong = {name for name, sentence in found.items() if sentence is not None}
        checks = {name: sentence or "ok" for name, sentence in found.items()}
        if wrong - self._spared():
            return _json(503, {"status": "unavailable", "checks": checks})
        return _json(200, {"status": "degraded" if wrong else "ready", "checks": checks})


def _json(status: int, value: object) -> HttpResponse:
    headers = [(b"content-type", b"application/json"), (b"cache-control", b"no-store")]
    if status == 503:
        headers.append((b"retry-after", b"1"))
    return HttpResponse(status, headers, msgspec.json.encode(value))
