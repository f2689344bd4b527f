"""`/v1/signing-keys` and `/v1/signed-urls`: the keys of private content, and links made with them (capability E7).

A secret is shown once, when its key is made: later nobody needs to read it, as the server signs for whoever may
(`/v1/signed-urls`). Rotation is two keys at a time: make a new one, sign with it, then let the old one retire.
"""

from __future__ import annotations

import time
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
from imagemill.errors import Fault, InvalidRequest
from imagemill.signing.key_book import etag_of
from imagemill.signing.keys import SigningKey

PATH = "/v1/signing-keys/{kid}"
Kid = Annotated[str, Path(description="The key's name: `kid` in a short signature, `Key-Pair-Id` of CloudFront's.")]
MAX_URLS = 1000


class SigningKeyWanted(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """A key to be made. Without `kid` and `secret` they are made up; a `cloudfront` key is a `public_key` in PEM."""

    kind: Literal["hmac", "cloudfront"] = "hmac"
    kid: str | None = None
    secret: str | None = None
    public_key: str = ""
    retires: datetime | None = None


class SigningKeyChanges(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """When the key stops to count, and every link of it; null: only when it is removed."""

    retires: datetime | None


class SigningKeyView(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A key. `secret` is there in the one answer that makes it, `created` is null for those of the settings."""

    kid: str
    kind: Literal["hmac", "cloudfront"]
    public_key: str | None
    managed_by: Literal["file", "api"]
    created: datetime | None
    retires: datetime | None
    etag: str
    secret: str | msgspec.UnsetType = msgspec.UNSET


class SigningKeyList(msgspec.Struct, frozen=True, kw_only=True):
    """All keys; there are never so many that a second page is needed."""

    items: tuple[SigningKeyView, ...]
    next_cursor: str | None = None


class UrlsToSign(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """1 to 1000 URLs of ours, absolute or paths; `expires` is in seconds from now, null: without an end."""

    urls: tuple[str, ...]
    expires: int | None = None
    kid: str | None = None


class SignedUrl(msgspec.Struct, frozen=True, kw_only=True):
    """A signed URL, who signed it, and until when it is good."""

    url: str
    kid: str
    expires: datetime | None


class SignedUrls(msgspec.Struct, frozen=True, kw_only=True):
    """The URLs in the order in which they came."""

    items: tuple[SignedUrl, ...]


def view_of_key(key: SigningKey, *, with_secret: bool = False) -> SigningKeyView:
    """Return what is said of `key`."""
    return SigningKeyView(
        kid=key.kid,
        kind=key.kind,
        public_key=key.public_key or None,
        managed_by=key.managed_by,
        created=None if key.created is None else time_of(key.created),
        retires=None if key.retires is None else time_of(key.retires),
        etag=etag_of(key),
        secret=key.secret if with_secret and key.secret else msgspec.UNSET,
    )


def signing_keys_router(services: Services) -> APIRouter:
    """Return the routes of signing keys and signed URLs."""
    router = APIRouter(tags=["signing"])
    keys = services.links.keys

    def told(key: SigningKey, status: int = 200, *, with_secret: bool = False, **headers: str) -> Response:
        return answer(view_of_key(key, with_secret=with_secret), status, etag=f'"{etag_of(key)}"', **headers)

    @router.get("/v1/signing-keys", summary="All signing keys", responses=says(SigningKeyList))
    async def listed() -> Response:
        return answer(SigningKeyList(items=tuple(map(view_of_key, keys.ring.keys.values()))))

    @router.get(PATH, summary="One signing key, without its secret", responses=says(SigningKeyView))
    async def get(request: Request, kid: Kid) -> Response:
        key = keys.get(kid)
        etag = f'"{etag_of(key)}"'
        if not_modified(_conditions(request), etag=etag.encode(), modified=0):
            return empty(304, etag=etag)
        return told(key)

    for path, reader in (("/v1/signing-keys", listed), (PATH, get)):
        router.add_api_route(path, reader, methods=["HEAD"], include_in_schema=False)

    @router.post(
        "/v1/signing-keys",
        summary="Make a signing key; its secret is shown this once",
        responses=says(SigningKeyView, 201, "Made."),
        openapi_extra=takes(SigningKeyWanted),
        status_code=201,
    )
    async def post(request: Request) -> Response:
        wanted = await read_json(request, SigningKeyWanted, services.pause)
        key = await keys.create(
            wanted.kind,
            kid=wanted.kid,
            secret=wanted.secret,
            public_key=wanted.public_key,
            retires=_seconds(wanted.retires),
        )
        return told(key, 201, with_secret=wanted.secret is None, location=f"/v1/signing-keys/{key.kid}")

    @router.patch(
        PATH,
        summary="Say when a signing key retires",
        responses=says(SigningKeyView),
        openapi_extra=takes(SigningKeyChanges),
    )
    async def patch(request: Request, kid: Kid) -> Response:
        condition = condition_of(request)
        changes = await read_json(request, SigningKeyChanges, services.pause)
        return told(await keys.retire(kid, _seconds(changes.retires), condition))

    @router.delete(
        PATH,
        summary="Remove a signing key, and end every link of it",
        responses=says(None, 204, "Removed."),
        status_code=204,
    )
    async def delete(request: Request, kid: Kid) -> Response:
        await keys.delete(kid, condition_of(request))
        return empty()

    @router.post("/v1/signed-urls", summary="Sign URLs", responses=says(SignedUrls), openapi_extra=takes(UrlsToSign))
    async def sign(request: Request) -> Response:
        asked = await read_json(request, UrlsToSign, services.pause)
        if not 1 <= len(asked.urls) <= MAX_URLS:
            fault = Fault("urls", f"1 to {MAX_URLS} URLs", str(len(asked.urls)))
            raise InvalidRequest(f"The list of URLs does not fit: {fault}.", code="invalid_body", faults=(fault,))
        key, until = services.links.terms(asked.kid, asked.expires, time.time())
        expires = None if until is None else time_of(until)
        items = (
            SignedUrl(url=services.links.sign(url, key, until), kid=key.kid, expires=expires) for url in asked.urls
        )
        return answer(SignedUrls(items=tuple(items)))

    return router


def _seconds(moment: datetime | None) -> float | None:
    """Return a time as seconds since 1970; raise InvalidRequest for one without a zone."""
    if moment is None:
        return None
    if moment.tzinfo is None:
        fault = Fault("retires", "a time with its zone, such as 2030-01-01T00:00:00Z", moment.isoformat())
        raise InvalidRequest(f"The time does not fit: {fault}.", code="invalid_body", faults=(fault,))
    return float(int(moment.timestamp()))


def _conditions(request: Request) -> dict[bytes, Any]:
    """Return the header of a conditional GET; a key has no date that proves anything."""
    field = request.headers.get("if-none-match")
    return {} if field is None else {b"if-none-match": field.encode("latin-1")}
