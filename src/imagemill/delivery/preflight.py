"""The answer to OPTIONS: images are open to every page (CORS), reading is all there is."""

from __future__ import annotations

from imagemill.delivery.values import HttpResponse

METHODS = b"GET, HEAD, OPTIONS"


def preflight() -> HttpResponse:
    """Return the 204 that a browser asks for before a cross-origin request with its own headers."""
    return HttpResponse(
        204,
        [
            (b"allow", METHODS),
            (b"access-control-allow-origin", b"*"),
            (b"access-control-allow-methods", METHODS),
            (b"access-control-allow-headers", b"*"),
            (b"access-control-max-age", b"86400"),
        ],
    )
