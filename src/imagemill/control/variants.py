"""`/v1/variants/{key…}`: what is kept of an original, and removing it (it is made again when asked for)."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import msgspec
from fastapi import APIRouter, Depends, Query, Response

from imagemill.control.answers import answer
from imagemill.control.routing import key_of, says
from imagemill.control.services import Services
from imagemill.control.views import time_of
from imagemill.delivery.purge_target import PurgeTarget
from imagemill.originals.finding import no_such_original

KEY = key_of("variants")
PATH = "/v1/variants/{key:key}"


class VariantView(msgspec.Struct, frozen=True, kw_only=True):
    """A kept variant: `variant` is its name within the original, `name` its name in the store."""

    variant: str
    name: str
    version: str
    size: int
    modified: datetime


class VariantsView(msgspec.Struct, frozen=True, kw_only=True):
    """All kept variants of an original's present version, in byte order."""

    key: str
    version: str
    items: list[VariantView]


class PurgedView(msgspec.Struct, frozen=True, kw_only=True):
    """How many kept variants were removed."""

    removed: int


def variants_router(services: Services) -> APIRouter:
    """Return the routes of an original's variants."""
    router = APIRouter(tags=["variants"])
    originals, variants = services.originals, services.variants

    @router.get(PATH, summary="List the kept variants of an original", responses=says(VariantsView))
    async def listing(key: Annotated[str, Depends(KEY)]) -> Response:
        original = await originals.locate(key)
        found = await variants.list(originals.site, key)
        items = [
            VariantView(
                variant=info.name.leaf,
                name=str(info.name),
                version=original.version,
                size=info.size,
                modified=time_of(info.modified),
            )
            for info in found
        ]
        return answer(VariantsView(key=key, version=original.version, items=items))

    router.add_api_route(PATH, listing, methods=["HEAD"], include_in_schema=False)

    @router.delete(PATH, summary="Remove kept variants of an original", responses=says(PurgedView))
    async def purge(
        key: Annotated[str, Depends(KEY)],
        variant: Annotated[str | None, Query(description="Only this one (its `variant` in the list).")] = None,
    ) -> Response:
        if not await originals.exists(key):
            raise no_such_original(key)
        receipt = await services.purging.purge(PurgeTarget(site=originals.site, key=key, leaf=variant))
        return answer(PurgedView(removed=receipt.removed))

    return router
