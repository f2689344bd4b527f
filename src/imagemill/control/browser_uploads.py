"""The addresses that a token opens: bytes by PUT, by a form, or piece by piece (tus 1.0).

Separate from `uploads`, for the holder of a key: a stranger stands here, and learns of the original no more than its
page needs. HEAD and DELETE of one path mean the upload itself to a holder of a key, the bytes to a tus client.
"""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from typing import Any

import msgspec
from fastapi import APIRouter, Request, Response
from multipart import MultipartSegment  # type: ignore[import-untyped]  # the parser ships no types

from imagemill.control import body, tus, uploads
from imagemill.control.answers import empty
from imagemill.control.content_digest import digests_of
from imagemill.control.multipart_form import Event, FormFile, bad_form, boundary_of, events_of
from imagemill.control.routing import says, takes_bytes
from imagemill.control.services import Services
from imagemill.control.uploads import PATH, Upload, Uploaded, check, opened, stored
from imagemill.errors import InvalidRequest, TooLarge
from imagemill.originals.digest import DeclaredDigests
from imagemill.uploads.resumable import Piece, Resumable
from imagemill.uploads.ticket import Method, Ticket
from imagemill.uploads.token import PREFIX

MAX_FIELD = 8192
MAX_FIELDS = 20
"""Bytes and number of a form's fields beside its file; they mean nothing here, and a form made for S3 has some."""


def browser_uploads_router(services: Services) -> APIRouter:
    """Return the routes for the holder of a token."""
    router = APIRouter(tags=["uploads"])
    receiver = _Receiver(services)
    answers = {
        **says(Uploaded, 201, "Stored as a new original."),
        **says(Uploaded, 200, "Stored; another was replaced."),
    }
    by_token: dict[str, Any] = {"security": []}

    @router.put(
        PATH,
        summary="Upload the bytes (token)",
        responses=answers,
        openapi_extra={**takes_bytes("The image."), **by_token},
    )
    async def put(request: Request, upload: Upload) -> Response:
        return await receiver.put(request, upload)

    @router.post(
        PATH,
        summary="Upload a form with one file, or begin a resumable upload (token)",
        responses=answers,
        openapi_extra={**takes_bytes("A form with one file.", "multipart/form-data"), **by_token},
    )
    async def post(request: Request, upload: Upload) -> Response:
        if "tus-resumable" in request.headers:
            return await receiver.tus(request, upload)
        return await receiver.post(request, upload)

    @router.patch(
        PATH,
        summary="Upload the next bytes (token, tus)",
        responses=says(None, 204, "Received and safe; Upload-Offset says how far the upload is."),
        openapi_extra={**takes_bytes("Bytes from Upload-Offset on.", tus.BYTES), **by_token},
        status_code=204,
    )
    async def patch(request: Request, upload: Upload) -> Response:
        return await receiver.tus(request, upload)

    @router.head(PATH, summary="How far an upload is (token, tus)", responses=says(None), openapi_extra=by_token)
    async def head(request: Request, upload: Upload) -> Response:
        if upload.startswith(PREFIX):
            return await receiver.tus(request, upload)
        return await uploads.head(services.uploads, upload)

    @router.delete(
        PATH,
        summary="Forget an upload (key), or give it up (token, tus)",
        responses=says(None, 204, "Gone."),
        status_code=204,
    )
    async def delete(request: Request, upload: Upload) -> Response:
        if upload.startswith(PREFIX):
            return await receiver.tus(request, upload)
        return await uploads.remove(services.uploads, upload)

    return router


class _Receiver:
    """Requests with a token, read and answered."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._intake = services.uploads
        self._resumable = Resumable(services.uploads)

    async def put(self, request: Request, token: str) -> Response:
        ticket = await self._admitted(request, token, "put")
        body.check_encoding(request)
        chunks = body.stream(request, self._services.pause)
        digests = digests_of(request.headers.get("content-digest"))
        declared = body.declared_length(request)
        return stored(self._services, await self._intake.take(ticket, _verified(chunks, digests), declared))

    async def post(self, request: Request, token: str) -> Response:
        ticket = await self._admitted(request, token, "post")
        body.check_encoding(request)
        boundary = boundary_of(request)
        length = body.declared_length(request)
        if length is not None and length > ticket.max_bytes + MAX_FIELDS * MAX_FIELD:
            raise TooLarge(f"The form is longer than the {ticket.max_bytes} bytes that its file may have.")
        file = _one_file(events_of(request, boundary, self._services.pause))
        return stored(self._services, await self._intake.take(ticket, file, None))

    async def tus(self, request: Request, token: str) -> Response:
        tus.check_version(request)
        ticket = await self._admitted(request, token, "tus")
        body.check_encoding(request)
        meant = tus.method_of(request)
        if meant == "POST":
            return await self._begin(request, ticket)
        if meant == "PATCH":
            return await self._append(request, ticket)
        if meant == "DELETE":
            await self._resumable.cancel(ticket)
            return empty()
        return empty(200, **tus.headers_of(await self._resumable.status(ticket), ticket.expires))

    async def _admitted(self, request: Request, token: str, method: Method) -> Ticket:
        ticket = await opened(self._services, request, token)
        self._intake.judge(ticket, method)
        return ticket

    async def _begin(self, request: Request, ticket: Ticket) -> Response:
        length = tus.length_of(request, required=True)
        metadata = tus.metadata_of(request)
        with_upload = request.headers.get("content-type") is not None or (body.declared_length(request) or 0) > 0
        checksum = tus.checksum_of(request)
        if with_upload:
            tus.check_type(request)
        progress = await self._resumable.begin(ticket, length=length, metadata=metadata)
        # The address as the client wrote it: the token is in it, and Host builds no link.
        headers = {"location": request.scope["raw_path"].decode("ascii")}
        if with_upload:
            piece = Piece(
                offset=0,
                chunks=body.stream(request, self._services.pause),
                size=body.declared_length(request),
                checksum=checksum,
            )
            offset, outcome = await self._resumable.append(ticket, piece)
            check(outcome)
            progress = msgspec.structs.replace(progress, offset=offset)
        return empty(201, **headers, **tus.headers_of(progress, ticket.expires))

    async def _append(self, request: Request, ticket: Ticket) -> Response:
        tus.check_type(request)
        piece = Piece(
            offset=tus.offset_of(request),
            chunks=body.stream(request, self._services.pause),
            size=body.declared_length(request),
            length=tus.length_of(request, required=False),
            checksum=tus.checksum_of(request),
        )
        offset, outcome = await self._resumable.append(ticket, piece)
        check(outcome)
        headers = {"upload_offset": str(offset)}
        if outcome is None:
            headers |= {"upload_expires": tus.expires_of(ticket.expires)}
        return empty(204, **headers)


async def _verified(chunks: AsyncIterator[bytes], declared: dict[str, bytes]) -> AsyncIterator[bytes]:
    """Yield the body; raise InvalidRequest (`digest_mismatch`) at its end where Content-Digest says another."""
    digests = DeclaredDigests(declared)
    digest = hashlib.sha256()
    async for chunk in chunks:
        digests.update(chunk)
        if declared:
            digest.update(chunk)
        yield chunk
    if declared:
        digests.check(digest.hexdigest())


async def _one_file(events: AsyncIterator[Event]) -> AsyncIterator[bytes]:
    """Yield the bytes of the only file of a form; its other fields are read over."""
    files = fields = 0
    async for event in events:
        if not isinstance(event, MultipartSegment):
            continue
        content = FormFile(events)
        if event.filename is None:
            fields += 1
            if fields > MAX_FIELDS:
                raise bad_form(f"has more than {MAX_FIELDS} fields")
            await content.skip(MAX_FIELD)
            continue
        files += 1
        if files > 1:
            raise bad_form("has more than one file; a token is good for one")
        async for chunk in content.chunks():
            yield chunk
    if not files:
        raise InvalidRequest("The form holds no file.", code="empty_form")
