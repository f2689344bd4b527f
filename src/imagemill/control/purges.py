"""`POST /v1/purges` and `GET /v1/purges/{id}`: remove kept variants from every layer, and what became of it (row E2).

Layers are `memory`, `disk` (where there is one), `store`, `nodes` (the other processes: told, and done within two
seconds) and `cdn` (where one is configured): each is done, pending or failed.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import msgspec
from fastapi import APIRouter, Path, Request, Response

from imagemill.control.answers import answer
from imagemill.control.json_body import read_json
from imagemill.control.routing import says, takes
from imagemill.control.services import Services
from imagemill.control.views import time_of
from imagemill.delivery.purge_target import PurgeTarget
from imagemill.delivery.receipt import Receipt
from imagemill.errors import Fault, InvalidRequest, NotFound, shown
from imagemill.object_store.naming import check_existing_key, check_prefix
from imagemill.originals.description import check_tag


class Purge(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """What to remove: exactly one of `key`, `prefix` (empty: everything), `variant` (a `name` as listed), `tag`."""

    key: str | None = None
    prefix: str | None = None
    variant: str | None = None
    tag: str | None = None


class PurgeView(msgspec.Struct, frozen=True, kw_only=True):
    """What was done: the state of each layer and how many variants of the store went.

    `reason` is a sentence that says why a layer has failed.
    """

    id: str
    layers: dict[str, str]
    removed: int
    started: datetime
    key: str | None = None
    prefix: str | None = None
    variant: str | None = None
    tag: str | None = None
    reason: str | None = None


def view_of_purge(receipt: Receipt) -> PurgeView:
    """Return what is said of a purge."""
    target = receipt.target
    return PurgeView(
        id=receipt.id,
        layers=dict(receipt.layers),
        removed=receipt.removed,
        started=time_of(receipt.started),
        key=None if target is None else target.key,
        prefix=None if target is None else target.prefix,
        variant=None if target is None else target.leaf,
        tag=receipt.tag,
        reason=receipt.reason or None,
    )


def purges_router(services: Services) -> APIRouter:
    """Return the routes of purges."""
    router = APIRouter(tags=["variants"])

    @router.post(
        "/v1/purges",
        summary="Remove kept variants",
        responses=says(PurgeView, 202, "Carried out, but for layers that are pending."),
        openapi_extra=takes(Purge),
        status_code=202,
    )
    async def post(request: Request) -> Response:
        asked = await read_json(request, Purge, services.pause)
        _check_one(asked)
        if asked.tag is not None:
            word = check_tag(asked.tag)
            receipt = await services.purging.purge_tagged(word, [key async for key in services.originals.tagged(word)])
        else:
            receipt = await services.purging.purge(_target(asked, services.originals.site))
        return answer(view_of_purge(receipt), 202, location=f"/v1/purges/{receipt.id}")

    @router.get("/v1/purges/{id}", summary="What became of a purge", responses=says(PurgeView))
    async def get(number: Annotated[str, Path(alias="id", description="As the purge was answered.")]) -> Response:
        receipt = services.purging.receipt(number)
        if receipt is None:
            raise NotFound(
                f"There is no purge “{shown(number)}” here; only the newest ones are remembered.",
                code="no_such_purge",
            )
        return answer(view_of_purge(receipt))

    return router


def _check_one(asked: Purge) -> None:
    """Raise InvalidRequest unless exactly one thing is named."""
    named = [name for name in ("key", "prefix", "variant", "tag") if getattr(asked, name) is not None]
    if len(named) != 1:
        expected = "exactly one of key, prefix, variant, tag"
        raise InvalidRequest(
            f"A purge names {expected}; received {', '.join(named) or 'none'}.",
            code="invalid_purge",
            faults=(Fault("purge", expected, ", ".join(named) or "none"),),
        )


def _target(asked: Purge, site: str) -> PurgeTarget:
    if asked.variant is not None:
        key, leaf = _variant(asked.variant, site)
        return PurgeTarget(site=site, key=key, leaf=leaf)
    if asked.prefix is not None:
        return PurgeTarget(site=site, prefix=check_prefix(asked.prefix))
    return PurgeTarget(site=site, key=check_existing_key(asked.key or ""))


def _variant(name: str, site: str) -> tuple[str, str]:
    """Return key and leaf of a variant's name `<site>/<key>/~/<version>/<leaf>`; the site may be left out."""
    before, mark, after = name.partition("/~/")
    _, slash, leaf = after.partition("/")
    if not (mark and slash and leaf and "/" not in leaf):
        raise InvalidRequest(
            f"“{shown(name)}” is no name of a variant; expected <key>/~/<version>/<leaf>, as /v1/variants lists it.",
            code="invalid_purge",
        )
    return check_existing_key(before.removeprefix(f"{site}/")), leaf
