"""Opaque cursors of a listing: the last key that was seen, so that a page survives what is inserted and deleted.

A checksum over the key and the question tells a mangled cursor, or one of another listing, from a good one. It is no
signature: whoever forges one may name a place to go on from, which is what `prefix` lets anyone do.
"""

from __future__ import annotations

import base64
import binascii
import hashlib

from imagemill.errors import InvalidRequest
from imagemill.object_store.naming import MAX_KEY_BYTES

CHECK = 8


def write_cursor(after: str, prefix: str, delimiter: str) -> str:
    """Return the cursor that goes on after the key or common prefix `after` of this listing."""
    raw = after.encode()
    return base64.urlsafe_b64encode(_check(raw, prefix, delimiter) + raw).decode("ascii").rstrip("=")


def read_cursor(cursor: str, prefix: str, delimiter: str) -> str:
    """Return where to go on; raise InvalidRequest (`bad_cursor`) for anything that this listing did not give out."""
    if len(cursor) <= 2 * MAX_KEY_BYTES:
        try:
            data = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
            raw = data[CHECK:]
            if raw and data[:CHECK] == _check(raw, prefix, delimiter):
                return raw.decode()
        except (binascii.Error, ValueError):
            pass
    raise InvalidRequest("The cursor is not one that this listing gave out; begin without a cursor.", code="bad_cursor")


def _check(raw: bytes, prefix: str, delimiter: str) -> bytes:
    question = f"{len(prefix)}:{prefix}{delimiter}\n".encode(errors="replace")
    return hashlib.sha256(b"imagemill cursor\n" + question + raw).digest()[:CHECK]
