"""Answers of the control API: JSON that nobody may keep, and problems."""

from __future__ import annotations

from typing import Any

import msgspec
from starlette.responses import Response

from imagemill.control.asgi import request_id
from imagemill.errors import ImagemillError
from imagemill.gateway.asgi import Scope
from imagemill.gateway.problems import SAFE_HEADERS, problem_response

PRIVATE = {
    "cache-control": "no-store",
    **{name.decode(): value.decode() for name, value in SAFE_HEADERS if name != b"access-control-allow-origin"},
}
"""What every good answer carries: it is for the holder of the key only, so no page of another origin may read it."""


def answer(value: Any, status: int = 200, **headers: str) -> Response:
    """Return `value` as JSON; header names are written with `_` for `-`."""
    named = {name.replace("_", "-"): text for name, text in headers.items()}
    return Response(msgspec.json.encode(value), status, headers={**PRIVATE, **named}, media_type="application/json")


def empty(status: int = 204, **headers: str) -> Response:
    """Return an answer without a body."""
    named = {name.replace("_", "-"): text for name, text in headers.items()}
    return Response(status_code=status, headers={**PRIVATE, **named})


def problem(error: ImagemillError, scope: Scope) -> Response:
    """Return `error` as a problem document; without the body for HEAD."""
    status, headers, body = problem_response(error, request_id(scope))
    response = Response(status_code=status)
    response.raw_headers = list(headers)
    if scope["method"] != "HEAD":
        response.body = body
    return response
