"""`POST /v1/originals`: pictures of an HTML form (multipart/form-data, RFC 7578), each an original of its own.

Separate from `originals`, whose PUT is the plain way. The parser is a maintained one and hands on every piece as it
arrives: a file streams into the store, none is held in memory. The bounds answer threat H4 (multipart bombs).
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from multipart import (  # type: ignore[import-untyped]  # the parser ships no types
    MultipartError,
    MultipartSegment,
    ParserLimitReached,
    PushMultipartParser,
    StrictParserError,
)

from imagemill.control import body
from imagemill.control.answers import answer
from imagemill.control.asgi import request_id
from imagemill.control.paths import key_as_path
from imagemill.control.routing import says, takes_bytes
from imagemill.control.services import Services
from imagemill.control.views import view_of
from imagemill.errors import ImagemillError, InvalidRequest, Kind, TooLarge
from imagemill.gateway.problems import problem_details, status_of
from imagemill.object_store.naming import check_new_key

MAX_FILES = 100
MAX_BOUNDARY = 200
MAX_HEADER = 4096
MAX_HEADERS = 8
_BOUNDARY = re.compile(r"""multipart/form-data\s*;\s*boundary=(?:"([^"\\\r\n]+)"|([^\s;,"]+))\s*""", re.IGNORECASE)

Event = Any
"""A MultipartSegment, a piece of its bytes, or None at its end."""


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
        boundary = _boundary_of(request)
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
    events = _events(request, boundary, services.pause)
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
    content = _File(events)
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


class _File:
    """The bytes of one part, taken from the events of the whole form."""

    def __init__(self, events: AsyncIterator[Event]) -> None:
        self._events = events
        self._ended = False

    async def chunks(self) -> AsyncIterator[bytes]:
        while not self._ended:
            event = await anext(self._events)
            if isinstance(event, bytes | bytearray):
                yield bytes(event)
            else:
                self._ended = True

    async def skip(self, most: int) -> None:
        """Read to the end of the part; raise TooLarge where that does not come within `most` bytes."""
        skipped = 0
        async for chunk in self.chunks():
            skipped += len(chunk)
            if skipped > most:
                raise TooLarge("A file of the form is longer than the limit.")


FORM_ERRORS = frozenset({"bad_form", "form_too_large", "body_stalled"})
"""Errors of the form itself: no other file can be trusted to follow."""


async def _events(request: Request, boundary: bytes, pause: float) -> AsyncIterator[Event]:
    """Yield what the parser finds: a segment, its pieces, None at its end."""
    parser = PushMultipartParser(
        boundary,
        max_header_size=MAX_HEADER,
        max_header_count=MAX_HEADERS,
        max_segment_count=MAX_FILES,
        strict=True,
    )
    began = b""
    first = b"--" + boundary
    tail = b""
    ended = False
    try:
        async for chunk in body.stream(request, pause):
            if len(began) < len(first):
                # The parser would skip a preamble; nobody sends one, and searching it costs (CVE-2024-53981 class).
                began += chunk[: len(first) - len(began)]
                if not first.startswith(began):
                    raise _bad_form("does not begin with its boundary")
            try:
                for event in () if ended else parser.parse(chunk):
                    yield event
            except StrictParserError:
                # Most clients send a line end after the last boundary, and it may come in a piece of its own.
                if not tail.rstrip(b"\r\n").endswith(first + b"--"):
                    raise
                ended = True
            if ended and chunk.strip(b"\r\n"):
                raise _bad_form("goes on after its last boundary")
            tail = (tail + chunk)[-len(first) - 8 :]
        if not ended:
            parser.close()
    except ParserLimitReached as error:
        raise ImagemillError(
            f"The form is beyond a limit: {error} (at most {MAX_FILES} files, {MAX_HEADERS} headers each).",
            code="form_too_large",
            kind=Kind.TOO_LARGE,
        ) from None
    except MultipartError as error:
        raise _bad_form(f"cannot be read: {str(error)[:100]}") from None


def _boundary_of(request: Request) -> bytes:
    field = request.headers.get("content-type", "")
    if field.partition(";")[0].strip().lower() != "multipart/form-data":
        raise body.unsupported_media(
            "A form (multipart/form-data) was expected; a single image goes by PUT to its key."
        )
    found = _BOUNDARY.fullmatch(field[: MAX_BOUNDARY + 100].strip()) if len(field) <= MAX_BOUNDARY + 100 else None
    boundary = (found.group(1) or found.group(2)) if found else ""
    if not 0 < len(boundary) <= MAX_BOUNDARY or not boundary.isascii():
        raise _bad_form(f"names no boundary of 1 to {MAX_BOUNDARY} ASCII characters")
    return boundary.encode("ascii")


def _file_name(segment: MultipartSegment) -> str:
    """Return the file name of a part; two of them, or none, make a form that two readers would read differently."""
    fields = [value for name, value in segment.headerlist if name == "Content-Disposition"]
    if len(fields) != 1 or re.search(r"filename\*", fields[0], re.IGNORECASE):
        raise _bad_form("has a part with “filename*” or several Content-Disposition fields (RFC 7578 section 4.2)")
    if segment.filename is None:
        raise _bad_form("has a part without a file name; every part is a file here")
    return str(segment.filename)


def _item(key: str, outcome: Outcome, request: Request) -> dict[str, Any]:
    if isinstance(outcome, ImagemillError):
        details = problem_details(outcome, request_id(request.scope))
        return {"key": key, "status": status_of(outcome), "problem": details}
    return {"key": key, **outcome}


def _bad_form(why: str) -> InvalidRequest:
    return InvalidRequest(f"The form {why}.", code="bad_form")
