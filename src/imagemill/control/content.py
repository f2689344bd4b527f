"""`/v1/content/{key…}`: the untouched bytes of an original, for the holder of the key only (threat D11).

Always a download (attachment), never a page: an original may be a polyglot. Ranges and validators as in delivery.
Where one answer cannot have so many bytes (a function in the cloud), the client is sent to the bucket by a link that
counts for minutes (302, kept by nobody), as delivery does with long variants (`delivery.outsize`).
"""

from __future__ import annotations

import asyncio
import base64
import os
from collections.abc import AsyncIterator
from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Depends, Request, Response
from starlette.responses import StreamingResponse

from imagemill.control.answers import empty
from imagemill.control.routing import key_of, says, sends_bytes
from imagemill.control.services import Services
from imagemill.delivery.caching_headers import http_date, not_modified, precondition_fails, range_of
from imagemill.delivery.outsize import LINK_SECONDS
from imagemill.errors import Overloaded, PreconditionFailed, RangeNotSatisfiable
from imagemill.gateway.asgi import Receive, Scope, Send
from imagemill.gateway.problems import SAFE_HEADERS
from imagemill.object_store.port import ObjectInfo, OpenObject
from imagemill.originals.library import Originals

KEY = key_of("content")
PATH = "/v1/content/{key:key}"
PIECE = 256 * 1024
"""Bytes read at once; memory held for each download."""
_TOLD = ("cache-control", "content-disposition", "content-type")
"""What our answer would have said and a bucket can say in its place."""


def content_router(services: Services) -> APIRouter:
    """Return the route of an original's bytes."""
    router = APIRouter(tags=["originals"])

    @router.get(
        PATH,
        summary="The untouched bytes of an original",
        responses={
            **sends_bytes(200, "The bytes."),
            **sends_bytes(206, "The asked range of them."),
            **says(None, 302, "Where one answer cannot have so many bytes: a link to them, for some minutes."),
        },
        response_class=Response,
    )
    async def get(request: Request, key: Annotated[str, Depends(KEY)]) -> Response:
        if services.most_body is not None:
            short = await _unless_short(request, key, services.originals, services.most_body)
            if short is not None:
                return short
        opened = await services.originals.open_untouched(key)
        try:
            response = _respond(request, opened)
        except BaseException:
            opened.close()
            raise
        if not isinstance(response, Download):
            opened.close()
        return response

    router.add_api_route(PATH, get, methods=["HEAD"], include_in_schema=False)
    return router


async def _unless_short(request: Request, key: str, originals: Originals, most: int) -> Response | None:
    """Return the answer that needs none of the bytes here; None where they are at most `most`.

    An object that grows after this look is too long for the answer: the bridge says so, and the next request is right.
    """
    info = await originals.untouched(key)
    planned = _planned(request, info)
    if isinstance(planned, Response):
        return planned
    part, _, headers = planned
    if len(part) <= most:
        return None
    answer = {name: headers[name] for name in _TOLD}
    location = await originals.link(key, expires_in=LINK_SECONDS, answer=answer)
    if location is None:
        raise Overloaded(
            f"The answer has {len(part)} bytes, more than the {most} that can be sent at once from here, and this "
            "original lies in no bucket that could be asked itself; ask for parts of it (Range).",
            code="too_long_to_send",
        )
    return empty(302, location=location)


def _respond(request: Request, opened: OpenObject) -> Response:
    planned = _planned(request, opened.info)
    if isinstance(planned, Response):
        return planned
    return Download(opened, *planned)


def _planned(request: Request, info: ObjectInfo) -> Response | tuple[range, int, dict[str, str]]:
    """Return an answer without bytes, or which bytes to send with which status and headers."""
    asked = dict(request.scope["headers"])
    etag = f'"{info.etag}"'.encode()
    headers = _headers(info)
    if precondition_fails(asked, etag=etag, modified=info.modified):
        raise PreconditionFailed("If-Match or If-Unmodified-Since names other bytes than the present ones.")
    if not_modified(asked, etag=etag, modified=info.modified):
        return empty(304, etag=headers["etag"], last_modified=headers["last-modified"])
    part = range_of(asked, size=info.size, etag=etag, modified=info.modified) if request.method == "GET" else None
    if part is False:
        raise RangeNotSatisfiable(
            f"The original has {info.size} bytes; the asked range begins after its end.", size=info.size
        )
    first, last, status = (*part, 206) if isinstance(part, tuple) else (0, info.size - 1, 200)
    if status == 206:
        headers["content-range"] = f"bytes {first}-{last}/{info.size}"
    headers["content-length"] = str(last - first + 1)
    if request.method == "HEAD":
        return Response(status_code=200, headers=headers)
    return range(first, last + 1), status, headers


class Download(StreamingResponse):
    """Sends `part` of an open object, piece by piece, and closes it however that ends."""

    def __init__(self, opened: OpenObject, part: range, status: int, headers: dict[str, str]) -> None:
        super().__init__(_pieces(opened, part), status, headers)
        self._opened = opened

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it. The descriptor goes also when the client left before the first piece was asked for."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._opened.close()


def _headers(info: ObjectInfo) -> dict[str, str]:
    known = {}
    if info.sha256 is not None:
        digest = base64.b64encode(bytes.fromhex(info.sha256)).decode("ascii")
        known = {"repr-digest": f"sha-256=:{digest}:"}
    return {
        **known,
        "content-type": info.content_type,
        "content-disposition": _attachment(info.key),
        "cache-control": "private, no-cache",
        "etag": f'"{info.etag}"',
        "last-modified": http_date(info.modified).decode("ascii"),
        "accept-ranges": "bytes",
        "cross-origin-resource-policy": "same-origin",
        **{name.decode(): value.decode() for name, value in SAFE_HEADERS if name != b"access-control-allow-origin"},
    }


async def _pieces(opened: OpenObject, part: range) -> AsyncIterator[bytes]:
    """Yield the bytes of `part`."""
    start = part.start
    while start < part.stop:
        piece = await asyncio.to_thread(os.pread, opened.fileno(), min(PIECE, part.stop - start), start)
        if not piece:
            return  # cut behind our back; the server notices that fewer bytes came than it announced
        start += len(piece)
        yield piece


def _attachment(key: str) -> str:
    """Return Content-Disposition (RFC 6266) with the last segment of the key, plain and in UTF-8."""
    name = key.rsplit("/", 1)[-1]
    plain = "".join(one if one.isascii() and one.isprintable() and one not in '"\\%' else "_" for one in name)
    exact = f"; filename*=UTF-8''{quote(name, safe='')}" if plain != name else ""
    return f'attachment; filename="{plain}"{exact}'
