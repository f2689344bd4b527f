"""An HTTP request as Lambda hands it over: a function URL's payload, or that of API Gateway 2.0 and 1.0.

Separate from `bridge`, which calls the application with it. What a request says must reach the application unchanged,
because options, keys and signatures are judged byte by byte (contract, "Delivery"); what Lambda has decoded on the way
is encoded again. Shapes: AWS Lambda Developer Guide, "Invoking Lambda function URLs", and API Gateway Developer Guide,
"Lambda proxy integrations" and "Payload format version".
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import quote, urlencode

Header = tuple[bytes, bytes]
Shape = Literal["1.0", "2.0"]
"""How an event is written, and how its answer must be."""

_NOT_IN_A_PATH = re.compile(r"%(?![0-9A-Fa-f]{2})|[^!$%&'()*+,\-./0-9:;=@A-Z_a-z~]")
"""What no path of a URL holds as it is (RFC 3986 section 3.3): there somebody has decoded it."""
FUNCTION_URL = ".lambda-url."
"""Part of the host of every function URL, and of no other."""


class NotHttp(ValueError):
    """The event is no HTTP request: the function was invoked by something it is not for."""


@dataclass(frozen=True, slots=True)
class HttpEvent:
    """A request, decoded as little as possible.

    `path` and `query` are as in a request line; header names are lower case; `client` is the address that Lambda names.
    `from_function_url` says that it came through the function's own URL, which only CloudFront may call.
    """

    shape: Shape
    method: str
    path: bytes
    query: bytes
    headers: tuple[Header, ...]
    body: bytes
    client: str
    request_id: str
    from_function_url: bool

    def header(self, name: bytes) -> str | None:
        """Return the first value of a header by its lower-case name."""
        return next((value.decode("utf-8", "surrogateescape") for known, value in self.headers if known == name), None)


def read_event(event: Mapping[str, Any]) -> HttpEvent:
    """Return the request of an event; raise NotHttp for any other event."""
    try:
        if event.get("version") == "2.0":
            return _read_2(event)
        if "httpMethod" in event:
            return _read_1(event)
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise NotHttp(f"The event looks like an HTTP request, but cannot be read ({type(error).__name__}).") from error
    raise NotHttp(
        "Expected an event of a function URL, or of API Gateway with payload format 1.0 or 2.0; received one with "
        f"{', '.join(sorted(map(str, event))[:8]) or 'nothing in it'}."
    )


def written_path(text: str) -> bytes:
    """Return a path as a request line has it: what has been decoded on the way is escaped again."""
    if not text.startswith("/"):
        text = f"/{text}"
    return _NOT_IN_A_PATH.sub(lambda found: quote(_bytes(found.group()), safe=""), text).encode("ascii")


def _read_2(event: Mapping[str, Any]) -> HttpEvent:
    context = event["requestContext"]
    http = context["http"]
    headers = [(_name(name), _bytes(value)) for name, value in (event.get("headers") or {}).items()]
    if event.get("cookies"):
        headers = [header for header in headers if header[0] != b"cookie"]
        headers.append((b"cookie", _bytes("; ".join(event["cookies"]))))
    path = event.get("rawPath") or http["path"]
    stage = context.get("stage", "$default")
    if stage != "$default" and path.startswith(f"/{stage}/"):
        path = path[len(stage) + 1 :]  # an HTTP API shows it, a function URL has none
    return HttpEvent(
        shape="2.0",
        method=str(http["method"]),
        path=written_path(path),
        query=_bytes(event.get("rawQueryString") or ""),
        headers=tuple(headers),
        body=_body(event),
        client=str(http.get("sourceIp") or "unknown"),
        request_id=str(context.get("requestId") or ""),
        from_function_url=FUNCTION_URL in str(context.get("domainName") or ""),
    )


def _read_1(event: Mapping[str, Any]) -> HttpEvent:
    context = event.get("requestContext") or {}
    several = event.get("multiValueHeaders")
    headers = [(_name(name), _bytes(one)) for name, values in (several or {}).items() for one in values or ()]
    if not several:
        headers = [(_name(name), _bytes(value)) for name, value in (event.get("headers") or {}).items()]
    query = event.get("multiValueQueryStringParameters") or event.get("queryStringParameters") or {}
    return HttpEvent(
        shape="1.0",
        method=str(event["httpMethod"]),
        path=written_path(event["path"]),
        # API Gateway has decoded names and values; a space comes back as %20, for a plus is a plus.
        query=urlencode(query, doseq=True, quote_via=quote, safe="").encode("ascii"),
        headers=tuple(headers),
        body=_body(event),
        client=str((context.get("identity") or {}).get("sourceIp") or "unknown"),
        request_id=str(context.get("requestId") or ""),
        from_function_url=False,
    )


def _name(text: str) -> bytes:
    return text.lower().encode("ascii")


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _body(event: Mapping[str, Any]) -> bytes:
    body = event.get("body") or ""
    if not event.get("isBase64Encoded"):
        return _bytes(body)
    try:
        return base64.b64decode(body, validate=True)
    except binascii.Error as error:
        raise ValueError("the body is no base64") from error
