"""The native dialect, written: the path of a variant; `parse.parse_url` reads back what stands here."""

from __future__ import annotations

import base64
from urllib.parse import quote

from imagemill.dialects.native.parse import MOUNT
from imagemill.errors import Fault, InvalidRequest, shown
from imagemill.object_store.naming import ENCODED_PREFIX, check_existing_key, check_key
from imagemill.recipe.canonical import text_of
from imagemill.recipe.model import Recipe

_SAFE = "-._~!$&'()*+,;=:@"
"""What a path segment may hold as it is (RFC 3986 section 3.3)."""


def path_for(options: Recipe | str, key: str, version: str | None = None) -> str:
    """Return the URL path of `key` under `options`, with `?v=` where a `version` is given.

    A recipe is written canonically; a text is taken as it is, so that a signed spelling stays itself. Raises
    InvalidRequest for a text with `/` (`bad_option`) and for a key that can be no original's (`bad_key`).
    """
    text = options if isinstance(options, str) else text_of(options)
    if not text or "/" in text:
        fault = Fault("options", "a list without /, since text64, wm64 and dl64 take any text", shown(text))
        raise InvalidRequest(f"The options “{shown(text)}” cannot stand in a URL.", code="bad_option", faults=(fault,))
    query = "" if version is None else f"?v={quote(version, safe=_SAFE.replace('&', ''))}"
    return f"/{MOUNT}/{quote(text, safe=_SAFE)}/{_key_text(key)}{query}"


def _key_text(key: str) -> str:
    """Return the key percent-encoded, or as `b64:` where the plain rules would refuse it or read it otherwise."""
    try:
        if not key.startswith(ENCODED_PREFIX):
            return quote(check_key(key), safe=_SAFE + "/")
    except InvalidRequest:
        pass  # an odd key of a bucket that exists already; the other form may still address it
    encoded = base64.urlsafe_b64encode(check_existing_key(key).encode("utf-8")).decode("ascii").rstrip("=")
    return f"{ENCODED_PREFIX}{encoded}"
