"""The answer that sends a client on to the listed size of its picture (contract, "Access": `sizes.else = snap`)."""

from __future__ import annotations

from imagemill.delivery.plan import SECURITY
from imagemill.delivery.settings import DeliverySettings
from imagemill.delivery.values import HttpResponse


def redirect(location: str, settings: DeliverySettings) -> HttpResponse:
    """Return a 308 to `location`, a path: nothing is built from Host (threat H9).

    It is kept as long as a picture whose URL names no version: the lists may be others after a restart, and RFC 9110
    section 15.4.9 would let a cache keep it for ever.
    """
    return HttpResponse(
        308,
        [
            (b"location", location.encode("ascii")),
            (b"cache-control", f"public, max-age={settings.max_age}".encode()),
            *SECURITY,
        ],
    )
