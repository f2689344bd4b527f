"""`POST /v1/originals`: pictures of an HTML form (multipart/form-data, RFC 7578), each an original of its own.

Separate from `originals`, whose PUT is the plain way. A file streams into the store as it arrives.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from multipart import MultipartSegment  # type: ignore[import-untyped]  # the parser ships no types

from imagemill.control import body
from imagemill.control.answers import answer
from imagemill.control.asgi import request_id
from imagemill.control.multipart_form import Event, FormFile, bad_form, boundary_of, events_of
from imagemill.control.paths import key_as_path
from imagemill.control.routing import says, takes_bytes
from imagemill.control.services import Services
from imagemill.control.views import view_of
from imagemill.errors import ImagemillError, InvalidRequest, TooLarge
from imagemill.gateway.problems import problem_details, status_of
from imagemill.object_store.naming import check_new_key


def forms_router(services: Services) -> APIRouter:
    """Return the route that takes a form."""
    router = APIRouter(tags=["originals"])

    @router.post(
        "/v1/originals",
        summary="Create or replace originals from a form; the file name is the key",
        responses={
            **says(None, 201, "Every file is stored."),
            **says(None, 207, "Some files were refused; each result has its status."),
        },
        openapi_extra=takes_bytes("A form with up to 100 files.", "multipart/form-data"),
        status_code=201,
    )
    async def post(
        request: Request,
        prefix: Annotated[str, Query(description="Folder under which the keys stand.")] = "",
    ) -> Response:
        body.check_encoding(request)
        boundary = boundary_of(request)
        folder = f"{prefix.strip('/')}/" if prefix.strip("/") else ""
        results = await _store_all(services, request, boundary, folder)
        if len(results) == 1 and isinstance(results[0][1], ImagemillError):
            raise results[0][1]
        whole = all(not isinstance(outcome, ImagemillError) for _, outcome in results)
        items = [_item(key, outcome, request) for key, outcome in results]
        location = {"location": f"/v1/originals/{key_as_path(results[0][0])}"} if whole and len(results) == 1 else {}
        return answer({"items": items}, 201 if whole else 207, **location)

    return router


Outcome = dict[str, Any] | ImagemillError


async def _store_all(services: Services, request: Request, boundary: bytes, folder: str) -> list[tuple[str, Outcome]]:
    """Store file after file; a refused one does not stop the others, a broken form ends the request."""
    results: list[tuple[str, Outcome]] = []
    events = events_of(request, boundary, services.pause)
    async for event in events:
        if not isinstance(event, MultipartSegment):
            continue
        key = folder + _file_name(event)
        outcome = await _store(services, key, events)
        results.append((key, outcome))
        if isinstance(outcome, TooLarge):
            return results  # reading a file that nobody will keep to its end could take for ever
    if not results:
        raise InvalidRequest("The form holds no file.", code="empty_form")
    return results


async def _store(services: Services, key: str, events: AsyncIterator[Event]) -> Outcome:
    """Store one file; whatever of it was not read is read and dropped, so that the next one can follow."""
    content = FormFile(events)
    try:
        check_new_key(key)
        original, created = await services.originals.put(key, content.chunks())
    except ImagemillError as error:
        if error.code in FORM_ERRORS:
            raise
        await content.skip(services.limits.upload_bytes)
        return error
    view = view_of(original, services.addresses)
    return {"status": 201 if created else 200, "original": view}


FORM_ERRORS = frozenset({"bad_form", "form_too_large", "body_stalled"})
"""Errors of the form itself: no other file can be trusted to follow."""


def _file_name(segment: MultipartSegment) -> str:
    """Return the file name of a part; two of them, or none, make a form that two readers would read differently."""
    fields = [value for name, value in segment.headerlist if name == "Content-Disposition"]
    if len(fields) != 1 or re.search(r"filename\*", fields[0], re.IGNORECASE):
        raise bad_form("has a part with “filename*” or several Content-Disposition fields (RFC 7578 section 4.2)")
    if segment.filename is None:
        raise bad_form("has a part without a file name; every part is a file here")
    return str(segment.filename)


def _item(key: str, outcome: Outcome, request: Request) -> dict[str, Any]:
    if isinstance(outcome, ImagemillError):
        details = problem_details(outcome, request_id(request.scope))
        return {"key": key, "status": status_of(outcome), "problem": details}
    return {"key": key, **outcome}
