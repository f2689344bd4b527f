"""The Content-Digest field (RFC 9530 section 2): a dictionary of algorithms and base64 between colons (RFC 8941).

Separate from `originals.digest`, which compares: this only reads the header.
"""

from __future__ import annotations

import base64
import binascii
import re

from imagemill.errors import InvalidRequest, shown
from imagemill.originals.digest import LENGTHS

_MEMBER = re.compile(r"([a-z*][a-z0-9_.*-]*)=:([A-Za-z0-9+/]*={0,2}):(?:;[^,]*)?", re.ASCII)
MAX_LENGTH = 2000
"""Characters of the field: a dozen digests."""


def digests_of(field: str | None) -> dict[str, bytes]:
    """Return the digests that can be checked ("sha-256", "sha-512"); other algorithms are ignored, as RFC 9530 says.

    Raises InvalidRequest (`bad_content_digest`) for a malformed field: a client that asks for a check must not believe
    that there was one.
    """
    if field is None:
        return {}
    if len(field) > MAX_LENGTH:
        raise _bad(field)
    digests: dict[str, bytes] = {}
    for member in field.split(","):
        found = _MEMBER.fullmatch(member.strip())
        if found is None:
            raise _bad(member)
        name = found.group(1)
        try:
            digest = base64.b64decode(found.group(2), validate=True)
        except (binascii.Error, ValueError):
            raise _bad(member) from None
        if name in LENGTHS:
            if len(digest) != LENGTHS[name]:
                raise _bad(member)
            digests[name] = digest
    return digests


def _bad(member: str) -> InvalidRequest:
    return InvalidRequest(
        f"Content-Digest has “{shown(member.strip())}”; sha-256=:<base64>: or sha-512=:<base64>: was expected.",
        code="bad_content_digest",
    )
