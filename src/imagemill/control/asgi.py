"""What control reads from a scope: headers, the path as it was written, the id of the request."""

from __future__ import annotations

import secrets

from imagemill.gateway.asgi import REQUEST_ID, Scope
from imagemill.gateway.request_ids import HARMLESS


def header(scope: Scope, name: bytes) -> str | None:
    """Return a request header (`name` in lower case), its lines joined as RFC 9110 section 5.3 says; None if absent."""
    values = [value for key, value in scope["headers"] if key == name]
    return b", ".join(values).decode("latin-1") if values else None


def request_id(scope: Scope) -> str:
    """Return the id of this request: the gateway's, else the client's if harmless (threat L3), else a new one."""
    known = scope.get(REQUEST_ID)
    if isinstance(known, str):
        return known
    given = header(scope, b"x-request-id") or ""
    made = given if HARMLESS.fullmatch(given.encode("latin-1")) else secrets.token_hex(8)
    scope[REQUEST_ID] = made
    return made


def raw_path(scope: Scope) -> bytes:
    """Return the path as the client wrote it, without the query."""
    path: bytes = scope["raw_path"]
    return path.split(b"?", 1)[0]
