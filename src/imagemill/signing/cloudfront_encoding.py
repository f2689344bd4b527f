"""CloudFront's base64: `+`, `=` and `/` are written `-`, `_` and `~`, so that a URL carries them as they are.

(Amazon CloudFront Developer Guide, "Create a signed URL using a custom policy".)
"""

from __future__ import annotations

import base64
import binascii

_WRITE = bytes.maketrans(b"+=/", b"-_~")
_READ = bytes.maketrans(b"-_~", b"+=/")
_FOREIGN = frozenset(b"+=/")


def encode(data: bytes) -> str:
    """Return `data` in CloudFront's spelling."""
    return base64.b64encode(data).translate(_WRITE).decode("ascii")


def decode(text: str) -> bytes:
    """Return what `text` stands for; ValueError unless it is exactly what `encode` writes.

    Strict, so that every changed bit is another text: base64 has spare bits, and lenient readers skip odd characters.
    """
    raw = text.encode("ascii")
    if not _FOREIGN.isdisjoint(raw):
        raise ValueError("another alphabet")
    raw = raw.translate(_READ)
    try:
        data = base64.b64decode(raw, validate=True)
    except binascii.Error as error:
        raise ValueError(str(error)) from None
    if base64.b64encode(data) != raw:
        raise ValueError("spare bits")
    return data
