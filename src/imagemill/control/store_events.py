"""`POST /v1/store-events`: a store, or whoever carries its events, says that objects changed (row O1).

Each named original that this process knows is looked at in the store before the answer, so from then on nobody gets the
old one here; other processes and nodes notice within their own time of freshness. An original that nobody asked for yet
costs nothing. `originals.recheck` stays the net below: an event that is lost only means that a change is noticed later.

Nothing is ever fetched because a body says so: SNS wants its confirmation address opened, and shows it to the operator.
"""

from __future__ import annotations

import asyncio

import msgspec
from fastapi import APIRouter, Request, Response

from imagemill.control.answers import answer
from imagemill.control.body import read, unsupported_media
from imagemill.control.json_body import decode_any
from imagemill.control.routing import BYTES, says
from imagemill.control.services import Services
from imagemill.errors import Overloaded, shown
from imagemill.observability.logging import events
from imagemill.originals.library import Originals
from imagemill.originals.notifications import Reader

PATH = "/v1/store-events"
MAX_BYTES = 6 * 1024 * 1024
"""What Lambda hands over at most; ten messages of SQS are less."""
MEDIA_TYPES = ("application/json", "text/plain", "application/cloudevents+json")
"""SNS calls its JSON text/plain."""
AT_ONCE = 8
"""Originals looked at in the store at the same time."""


class FailedMessage(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A message that cannot be read, as SQS and Lambda want it named."""

    item_identifier: str


class StoreEventsView(msgspec.Struct, frozen=True, kw_only=True):
    """What became of the events: `looked` originals looked at again, `unseen` ones that nobody has asked for yet.

    `ignored` counts events of other kinds, buckets or objects of ours; `confirm` are addresses that the operator has to
    open once. `batchItemFailures` is Lambda's partial batch response.
    """

    looked: int
    unseen: int
    ignored: int
    confirm: list[str]
    failures: list[FailedMessage] = msgspec.field(name="batchItemFailures")


def store_events_router(services: Services) -> APIRouter:
    """Return the route of store events."""
    router = APIRouter(tags=["originals"])
    reader = Reader(services.places, decode_any)

    @router.post(
        PATH,
        summary="Say that objects of a store changed",
        responses=says(StoreEventsView, 200, "Looked at."),
        openapi_extra={"requestBody": {"required": True, "content": {name: {"schema": BYTES} for name in MEDIA_TYPES}}},
    )
    async def post(request: Request) -> Response:
        media = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if media not in MEDIA_TYPES:
            raise unsupported_media(f"The body is “{shown(media)}”; application/json was expected.")
        told = reader.read(await read(request, MAX_BYTES, services.pause))
        for address in told.confirm:
            events().warning("store_events.confirm", open_this_address=address)
        keys = list(dict.fromkeys(told.keys))
        looked = await look_again(services.originals, keys)
        return answer(
            StoreEventsView(
                looked=looked,
                unseen=len(keys) - looked,
                ignored=told.ignored,
                confirm=told.confirm,
                failures=[FailedMessage(item_identifier=name) for name in told.failed],
            )
        )

    return router


async def look_again(originals: Originals, keys: list[str]) -> int:
    """Look at each of `keys` that was seen before; return how many. While a store is away they stay doubted."""
    turns = asyncio.Semaphore(AT_ONCE)

    async def look(key: str) -> bool:
        async with turns:
            try:
                return await originals.look_again(key)
            except Overloaded:
                return True

    return sum(await asyncio.gather(*map(look, keys)))
