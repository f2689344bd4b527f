"""`/v1/originals/{key…}`: put, get, describe, delete one original (contract, "Control API"); `listing` has many."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from fastapi import APIRouter, Depends, Query, Request, Response

from imagemill.control import body
from imagemill.control.answers import answer, empty
from imagemill.control.conditions import condition_of
from imagemill.control.content_digest import digests_of
from imagemill.control.json_body import read_json
from imagemill.control.paths import key_as_path
from imagemill.control.routing import key_of, says, takes, takes_bytes
from imagemill.control.services import Services
from imagemill.control.views import Focal, OriginalView, view_of
from imagemill.delivery.caching_headers import http_date, not_modified
from imagemill.errors import NotBuilt
from imagemill.object_store.naming import check_new_key
from imagemill.originals.description import UNSET, DescriptionChanges
from imagemill.originals.finding import no_such_original
from imagemill.originals.library import Originals
from imagemill.originals.values import Original
from imagemill.recipe.model import FocalPoint

KEY = key_of("originals")
PATH = "/v1/originals/{key:key}"


class OriginalChanges(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """A merge patch (RFC 7396): what is not mentioned stays, null removes. A new focal point is a new version.

    A `private` original needs a signature to be seen, whatever the site opens to everyone.
    """

    focal: Focal | msgspec.UnsetType | None = msgspec.UNSET
    tags: tuple[str, ...] | msgspec.UnsetType | None = msgspec.UNSET
    alt: str | msgspec.UnsetType | None = msgspec.UNSET
    custom: dict[str, str | None] | msgspec.UnsetType | None = msgspec.UNSET
    private: bool | msgspec.UnsetType | None = msgspec.UNSET

    def changes(self) -> DescriptionChanges:
        """Return the same in the words of `originals`."""
        focal = self.focal
        point = FocalPoint(focal.x, focal.y) if isinstance(focal, Focal) else None
        return DescriptionChanges(
            focal=UNSET if focal is msgspec.UNSET else point,
            tags=UNSET if self.tags is msgspec.UNSET else self.tags,
            alt=UNSET if self.alt is msgspec.UNSET else self.alt,
            custom=UNSET if self.custom is msgspec.UNSET else self.custom,
            private=UNSET if self.private is msgspec.UNSET else self.private,
        )


def originals_router(services: Services) -> APIRouter:
    """Return the routes of one original."""
    router = APIRouter(tags=["originals"])
    originals = services.originals

    async def told(original: Original, status: int = 200, **headers: str) -> Response:
        view = view_of(original, services.addresses, await originals.preview(original))
        validators = {"etag": f'"{view.etag}"', "last_modified": http_date(original.info.modified).decode()}
        return answer(view, status, **validators, **headers)

    @router.put(
        PATH,
        summary="Create or replace an original",
        responses={**says(OriginalView, 201, "Created."), **says(OriginalView, 200, "Replaced.")},
        openapi_extra=takes_bytes("The image. Its type is found by looking at the bytes."),
    )
    async def put(
        request: Request,
        key: Annotated[str, Depends(KEY)],
        private: Annotated[
            Literal["true", "false"], Query(description="true: it needs a signature from its first moment on.")
        ] = "false",
    ) -> Response:
        check_new_key(key)
        condition = condition_of(request)
        digests = digests_of(request.headers.get("content-digest"))
        body.check_encoding(request)
        original, created = await originals.put(
            key,
            body.stream(request, services.pause),
            condition=condition,
            declared_length=body.declared_length(request),
            digests=digests,
            private=private == "true",
        )
        location = f"/v1/originals/{key_as_path(key)}"
        return await told(original, 201 if created else 200, location=location)

    @router.get(PATH, summary="What is known of an original", responses=says(OriginalView))
    async def get(request: Request, key: Annotated[str, Depends(KEY)]) -> Response:
        original = await originals.locate(key)
        response = await told(original)
        asked = dict(request.scope["headers"])
        etag = response.headers["etag"].encode()
        if not_modified(asked, etag=etag, modified=original.info.modified):
            return empty(304, etag=response.headers["etag"], last_modified=response.headers["last-modified"])
        return response

    router.add_api_route(PATH, get, methods=["HEAD"], include_in_schema=False)

    @router.patch(
        PATH,
        summary="Change the focal point, tags, alternative text, custom fields, or who may see it",
        responses=says(OriginalView),
        openapi_extra=takes(OriginalChanges, "application/json", "application/merge-patch+json"),
    )
    async def patch(request: Request, key: Annotated[str, Depends(KEY)]) -> Response:
        condition = condition_of(request)
        changes = await read_json(request, OriginalChanges, services.pause)
        return await told(await originals.describe(key, changes.changes(), condition))

    @router.delete(
        PATH, summary="Delete an original with all its variants", responses=says(None, 204, "Deleted."), status_code=204
    )
    async def delete(
        request: Request,
        key: Annotated[str, Depends(KEY)],
        erase: Annotated[Literal["true", "false"], Query()] = "false",
    ) -> Response:
        if erase == "true":
            raise NotBuilt("Erasing with a receipt comes with versions and replicas; delete without it.", row="O4")
        await _remove(originals, key, request)
        return empty()

    return router


async def _remove(originals: Originals, key: str, request: Request) -> None:
    if not await originals.delete(key, condition_of(request)):
        raise no_such_original(key)
