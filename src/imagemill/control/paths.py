"""Keys out of the path as the client wrote it: split on "/" first, then each segment decoded once (threat K1).

Separate from the routes, because a framework's decoded path has lost the difference between "/" and "%2F" and may have
repaired what was not UTF-8.
"""

from __future__ import annotations

import base64
import re
from urllib.parse import quote, unquote_to_bytes

from imagemill.control.asgi import raw_path
from imagemill.errors import InvalidRequest, NotFound
from imagemill.gateway.asgi import Scope
from imagemill.object_store.naming import ENCODED_PREFIX, bad_key, check_key, decode_key

_BROKEN_PERCENT = re.compile(rb"%(?![0-9A-Fa-f]{2})")


def key_from_path(scope: Scope, resource: str) -> str:
    """Return the key after `/v1/<resource>/`; raise InvalidRequest (`bad_key`), or NotFound for a disguised path."""
    prefix = f"/v1/{resource}/".encode()
    path = raw_path(scope)
    if not path.startswith(prefix):
        raise NotFound("There is no such resource; parts of a path before the key are written plainly.")
    return decode_key("/".join(_segment(part) for part in path[len(prefix) :].split(b"/")))


def _segment(part: bytes) -> str:
    shown = part.decode("ascii", "backslashreplace")
    if _BROKEN_PERCENT.search(part):
        raise bad_key(shown, "has a “%” that two hexadecimal digits do not follow")
    try:
        text = unquote_to_bytes(part).decode("utf-8")
    except UnicodeDecodeError:
        raise bad_key(shown, "is not UTF-8") from None
    if "/" in text:
        raise bad_key(shown, "has an encoded slash (%2F); write the slashes of a key plainly")
    return text


def key_as_path(key: str) -> str:
    """Return `key` as it is written in a URL after a slash; the inverse of `key_from_path` for every key."""
    try:
        check_key(key)
        odd = key.startswith(ENCODED_PREFIX)
    except InvalidRequest:
        odd = True
    if odd:
        return ENCODED_PREFIX + base64.urlsafe_b64encode(key.encode()).decode("ascii").rstrip("=")
    return quote(key, safe="/~!$&'()*+,;=:@")
