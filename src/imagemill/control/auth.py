"""Who may call the control API: whoever shows the admin key (contract, "Authentication"; threats K4, J2, O2).

Separate from the resources and in front of them all, so that nothing is looked at, not even whether a resource exists
or how long a body is, before the key is. The key is compared in constant time and appears in no answer and no log.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Mapping
from pathlib import Path

from imagemill.control.asgi import raw_path
from imagemill.control.keys import PREFIX, load_key, load_or_create_key
from imagemill.errors import InvalidRequest, Unauthenticated
from imagemill.gateway.asgi import CLIENT, AsgiApp, Receive, Scope, Send
from imagemill.throttling.gate import Attempts

OPEN = (b"/openapi.json", b"/docs")
"""Descriptions of the API hold no secret and are read by browsers, which send no key."""
BASIC = (b"/v1/store-events",)
"""Where Basic does as well: SNS knows no other way to send a key. Not elsewhere, for browsers remember it (L2)."""
MADE = "The first start wrote one to admin.key in the data folder."
NAMED = "It is in the file that admin.key_file names."
"""Where the key is, as long as nobody says anything else."""

_BEARER = re.compile(rb"bearer +([A-Za-z0-9._~+/=-]{1,512})", re.IGNORECASE)
_KEY_IN_QUERY = re.compile(
    rb"(?:^|&)(?:x-api-key|api[-_]?key|access[-_]?token|authorization|token)=|=" + PREFIX.encode(), re.IGNORECASE
)


class AdminKey:
    """The one key there is until keys with scopes come (row G3); read from its file, made by the first start."""

    def __init__(self, path: Path, *, create: bool = True, place: str = "") -> None:
        """`create` makes a key where there is no file: right for `admin.key`, wrong for a file that somebody named.

        `place` is a sentence for strangers that says where its holder finds it, without a path.
        Raises InvalidRequest (`bad_key_file`) when a named file is missing, or the file holds no key.
        """
        stored = load_or_create_key(path) if create else load_key(path)
        if stored is None:
            raise InvalidRequest("The file of the admin key (admin.key_file) is missing or empty.", code="bad_key_file")
        self.created = stored.created
        self.loose = stored.loose
        self.place = place or (MADE if create else NAMED)
        self._digest = _digest(stored.text)

    def admits(self, headers: Mapping[bytes, bytes]) -> bool:
        """Say whether `headers` (lower-case names) carry the key; as long for every wrong one (threat G3)."""
        shown = shown_key(headers)
        return shown is not None and hmac.compare_digest(_digest(shown), self._digest)


class Authenticated:
    """Lets a request through to `inner` when it shows the key; raises otherwise, before the body is touched."""

    def __init__(self, inner: AsgiApp, key: AdminKey, attempts: Attempts | None = None) -> None:
        """`attempts` counts calls with a wrong key or none; without, they are not counted."""
        self._inner = inner
        self._key = key
        self._attempts = attempts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Check, then pass on."""
        if raw_path(scope) not in OPEN:
            client = scope.get(CLIENT, "unknown")
            if self._attempts is not None:
                await self._attempts.begin(client)
            self._check(scope, basic=raw_path(scope) in BASIC)
            if self._attempts is not None:
                await self._attempts.right(client)
        await self._inner(scope, receive, send)

    def _check(self, scope: Scope, *, basic: bool) -> None:
        if _KEY_IN_QUERY.search(scope.get("query_string", b"")):
            raise InvalidRequest(
                "A key in the URL ends up in logs and histories; send it as “Authorization: Bearer …” or “x-api-key”.",
                code="key_in_url",
            )
        headers = dict(scope["headers"])
        if basic:
            headers = _without_basic(headers)
        if self._key.admits(headers):
            return
        if shown_key(headers) is None:
            raise Unauthenticated(
                f"The control API wants a key: send it as “Authorization: Bearer …” or “x-api-key”. {self._key.place}",
                schemes=("Basic", "Bearer") if basic else ("Bearer",),
            )
        raise Unauthenticated("This key is not known here.", code="bad_api_key")


def shown_key(headers: Mapping[bytes, bytes]) -> str | None:
    """Return the key that a request shows, None where it shows none in a form that we read."""
    bearer = _BEARER.fullmatch(headers.get(b"authorization", b"").strip())
    if bearer is not None:
        return bearer.group(1).decode("ascii")
    key = headers.get(b"x-api-key")
    return None if key is None else key.decode("latin-1")


def _without_basic(headers: dict[bytes, bytes]) -> dict[bytes, bytes]:
    """Return `headers` with the password of RFC 7617 as a bearer key; the user's name counts for nothing."""
    scheme, _, encoded = headers.get(b"authorization", b"").strip().partition(b" ")
    if scheme.lower() != b"basic" or len(encoded) > 1024:
        return headers
    try:
        _, _, password = base64.b64decode(encoded.strip(), validate=True).partition(b":")
    except binascii.Error:
        return headers
    return {**headers, b"authorization": b"Bearer " + password}


def _digest(text: str) -> bytes:
    """Return what is compared: a digest, so that not even the length shows in the time it takes."""
    return hashlib.sha256(text.encode()).digest()
