"""`GET /v1/originals`: originals in byte order of their keys, page by page.

Separate from `originals`, which speaks of one. The catalog (row C1) will answer questions about tags and other orders.
"""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import urlencode

import msgspec
from fastapi import APIRouter, Query, Response

from imagemill.control.addresses import Addresses
from imagemill.control.answers import answer
from imagemill.control.cursors import read_cursor, write_cursor
from imagemill.control.routing import says
from imagemill.control.services import Services
from imagemill.control.views import OriginalView, object_view_of, view_of
from imagemill.errors import InvalidRequest, NotBuilt, shown
from imagemill.object_store.naming import check_prefix
from imagemill.originals.listing import Listed

FIELDS = frozenset(OriginalView.__struct_fields__)
MAX_DELIMITER = 8


class ListingQuery(msgspec.Struct, frozen=True, kw_only=True):
    """What was asked, checked."""

    prefix: str
    delimiter: str
    limit: int
    fields: tuple[str, ...]


def listing_router(services: Services) -> APIRouter:
    """Return the route of the listing."""
    router = APIRouter(tags=["originals"])

    @router.get("/v1/originals", summary="List originals", responses=says(None, 200, "A page of originals."))
    async def listing(
        prefix: Annotated[str, Query(description="Only keys that begin with this.")] = "",
        delimiter: Annotated[str, Query(description="Gather keys by what stands before it, like folders.")] = "",
        limit: Annotated[int, Query(ge=1, le=1000)] = 100,
        cursor: Annotated[str, Query(description="Where the page before ended (next_cursor).")] = "",
        fields: Annotated[str, Query(description="Only these members of each item, with commas between.")] = "",
        sort: Annotated[str, Query(description="Only “key” in this version.")] = "key",
        tag: Annotated[str, Query(description="Not in this version.")] = "",
    ) -> Response:
        if tag or sort != "key":
            raise NotBuilt("Listing by tag or in another order than the key's needs the catalog.", row="C1")
        asked = ListingQuery(
            prefix=check_prefix(prefix), delimiter=_checked_delimiter(delimiter), limit=limit, fields=_names(fields)
        )
        after = read_cursor(cursor, prefix, delimiter) if cursor else ""
        page = await services.originals.list(prefix, delimiter, after, limit)
        next_cursor = None if page.next_after is None else write_cursor(page.next_after, prefix, delimiter)
        items = [_item(listed, asked.fields, services.addresses) for listed in page.originals]
        response = answer({"items": items, "prefixes": page.prefixes, "next_cursor": next_cursor})
        if next_cursor is not None:
            response.headers["link"] = _link(asked, next_cursor)
        return response

    router.add_api_route("/v1/originals", listing, methods=["HEAD"], include_in_schema=False)
    return router


def _item(listed: Listed, fields: tuple[str, ...], addresses: Addresses) -> Any:
    known = listed.original
    view = object_view_of(listed.info, addresses) if known is None else view_of(known, addresses)
    if not fields:
        return view
    values = msgspec.to_builtins(view)
    return {name: values[name] for name in fields if name in values}


def _checked_delimiter(delimiter: str) -> str:
    if len(delimiter) > MAX_DELIMITER or not (delimiter.isprintable() or not delimiter):
        raise InvalidRequest(
            f"The delimiter is “{shown(delimiter)}”; up to {MAX_DELIMITER} visible characters were expected.",
            code="bad_delimiter",
        )
    return delimiter


def _names(fields: str) -> tuple[str, ...]:
    names = tuple(name for name in fields.split(",") if name)
    for name in names:
        if name not in FIELDS:
            raise InvalidRequest(
                f"There is no field “{shown(name)}”; expected some of {', '.join(sorted(FIELDS))}.", code="bad_field"
            )
    return names


def _link(asked: ListingQuery, cursor: str) -> str:
    """Return the Link header (RFC 8288) of the next page: the same question from the cursor on."""
    query = {
        "prefix": asked.prefix,
        "delimiter": asked.delimiter,
        "limit": str(asked.limit),
        "fields": ",".join(asked.fields),
        "cursor": cursor,
    }
    return f'</v1/originals?{urlencode({name: text for name, text in query.items() if text})}>; rel="next"'
