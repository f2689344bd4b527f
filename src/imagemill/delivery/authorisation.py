"""`/internal/authorize`: a server in front of us asks whether it may send bytes that it has (threats F3, G8).

nginx asks with `auth_request` and knows three answers: 2xx, and 401 or 403 for no. So every refusal is 403 here,
whatever the request itself would be answered; who is refused is sent on to us and told the truth. Nothing is made and
nothing may be kept: the next request is judged anew.
"""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Protocol

from imagemill.delivery.caching_headers import private_cache_control
from imagemill.delivery.values import HttpRequest, HttpResponse
from imagemill.errors import ImagemillError, InvalidRequest, Kind
from imagemill.signing.grant import Grant

PATH = b"/internal/authorize"
ORIGINAL_URI = b"x-original-uri"
_OURS = frozenset({Kind.OVERLOADED, Kind.INTERNAL, Kind.STORAGE_FULL})
"""Failures that say nothing of the caller: a server in front fails closed on them by itself."""


class Judge(Protocol):
    """What answers one kind of address, and can say beforehand under what."""

    async def authorise(self, request: HttpRequest) -> HttpResponse:
        """Return `permitted`, or raise what the request itself would raise."""
        ...


class Authorisation:
    """Answers for the addresses that somebody in front of us may have in store."""

    def __init__(self, images: Judge, info: Judge) -> None:
        """`images` answers /img/…, `info` /info/…."""
        self._judges = ((b"/img/", images), (b"/info/", info))

    async def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer 204 or 403 for the URL in X-Original-URI, with the cookies and the client of `request`."""
        path, _, query = request.headers.get(ORIGINAL_URI, b"").partition(b"?")
        asked = replace(request, method="GET", path=path, query=query)
        try:
            for start, judge in self._judges:
                if path.startswith(start):
                    return await judge.authorise(asked)
            raise InvalidRequest("X-Original-URI is no address of a picture.", code="bad_path")
        except ImagemillError as error:
            if error.kind in _OURS:
                raise
            return HttpResponse(403, [(b"imagemill-error", error.code.encode("ascii")), _NO_STORE])


_NO_STORE = (b"cache-control", b"no-store")


def permitted(grant: Grant | None, age: int | None) -> HttpResponse:
    """Return the 204 for an answer under `grant` (None: open to everyone) that its browser may keep for `age` s."""
    if grant is None:
        return HttpResponse(204, [(b"imagemill-access", b"open"), _NO_STORE])
    lifetime = private_cache_control(age, grant.until, time.time())
    return HttpResponse(204, [(b"imagemill-access", b"signed"), (b"imagemill-cache-control", lifetime), _NO_STORE])
