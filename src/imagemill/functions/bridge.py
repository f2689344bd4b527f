"""From an HTTP event to the ASGI application and back to what Lambda takes for an answer.

Our own, because the usual bridge loses what we live by: the raw path, the raw query, the absence of a Content-Type on
304 and 204, a problem document when the application fails (`docs/decisions/0026-lambda-bridge.md` has the table).
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote_to_bytes

from imagemill.errors import ImagemillError
from imagemill.functions.http_event import Header, HttpEvent, Shape
from imagemill.gateway.app import SERVER
from imagemill.gateway.asgi import AsgiApp, Message, Scope
from imagemill.gateway.problems import internal_error, problem_response
from imagemill.gateway.request_ids import HARMLESS
from imagemill.observability.logging import events

MOST_BODY = 4_500_000
"""Bytes of a body that one answer may carry: Lambda takes 6 MB (6 291 456) of JSON, and base64 makes 4 bytes of 3."""
_TEXTS = ("text/", "application/json", "application/problem+json", "application/xml", "application/javascript")
_MOST_TEXT = 500_000
"""Bytes of a text that is sent as it is: JSON may write one byte as six."""


@dataclass(slots=True)
class Answer:
    """What the application answered; header names are lower case."""

    status: int
    headers: list[Header] = field(default_factory=list)
    body: bytes = b""


async def call(app: AsgiApp, request: HttpEvent) -> Answer:
    """Return what `app` answers to `request`; where it fails, the problem of an internal error.

    A frozen process must leave nothing behind, so the answer is whole when this returns.
    """
    answer = Answer(0)
    parts: list[bytes] = []
    given = False
    forever = asyncio.Event()

    async def receive() -> Message:
        nonlocal given
        if given:
            await forever.wait()  # nobody leaves: Lambda does not tell
        given = True
        return {"type": "http.request", "body": request.body, "more_body": False}

    async def send(message: Message) -> None:
        if message["type"] == "http.response.start":
            answer.status = message["status"]
            answer.headers = [(bytes(name).lower(), bytes(value)) for name, value in message.get("headers", ())]
        elif message["type"] == "http.response.body":
            parts.append(bytes(message.get("body", b"")))

    try:
        await app(scope_of(request), receive, send)
    except Exception as error:  # noqa: BLE001 - the last resort: a stranger sees no trace, the operator does
        events().error("request.failed", request_id=request.request_id, exc_info=error)
        answer.status = 0
    answer.body = b"".join(parts)
    if not answer.status:
        return problem(internal_error(), request)
    if len(answer.body) > MOST_BODY:
        return problem(_too_long(len(answer.body)), request)
    return answer


def problem(error: ImagemillError, request: HttpEvent, *, not_found_max_age: int = 0) -> Answer:
    """Return the answer to an error that no application has answered; a 404 may be kept for so many seconds."""
    request_id = next((text for name, text in _headers_of(request) if name == b"x-request-id"), b"").decode("ascii")
    status, headers, body = problem_response(error, request_id, not_found_max_age=not_found_max_age)
    headers += [(b"x-request-id", request_id.encode()), SERVER]
    return Answer(status, headers, b"" if request.method == "HEAD" else body)


def _too_long(size: int) -> ImagemillError:
    """Return what is told of an answer that has no way round: a document of the API, or an original that just grew."""
    return ImagemillError(
        f"The answer has {size} bytes, and a function can send {MOST_BODY} at once; ask for parts of it (Range).",
        code="answer_too_long",
    )


def scope_of(request: HttpEvent) -> Scope:
    """Return the ASGI scope of a request."""
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": request.method,
        "scheme": "https",
        "path": _decoded(request.path),
        "raw_path": request.path,
        "query_string": request.query,
        "root_path": "",
        "headers": _headers_of(request),
        "client": (request.client, 0),
        "server": (request.header(b"host") or "localhost", 443),
    }


def _headers_of(request: HttpEvent) -> list[Header]:
    """Return the headers with an id that we would accept: the client's own, else Lambda's."""
    given = [text for name, text in request.headers if name == b"x-request-id"]
    if len(given) == 1 and HARMLESS.fullmatch(given[0]):
        return list(request.headers)
    headers = [header for header in request.headers if header[0] != b"x-request-id"]
    lambdas = request.request_id.encode("ascii", "ignore")
    return [*headers, (b"x-request-id", lambdas)] if HARMLESS.fullmatch(lambdas) else headers


def result_of(answer: Answer, shape: Shape) -> dict[str, Any]:
    """Return an answer in the words of the payload format that the event came in."""
    body, encoded = _written(answer)
    result: dict[str, Any] = {"statusCode": answer.status, "body": body, "isBase64Encoded": encoded}
    if shape == "1.0":
        several: dict[str, list[str]] = {}
        for name, value in answer.headers:
            several.setdefault(name.decode("latin-1"), []).append(value.decode("latin-1"))
        result["multiValueHeaders"] = several
        return result
    result["headers"] = _joined(answer.headers)
    cookies = [value.decode("latin-1") for name, value in answer.headers if name == b"set-cookie"]
    if cookies:
        result["cookies"] = cookies
    return result


def _joined(headers: Sequence[Header]) -> dict[str, str]:
    """Return one value for each name, as RFC 9110 section 5.3 joins them; cookies have a place of their own."""
    found: dict[str, str] = {}
    for name, value in headers:
        if name != b"set-cookie":
            key, text = name.decode("latin-1"), value.decode("latin-1")
            found[key] = f"{found[key]}, {text}" if key in found else text
    return found


def _written(answer: Answer) -> tuple[str, bool]:
    """Return the body, and whether it is base64: texts stay readable, in logs as well."""
    kind = next((value.decode("latin-1") for name, value in answer.headers if name == b"content-type"), "")
    if not answer.body:
        return "", False
    if kind.startswith(_TEXTS) and len(answer.body) <= _MOST_TEXT:
        try:
            return answer.body.decode("utf-8"), False
        except UnicodeDecodeError:
            pass
    return base64.b64encode(answer.body).decode("ascii"), True


def _decoded(path: bytes) -> str:
    return unquote_to_bytes(path).decode("utf-8", "replace")
