"""The addresses that a token opens: no key is asked for, and pages of other origins may use them (CORS).

Separate from `auth`, beside which this stands in front of the resources: a request for `/v1/uploads/imu_…` goes here,
all others there. The token is the whole authority. No cookie, no key, nothing that a browser adds by itself counts, so
a foreign page can do no more than whoever holds the token can do with any other program: `*` is safe as the allowed
origin, and the default. Credentials are never allowed.
"""

from __future__ import annotations

from collections.abc import Sequence

from imagemill.control.asgi import header, raw_path, request_id
from imagemill.control.tus import TUS_ALWAYS, TUS_OPTIONS
from imagemill.gateway.asgi import AsgiApp, Message, Receive, Scope, Send
from imagemill.uploads.token import PREFIX

ADDRESSES = f"/v1/uploads/{PREFIX}".encode()
TUS_METHODS = ("DELETE", "HEAD", "PATCH")
"""Who uses one of these speaks tus, or should."""
METHODS = "DELETE, HEAD, OPTIONS, PATCH, POST, PUT"
ALLOWED = (
    "Content-Digest, Content-Type, Tus-Resumable, Upload-Checksum, Upload-Concat, Upload-Defer-Length, Upload-Length, "
    "Upload-Metadata, Upload-Offset, X-HTTP-Method-Override, X-Request-Id, X-Requested-With"
)
EXPOSED = (
    "Imagemill-Error, Location, Retry-After, Tus-Checksum-Algorithm, Tus-Extension, Tus-Max-Size, Tus-Resumable, "
    "Tus-Version, Upload-Defer-Length, Upload-Expires, Upload-Length, Upload-Metadata, Upload-Offset, X-Request-Id"
)
PREFLIGHT_SECONDS = 7200
"""How long a browser may remember a preflight; none keeps it longer."""
_OWN = (b"access-control-allow-origin", b"cache-control")


class TokenAddresses:
    """Sends requests for a token's address to `open_`, without a key; everything else to `guarded`."""

    def __init__(self, open_: AsgiApp, guarded: AsgiApp, *, origins: Sequence[str], max_bytes: int) -> None:
        """`origins` may use the addresses from pages, `*` means any; `max_bytes` is told to tus clients."""
        self._open = open_
        self._guarded = guarded
        self._origins = tuple(origin.rstrip("/") for origin in origins)
        self._max_bytes = max_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if not raw_path(scope).startswith(ADDRESSES):
            await self._guarded(scope, receive, send)
            return
        about = self._about(scope)
        if scope["method"] == "OPTIONS":
            await _empty(send, [*about, *TUS_OPTIONS, (b"tus-max-size", b"%d" % self._max_bytes)])
            return
        request_id(scope)

        async def watched(message: Message) -> None:
            if message["type"] == "http.response.start":
                kept = [(name, value) for name, value in message["headers"] if name not in _OWN]
                tus = scope["method"] in TUS_METHODS or header(scope, b"tus-resumable") is not None
                more = () if not tus else TUS_OPTIONS if message["status"] == 412 else TUS_ALWAYS
                message = {**message, "headers": [*kept, *about, *more]}
            await send(message)

        await self._open(scope, receive, watched)

    def _about(self, scope: Scope) -> list[tuple[bytes, bytes]]:
        """Return what every answer here carries: nobody may keep it, and who may read it."""
        headers = [(b"cache-control", b"no-store")]
        origin = header(scope, b"origin")
        if "*" in self._origins:
            allowed = "*"
        else:
            headers.append((b"vary", b"Origin"))
            allowed = origin if origin is not None and origin in self._origins else ""
        if allowed:
            headers += [
                (b"access-control-allow-origin", allowed.encode("latin-1")),
                (b"access-control-expose-headers", EXPOSED.encode()),
            ]
            if scope["method"] == "OPTIONS":
                headers += [
                    (b"access-control-allow-methods", METHODS.encode()),
                    (b"access-control-allow-headers", ALLOWED.encode()),
                    (b"access-control-max-age", b"%d" % PREFLIGHT_SECONDS),
                ]
        return headers


async def _empty(send: Send, headers: list[tuple[bytes, bytes]]) -> None:
    await send({"type": "http.response.start", "status": 204, "headers": [*headers, (b"allow", METHODS.encode())]})
    await send({"type": "http.response.body", "body": b""})
