"""`/v1/presets` and `/v1/presets/{name}`: option lists with a name (contract, "Control API"; capability T10).

Those of the settings are told like all others and cannot be changed here.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec
from fastapi import APIRouter, Path, Request, Response

from imagemill.control.answers import answer, empty
from imagemill.control.conditions import condition_of
from imagemill.control.json_body import read_json
from imagemill.control.routing import says, takes
from imagemill.control.services import Services
from imagemill.control.views import time_of
from imagemill.delivery.caching_headers import not_modified
from imagemill.delivery.preset_book import etag_of
from imagemill.recipe.canonical import text_of
from imagemill.recipe.presets import Preset, alone

PATH = "/v1/presets/{name}"
Name = Annotated[str, Path(description="1…64 letters, digits, `-`, `_` and `.`; what `p=` says in a URL.")]


class PresetWritten(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """What a caller says of a preset; `options` are spelled as in a URL."""

    options: str


class PresetView(msgspec.Struct, frozen=True, kw_only=True):
    """A preset.

    `canonical` is what it means by itself, null where the URL must bring something (`ar` without a side). `modified` is
    null for one of the settings.
    """

    name: str
    options: str
    canonical: str | None
    managed_by: Literal["file", "api"]
    modified: datetime | None
    etag: str


class PresetList(msgspec.Struct, frozen=True, kw_only=True):
    """All presets by name; there are never so many that a second page is needed."""

    items: tuple[PresetView, ...]
    next_cursor: str | None = None


def view_of_preset(preset: Preset) -> PresetView:
    """Return what is said of `preset`."""
    return PresetView(
        name=preset.name,
        options=preset.options,
        canonical=_canonical(preset),
        managed_by=preset.managed_by,
        modified=None if preset.modified is None else time_of(preset.modified),
        etag=etag_of(preset),
    )


def _canonical(preset: Preset) -> str | None:
    recipe = alone(preset)
    return None if recipe is None else text_of(recipe)


def presets_router(services: Services) -> APIRouter:
    """Return the routes of presets."""
    router = APIRouter(tags=["presets"])
    book = services.presets

    def told(preset: Preset, status: int = 200, **headers: str) -> Response:
        return answer(view_of_preset(preset), status, etag=f'"{etag_of(preset)}"', **headers)

    @router.get("/v1/presets", summary="All presets", responses=says(PresetList))
    async def listed() -> Response:
        return answer(PresetList(items=tuple(view_of_preset(book.current[name]) for name in sorted(book.current))))

    @router.get(PATH, summary="One preset", responses=says(PresetView))
    async def get(request: Request, name: Name) -> Response:
        preset = book.get(name)
        etag = f'"{etag_of(preset)}"'
        if not_modified(_conditions(request), etag=etag.encode(), modified=0):
            return empty(304, etag=etag)
        return told(preset)

    for path, reader in (("/v1/presets", listed), (PATH, get)):
        router.add_api_route(path, reader, methods=["HEAD"], include_in_schema=False)

    @router.put(
        PATH,
        summary="Create or replace a preset",
        responses={**says(PresetView, 201, "Created."), **says(PresetView, 200, "Replaced.")},
        openapi_extra=takes(PresetWritten),
    )
    async def put(request: Request, name: Name) -> Response:
        condition = condition_of(request)
        body = await read_json(request, PresetWritten, services.pause)
        preset, created = await book.put(name, body.options, condition)
        return told(preset, 201 if created else 200, location=f"/v1/presets/{name}")

    @router.delete(PATH, summary="Remove a preset", responses=says(None, 204, "Removed."), status_code=204)
    async def delete(request: Request, name: Name) -> Response:
        await book.delete(name, condition_of(request))
        return empty()

    return router


def _conditions(request: Request) -> dict[bytes, Any]:
    """Return the header of a conditional GET; a preset has no date that proves anything."""
    field = request.headers.get("if-none-match")
    return {} if field is None else {b"if-none-match": field.encode("latin-1")}
