"""The pages beside the pictures: the landing page near the machine, robots and the icon everywhere.

Separate from `landing`, which holds the files: here is who may see them. On a delivery host `/` is 404, because a
visitor of a picture's address has no business with the operator's page.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from imagemill.delivery.values import HttpRequest, HttpResponse
from imagemill.gateway.landing import Answer, landing_response, samples_response

Samples = Callable[[], Awaitable[Sequence[Mapping[str, Any]]]]
EVERYWHERE = ("/robots.txt", "/favicon.ico")


class Pages:
    """Answers GET of a page."""

    def __init__(self, samples: Samples, site: Callable[[], Mapping[str, Any]], public_url: str) -> None:
        """`samples` lists the first originals, `site` tells what anyone may ask.

        The host of `public_url` is a delivery host and shows no page.
        """
        self._samples = samples
        self._site = site
        self._delivery_host = urlsplit(public_url).netloc.lower()

    async def page(self, request: HttpRequest, *, local: bool, near: bool) -> HttpResponse | None:
        """Return the page at the request's path, None where there is none for this caller (see `clients`)."""
        path = request.path.decode("latin-1")
        host = request.headers.get(b"host", b"").decode("latin-1").lower()
        if path not in EVERYWHERE and (not local or host == self._delivery_host):
            return None
        if path == "/samples.json":
            return _response(await samples_response(self._samples, self._site())) if near else None
        found = landing_response(path, request.headers.get(b"if-none-match", b"").decode("latin-1"))
        return None if found is None else _response(found)


def _response(answer: Answer) -> HttpResponse:
    status, headers, body = answer
    return HttpResponse(status, [(name.lower().encode(), value.encode()) for name, value in headers], body)
