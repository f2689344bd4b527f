"""`POST /v1/purges`: remove kept variants of an original, of a prefix, or one variant, from every layer (row E2).

Layers are named as the contract does; `edge` and `cdn` join them when they exist (rows E1 in a cluster, D3).
"""

from __future__ import annotations

import secrets

import msgspec
from fastapi import APIRouter, Request, Response

from imagemill.control.answers import answer
from imagemill.control.json_body import read_json
from imagemill.control.routing import says, takes
from imagemill.control.services import Services
from imagemill.errors import Fault, InvalidRequest, NotBuilt, shown
from imagemill.object_store.naming import check_existing_key, check_prefix


class Purge(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """What to remove: exactly one of `key`, `prefix` (empty: everything), `variant` (a `name` as listed), `tag`."""

    key: str | None = None
    prefix: str | None = None
    variant: str | None = None
    tag: str | None = None


class PurgeView(msgspec.Struct, frozen=True, kw_only=True):
    """What was done: the state of each layer and how many variants went."""

    id: str
    layers: dict[str, str]
    removed: int


def purges_router(services: Services) -> APIRouter:
    """Return the route of purges."""
    router = APIRouter(tags=["variants"])

    @router.post(
        "/v1/purges",
        summary="Remove kept variants",
        responses=says(PurgeView, 202, "Carried out, layer by layer."),
        openapi_extra=takes(Purge),
        status_code=202,
    )
    async def post(request: Request) -> Response:
        asked = await read_json(request, Purge, services.pause)
        key, prefix, leaf = _target(asked, services.originals.site)
        # Memory before the store and after it: a hit that is read from the store meanwhile must not come back.
        services.on_purge(key=key, prefix=prefix, leaf=leaf)
        removed = await services.variants.purge(services.originals.site, key=key, prefix=prefix, leaf=leaf)
        services.on_purge(key=key, prefix=prefix, leaf=leaf)
        view = PurgeView(id=secrets.token_hex(8), layers={"memory": "done", "store": "done"}, removed=removed)
        return answer(view, 202)

    return router


def _target(asked: Purge, site: str) -> tuple[str | None, str | None, str | None]:
    """Return key, prefix and leaf to purge; raise InvalidRequest unless exactly one thing is named."""
    named = [name for name in ("key", "prefix", "variant", "tag") if getattr(asked, name) is not None]
    if len(named) != 1:
        expected = "exactly one of key, prefix, variant"
        raise InvalidRequest(
            f"A purge names {expected}; received {', '.join(named) or 'none'}.",
            code="invalid_purge",
            faults=(Fault("purge", expected, ", ".join(named) or "none"),),
        )
    if asked.tag is not None:
        raise NotBuilt("Purging by tag needs the catalog, which knows tags.", row="C1")
    if asked.variant is not None:
        key, leaf = _variant(asked.variant, site)
        return key, None, leaf
    if asked.prefix is not None:
        return None, check_prefix(asked.prefix), None
    return check_existing_key(asked.key or ""), None, None


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
