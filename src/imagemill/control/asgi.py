"""The few ASGI types that control uses; ASGI is a convention of dictionaries (asgiref 3)."""

from __future__ import annotations

import re
import secrets
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
ASGIApp = Callable[[Scope, Receive, Send], Awaitable[None]]

REQUEST_ID = "imagemill.request_id"
"""Where the gateway leaves the id of a request."""
_PLAIN_ID = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)


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
    made = given if _PLAIN_ID.fullmatch(given) else secrets.token_hex(8)
    scope[REQUEST_ID] = made
    return made


def raw_path(scope: Scope) -> bytes:
    """Return the path as the client wrote it, without the query."""
    path: bytes = scope["raw_path"]
    return path.split(b"?", 1)[0]
