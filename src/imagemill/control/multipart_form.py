"""A form that a browser sends (multipart/form-data, RFC 7578), read as it arrives.

Separate from `forms` and `browser_uploads`, which want its files. The parser is a maintained one and hands on every
piece; nothing is held in memory. The bounds answer threat H4 (multipart bombs).
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from typing import Any

from fastapi import Request
from multipart import (  # type: ignore[import-untyped]  # the parser ships no types
    MultipartError,
    ParserLimitReached,
    PushMultipartParser,
    StrictParserError,
)

from imagemill.control import body
from imagemill.errors import ImagemillError, InvalidRequest, Kind, TooLarge

MAX_FILES = 100
MAX_BOUNDARY = 200
MAX_HEADER = 4096
MAX_HEADERS = 8
_BOUNDARY = re.compile(r"""multipart/form-data\s*;\s*boundary=(?:"([^"\\\r\n]+)"|([^\s;,"]+))\s*""", re.IGNORECASE)

Event = Any
"""A MultipartSegment, a piece of its bytes, or None at its end."""


class FormFile:
    """The bytes of one part, taken from the events of the whole form."""

    def __init__(self, events: AsyncIterator[Event]) -> None:
        self._events = events
        self._ended = False

    async def chunks(self) -> AsyncIterator[bytes]:
        """Yield the bytes as they come."""
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


async def events_of(request: Request, boundary: bytes, pause: float) -> AsyncIterator[Event]:
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
                    raise bad_form("does not begin with its boundary")
            try:
                for event in () if ended else parser.parse(chunk):
                    yield event
            except StrictParserError:
                # Most clients send a line end after the last boundary, and it may come in a piece of its own.
                if not tail.rstrip(b"\r\n").endswith(first + b"--"):
                    raise
                ended = True
            if ended and chunk.strip(b"\r\n"):
                raise bad_form("goes on after its last boundary")
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
        raise bad_form(f"cannot be read: {str(error)[:100]}") from None


def boundary_of(request: Request) -> bytes:
    """Return the boundary that Content-Type names; raise 415 where it is no form, InvalidRequest (`bad_form`)."""
    field = request.headers.get("content-type", "")
    if field.partition(";")[0].strip().lower() != "multipart/form-data":
        raise body.unsupported_media("A form (multipart/form-data) was expected; a single image goes by PUT.")
    found = _BOUNDARY.fullmatch(field[: MAX_BOUNDARY + 100].strip()) if len(field) <= MAX_BOUNDARY + 100 else None
    boundary = (found.group(1) or found.group(2)) if found else ""
    if not 0 < len(boundary) <= MAX_BOUNDARY or not boundary.isascii():
        raise bad_form(f"names no boundary of 1 to {MAX_BOUNDARY} ASCII characters")
    return boundary.encode("ascii")


def bad_form(why: str) -> InvalidRequest:
    """Return the error for a form that cannot be read; `why` completes "The form …"."""
    return InvalidRequest(f"The form {why}.", code="bad_form")
