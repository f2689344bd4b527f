"""`/v1/info/{key…}` and `POST /v1/info`: everything known of an original, of many at once (contract, "Control API").

With EXIF, IPTC, XMP and the place, which `/info/<key>` never tells. A key's holder pays for nothing, but waits for a
slot like everybody.
"""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Depends, Request, Response

from imagemill.control.addresses import Addresses
from imagemill.control.answers import answer
from imagemill.control.asgi import request_id
from imagemill.control.json_body import read_json
from imagemill.control.routing import key_of, says, takes
from imagemill.control.services import Services
from imagemill.control.views import time_of
from imagemill.delivery.info import whole_info
from imagemill.engine.findings import Findings, Location, Swatch, Value
from imagemill.errors import Fault, ImagemillError, InvalidRequest, shown
from imagemill.gateway.problems import problem_details, status_of
from imagemill.originals.values import Original

MAX_KEYS = 100
"""Keys of one request; more are asked in several."""
MAX_AT_ONCE = 4
"""Inspections of one request that wait or run: its own queue must not be what refuses it."""
CLIENT = "control"
"""The queue in which all callers with a key wait."""

PATH = "/v1/info/{key:key}"
KEY = key_of("info")


class Colours(msgspec.Struct, frozen=True):
    """Colours in sRGB, `#rrggbb`: the mean, the most frequent of the palette, and up to five with their shares."""

    average: str
    dominant: str
    palette: tuple[Swatch, ...]


class InfoView(msgspec.Struct, frozen=True, kw_only=True):
    """Everything known of an original.

    Sizes are those of the upright picture; `orientation` is what the file says (EXIF); `delays` are milliseconds a
    frame, `loop` is 0 for ever. `thumbhash` is base64, `perceptual_hash` 64 bits in hex. `located` says whether the
    file tells where it was taken: in `location`, `gps` or `xmp`. Metadata map the standards' names to texts, numbers or
    lists of them.
    """

    key: str
    version: str
    size: int
    content_type: str
    modified: datetime
    sha256: str | None
    url: str | None
    format: str
    width: int
    height: int
    pages: int
    animated: bool
    alpha: bool
    bits: int
    space: str
    profile: str | None
    orientation: int
    loop: int
    delays: tuple[int, ...]
    colours: Colours
    blurhash: str
    thumbhash: str
    perceptual_hash: str
    preview: str
    located: bool
    location: Location | None
    exif: dict[str, Value]
    gps: dict[str, Value]
    iptc: dict[str, Value]
    xmp: dict[str, Value]
    texts: dict[str, Value]


class InfoAsked(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Which originals: 1 to 100 keys."""

    keys: tuple[str, ...]


class InfoItem(msgspec.Struct, frozen=True, kw_only=True):
    """One of many: its status, and either what is known or the problem in its way."""

    key: str
    status: int
    info: InfoView | None = None
    problem: dict[str, Any] | None = None


class InfoList(msgspec.Struct, frozen=True):
    """The items in the order of the keys."""

    items: tuple[InfoItem, ...]


def info_router(services: Services) -> APIRouter:
    """Return the routes of information."""
    router = APIRouter(tags=["info"])

    async def told(key: str) -> InfoView:
        original, findings, _ = await services.inspector.inspect(key, CLIENT, pays=False)
        return info_view_of(original, findings, services.addresses)

    @router.get(PATH, summary="Everything known of an original", responses=says(InfoView))
    async def get(key: Annotated[str, Depends(KEY)]) -> Response:
        return answer(await told(key))

    router.add_api_route(PATH, get, methods=["HEAD"], include_in_schema=False)

    @router.post(
        "/v1/info",
        summary="Everything known of many originals",
        responses={**says(InfoList), **says(InfoList, 207, "Some failed; each item has its status.")},
        openapi_extra=takes(InfoAsked),
    )
    async def post(request: Request) -> Response:
        keys = _checked((await read_json(request, InfoAsked, services.pause)).keys)
        turn = asyncio.Semaphore(MAX_AT_ONCE)

        async def item(key: str) -> InfoItem:
            async with turn:
                try:
                    return InfoItem(key=key, status=200, info=await told(key))
                except ImagemillError as error:
                    details = problem_details(error, request_id(request.scope))
                    return InfoItem(key=key, status=status_of(error), problem=details)

        items = await asyncio.gather(*map(item, keys))
        whole = all(one.problem is None for one in items)
        return answer(InfoList(tuple(items)), 200 if whole else 207)

    return router


def info_view_of(original: Original, findings: Findings, addresses: Addresses) -> InfoView:
    """Return everything that is known."""
    info = original.info
    record = {
        "key": original.key,
        "version": original.version,
        "size": info.size,
        "content_type": info.content_type,
        "modified": time_of(info.modified),
        "sha256": info.sha256,
        "url": addresses.of(original),
    }
    return msgspec.convert(record | whole_info(findings), InfoView)


def _checked(keys: tuple[str, ...]) -> tuple[str, ...]:
    if not 1 <= len(keys) <= MAX_KEYS:
        fault = Fault("keys", f"1 to {MAX_KEYS} keys", str(len(keys)))
        raise InvalidRequest(f"The list of keys does not fit: {fault}.", code="invalid_body", faults=(fault,))
    twice = next((key for key in keys if keys.count(key) > 1), None)
    if twice is not None:
        fault = Fault("keys", "each key once", shown(twice))
        raise InvalidRequest(f"The list of keys does not fit: {fault}.", code="invalid_body", faults=(fault,))
    return keys
