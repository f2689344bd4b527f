"""Errors as HTTP answers: RFC 9457 problem details, one translation for every surface.

Separate from `errors`, which knows no HTTP. The contract's "Statuses" fix the numbers; threats H11 and C4 fix that a
body never holds a stack trace or a path of the server and that only a 404 may be kept, for a few seconds. A link that
has ended (410) is a refusal, and no cache may tell it to others (G1).
"""

from __future__ import annotations

import json
import math
import re
from http import HTTPStatus

from imagemill.errors import (
    ImagemillError,
    Kind,
    MethodNotAllowed,
    NotBuilt,
    NotFound,
    Quota,
    RangeNotSatisfiable,
    TooMany,
    Unauthenticated,
)

Headers = list[tuple[bytes, bytes]]

STATUS: dict[Kind, int] = {
    Kind.INVALID: 400,
    Kind.UNAUTHENTICATED: 401,
    Kind.REFUSED: 403,
    Kind.NOT_FOUND: 404,
    Kind.METHOD: 405,
    Kind.CONFLICT: 409,
    Kind.PRECONDITION: 412,
    Kind.TOO_LARGE: 413,
    Kind.NOT_AN_IMAGE: 415,
    Kind.RANGE: 416,
    Kind.MISDIRECTED: 421,
    Kind.UNPROCESSABLE: 422,
    Kind.TOO_MANY: 429,
    Kind.INTERNAL: 500,
    Kind.NOT_BUILT: 501,
    Kind.OVERLOADED: 503,
    Kind.TOO_SLOW: 504,
    Kind.STORAGE_FULL: 507,
}
"""The one table from what failed to the number HTTP gives it."""

UPLOADS = {"upload_over": 410, "upload_expired": 410, "upload_locked": 423, "checksum_mismatch": 460}
"""Those of uploads by browsers; 423 and 460 are what the tus protocol says."""
STATUS_OF_CODE = {"expired": 410, "url_too_long": 414, **UPLOADS, "source_failed": 502, "source_loop": 502}
"""Codes whose status is finer than their kind's."""

TITLES = {413: "Content Too Large", 422: "Unprocessable Content", 460: "Checksum Mismatch"}
"""RFC 9110's phrases where Python 3.11 still has the older ones, and the one of tus that it does not have."""

SAFE_HEADERS: tuple[tuple[bytes, bytes], ...] = (
    (b"access-control-allow-origin", b"*"),
    (b"x-content-type-options", b"nosniff"),
    (b"content-security-policy", b"default-src 'none'; style-src 'unsafe-inline'; sandbox"),
)
"""What the contract puts on every error beside its own fields."""

_BEYOND_ASCII = re.compile(r"[^ -~]")


def status_of(error: ImagemillError) -> int:
    """Return the HTTP status of `error`."""
    return STATUS_OF_CODE.get(error.code, STATUS[error.kind])


def internal_error() -> ImagemillError:
    """Return what a stranger may know of a failure nobody foresaw; the log has the rest under the request id."""
    return ImagemillError("Something went wrong inside the server; its log has the details under this request id.")


def problem_details(error: ImagemillError, request_id: str) -> dict[str, object]:
    """Return the members of the problem document; also used inside answers that list a result per file."""
    status = status_of(error)
    details: dict[str, object] = {
        "type": "about:blank",  # RFC 9457 section 4.2.1: the status says it, `code` is the finer word
        "title": TITLES.get(status) or HTTPStatus(status).phrase,
        "status": status,
        "detail": error.sentence,
        "code": error.code,
        "request_id": request_id,
    }
    if error.faults:
        details["errors"] = [
            {"option": fault.option, "expected": fault.expected, "received": fault.received} for fault in error.faults
        ]
    if isinstance(error, NotBuilt):
        details["row"] = error.row
    return details


def problem_response(
    error: ImagemillError, request_id: str, *, not_found_max_age: int = 0
) -> tuple[int, Headers, bytes]:
    """Return status, headers (lower-case names) and body of the answer to `error`; a HEAD answer drops the body.

    A 404 may be kept for `not_found_max_age` seconds, by anybody: long enough to spare a store from a broken page,
    short enough not to be noticed (threat C4). 0 for whoever answers the holder of a key, as `public` would let a cache
    keep that for others (RFC 9111 section 3.5, threat C5). No other error is kept.
    """
    status = status_of(error)
    body = _BEYOND_ASCII.sub(_readable, json.dumps(problem_details(error, request_id), ensure_ascii=False)).encode()
    headers: Headers = [
        (b"content-type", b"application/problem+json"),
        (b"content-length", str(len(body)).encode()),
        (b"cache-control", _lifetime(error, not_found_max_age)),
        (b"imagemill-error", error.code.encode("ascii", "replace")),
        *SAFE_HEADERS,
        *_own_headers(error, status),
    ]
    return status, headers, body


def _lifetime(error: ImagemillError, not_found_max_age: int) -> bytes:
    if error.kind is not Kind.NOT_FOUND or not_found_max_age == 0:
        return b"no-store"
    whose = b"private" if isinstance(error, NotFound) and not error.for_all else b"public"
    return b"%s, max-age=%d" % (whose, not_found_max_age)


def rate_limit_fields(quotas: tuple[Quota, ...]) -> Headers:
    """Return RateLimit and RateLimit-Policy (draft-ietf-httpapi-ratelimit-headers-11): structured fields, all quotas.

    `w` and `t` are those of a token bucket: the time in which an empty one fills, and until this one is full again.
    """
    if not quotas:
        return []
    left = ", ".join(f'"{quota.name}";r={quota.left};t={quota.reset}' for quota in quotas)
    policy = ", ".join(f'"{quota.name}";q={quota.limit};w={quota.window}' for quota in quotas)
    return [(b"ratelimit", left.encode()), (b"ratelimit-policy", policy.encode())]


def _readable(found: re.Match[str]) -> str:
    """Return the character as it is, or as JSON's escape where a terminal would obey it or UTF-8 has no bytes for it.

    People read problems in a terminal, so quotes and letters stay. A stranger's value may hold control characters,
    marks that turn the direction of writing, and lone surrogates: none may reach the terminal or break the answer.
    """
    character = found.group()
    return character if character.isprintable() else json.dumps(character)[1:-1]


def _own_headers(error: ImagemillError, status: int) -> Headers:
    """Return the header that a particular status must have by RFC 9110."""
    if status in (429, 503):
        # A whole number, rounded up: waiting exactly that long must succeed (threat O1).
        retry = (b"retry-after", str(max(1, math.ceil(error.retry_after or 1))).encode())
        return [retry, *(rate_limit_fields(error.quotas) if isinstance(error, TooMany) else ())]
    if isinstance(error, Unauthenticated):
        return [(b"www-authenticate", ", ".join(f'{scheme} realm="imagemill"' for scheme in error.schemes).encode())]
    if isinstance(error, MethodNotAllowed):
        return [(b"allow", ", ".join(error.allow).encode())]
    if isinstance(error, RangeNotSatisfiable):
        return [(b"content-range", b"bytes */%d" % error.size)]
    return []
