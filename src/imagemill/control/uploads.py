"""`/v1/uploads`: tickets for browsers, written and watched by a holder of a key; `browser_uploads` takes the bytes."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec
from fastapi import APIRouter, Path, Request, Response

from imagemill.control.answers import answer, empty
from imagemill.control.json_body import read_json
from imagemill.control.routing import says, takes
from imagemill.control.services import Services
from imagemill.control.views import OriginalView, time_of, view_of
from imagemill.delivery.caching_headers import not_modified
from imagemill.errors import InvalidRequest, shown
from imagemill.gateway.asgi import CLIENT
from imagemill.gateway.problems import problem_details
from imagemill.uploads.checking import Outcome
from imagemill.uploads.direct import Presigned
from imagemill.uploads.intake import Intake
from imagemill.uploads.issuing import Wanted
from imagemill.uploads.refusals import no_such_upload
from imagemill.uploads.shown import Shown
from imagemill.uploads.ticket import Ticket
from imagemill.uploads.token import PREFIX, Token

PATH = "/v1/uploads/{upload}"
Upload = Annotated[
    str, Path(description=f"The id, with the API key; or the token (`{PREFIX}…`), which opens it by itself.")
]
_ID = re.compile(r"[0-9a-f]{24}", re.ASCII)
_TYPE = re.compile(r"image/(?:\*|[a-z0-9][a-z0-9.+-]{0,40})", re.ASCII)


class UploadWanted(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """What a browser may upload, once.

    `method`: `put` is the bytes as a body, `post` an HTML form with one file, `tus` a resumable upload (tus 1.0).
    `expires_in` is in seconds. `length` says how many bytes the file has: no other number is taken then, by a store
    neither. Without it a store takes any number by PUT, and `max_bytes` is checked when they have come. `content_type`
    binds what the bytes turn out to be ("image/png", or "image/*"). An original that is there already is replaced only
    with `replace`, or where it has the entity tag `if_match`.
    """

    key: str
    method: Literal["put", "post", "tus"] = "put"
    expires_in: float | None = None
    max_bytes: int | None = None
    length: int | None = None
    content_type: str | None = None
    replace: bool = False
    if_match: str | None = None


class UploadView(msgspec.Struct, frozen=True, kw_only=True):
    """An upload. `state`: waiting, receiving, received, checking, done, failed, cancelled, expired.

    `offset` is how many bytes have come, `length` how many are to come where that is known. `original` is what it
    became, as long as that is still there; `problem` why it failed.
    """

    id: str
    key: str
    method: str
    state: str
    max_bytes: int
    content_type: str | None
    replace: bool
    created: datetime
    expires: datetime
    offset: int
    length: int | None
    original: OriginalView | None
    problem: dict[str, Any] | None
    etag: str


class UploadTicketView(msgspec.Struct, frozen=True, kw_only=True):
    """A new upload, with the address that the browser gets; it is told this once.

    `fields` go before the file into the form of a `post`; `headers` into the request of a `put`. `complete_url` is to
    be posted to when the bytes went to the store without us; null where they come here.
    """

    id: str
    key: str
    method: str
    state: str
    url: str
    fields: dict[str, str]
    headers: dict[str, str]
    complete_url: str | None
    max_bytes: int
    expires: datetime


class Uploaded(msgspec.Struct, frozen=True, kw_only=True):
    """What a browser learns of its upload: that it is stored, and where the picture can be had (null: not by all)."""

    id: str
    state: str
    key: str
    version: str
    size: int
    content_type: str
    width: int
    height: int
    url: str | None


def uploads_router(services: Services) -> APIRouter:
    """Return the routes for the holder of a key."""
    router = APIRouter(tags=["uploads"])
    intake = services.uploads

    def told(shown_: Shown, request: Request) -> Response:
        etag = f'"{shown_.etag}"'
        asked = request.headers.get("if-none-match")
        conditions = {} if asked is None else {b"if-none-match": asked.encode("latin-1")}
        if request.method in ("GET", "HEAD") and not_modified(conditions, etag=etag.encode(), modified=0):
            return empty(304, etag=etag)
        return answer(_view(shown_, services, request), etag=etag)

    @router.post(
        "/v1/uploads",
        summary="Let a browser upload one original",
        responses=says(UploadTicketView, 201, "Written; the token in the address is shown once."),
        openapi_extra=takes(UploadWanted),
        status_code=201,
    )
    async def post(request: Request) -> Response:
        wanted = await read_json(request, UploadWanted, services.pause)
        ticket, token, presigned = await intake.issue(_wanted(wanted))
        view = _ticket_view(ticket, token, presigned, services.addresses.api_url.rstrip("/"))
        return answer(view, 201, location=f"/v1/uploads/{ticket.id}")

    @router.get(PATH, summary="What became of an upload", responses=says(UploadView))
    async def get(request: Request, upload: Upload) -> Response:
        return told(await intake.show(id_of(upload)), request)

    @router.post(
        "/v1/uploads/{upload}/complete",
        summary="Check what a browser put into the store",
        responses={**says(Uploaded, 201, "Stored, a new original."), **says(Uploaded, 200, "Stored; it replaced one.")},
    )
    async def complete(request: Request, upload: Upload) -> Response:
        by_token = upload.startswith(PREFIX)
        upload_id = (await opened(services, request, upload)).id if by_token else id_of(upload)
        return stored(services, await intake.complete(upload_id))

    return router


def check(outcome: Outcome | None) -> None:
    """Raise why an upload failed."""
    if outcome is not None and outcome.error is not None:
        raise outcome.error


def stored(services: Services, outcome: Outcome) -> Response:
    """Return what a browser learns of its upload; raise why it failed."""
    check(outcome)
    original = outcome.original
    assert original is not None
    view = Uploaded(
        id=outcome.ticket.id,
        state=outcome.ticket.state,
        key=original.key,
        version=original.version,
        size=original.info.size,
        content_type=original.info.content_type,
        width=original.facts.width,
        height=original.facts.height,
        url=services.addresses.of(original),
    )
    return answer(view, 201 if outcome.created else 200)


async def opened(services: Services, request: Request, token: str) -> Ticket:
    """Return the ticket that a token opens, in whatever state it is; raise NotFound (`no_such_upload`), TooMany.

    A wrong token counts as a wrong key does, and over that rate none is looked at (threat O2).
    """
    client = request.scope.get(CLIENT, "unknown")
    if services.attempts is not None:
        await services.attempts.begin(client)
    ticket = await services.uploads.ticket_of(token)
    if services.attempts is not None:
        await services.attempts.right(client)
    return ticket


async def remove(intake: Intake, upload: str) -> Response:
    """Forget an upload by its id."""
    await intake.remove(id_of(upload))
    return empty()


async def head(intake: Intake, upload: str) -> Response:
    """Answer HEAD for an id as GET would."""
    return empty(200, etag=f'"{(await intake.show(id_of(upload))).etag}"')


def id_of(upload: str) -> str:
    """Return an id as it stands in a path; raise NotFound where it cannot be one."""
    if _ID.fullmatch(upload) is None:
        raise no_such_upload()
    return upload


def _wanted(asked: UploadWanted) -> Wanted:
    if asked.content_type is not None and _TYPE.fullmatch(asked.content_type) is None:
        raise InvalidRequest(
            f"content_type is “{shown(asked.content_type)}”; a type such as image/png, or image/*, was expected.",
            code="invalid_upload",
        )
    tag = asked.if_match
    return Wanted(
        key=asked.key,
        method=asked.method,
        expires_in=asked.expires_in,
        max_bytes=asked.max_bytes,
        length=asked.length,
        content_type=asked.content_type,
        replace=asked.replace,
        if_match=None if tag is None else tag.strip().removeprefix('"').removesuffix('"'),
    )


def _ticket_view(ticket: Ticket, token: Token, presigned: Presigned | None, api_url: str) -> UploadTicketView:
    own = f"{api_url}/v1/uploads/{token}"
    there = presigned or Presigned(own)
    return UploadTicketView(
        id=ticket.id,
        key=ticket.key,
        method=ticket.method,
        state=ticket.state,
        url=there.url,
        fields=dict(there.fields),
        headers=dict(there.headers),
        complete_url=None if presigned is None else f"{own}/complete",
        max_bytes=ticket.max_bytes,
        expires=time_of(ticket.expires),
    )


def _view(shown_: Shown, services: Services, request: Request) -> UploadView:
    ticket = shown_.ticket
    return UploadView(
        id=ticket.id,
        key=ticket.key,
        method=ticket.method,
        state=shown_.state,
        max_bytes=ticket.max_bytes,
        content_type=ticket.content_type,
        replace=ticket.replace,
        created=time_of(ticket.created),
        expires=time_of(ticket.expires),
        offset=shown_.offset,
        length=shown_.length,
        original=None if shown_.original is None else view_of(shown_.original, services.addresses),
        problem=None if ticket.problem is None else problem_details(ticket.problem.error(), ticket.id),
        etag=shown_.etag,
    )
