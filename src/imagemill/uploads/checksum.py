"""Upload-Checksum of the tus protocol ("checksum" extension): the digest of the bytes of one PATCH.

Separate from `originals.digest`: tus names the algorithms and wants SHA-1, which is good against a bad line and against
nobody who means harm. What names an original is our own SHA-256.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac

from imagemill.errors import ImagemillError, InvalidRequest, Kind, shown

ALGORITHMS = ("sha1", "sha256")


class Checksum:
    """A declared digest, compared with the bytes that pass."""

    def __init__(self, field: str) -> None:
        """`field` is `<algorithm> <base64>`; raises InvalidRequest (`bad_checksum`) for another."""
        name, _, encoded = field.partition(" ")
        try:
            expected = base64.b64decode(encoded, validate=True)
        except (binascii.Error, ValueError):
            expected = b""
        if name not in ALGORITHMS or len(expected) != hashlib.new(name, usedforsecurity=False).digest_size:
            raise InvalidRequest(
                f"Upload-Checksum is “{shown(field)}”; {' or '.join(ALGORITHMS)}, a space and the digest in base64 "
                "were expected.",
                code="bad_checksum",
            )
        self._expected = expected
        self._digest = hashlib.new(name, usedforsecurity=False)

    def update(self, chunk: bytes) -> None:
        """Take the next bytes."""
        self._digest.update(chunk)

    def check(self) -> None:
        """Raise `checksum_mismatch` (460) where the bytes are not those that were meant."""
        if not hmac.compare_digest(self._digest.digest(), self._expected):
            raise ImagemillError(
                "The bytes that arrived do not have the digest of Upload-Checksum; they were dropped, send them again.",
                code="checksum_mismatch",
                kind=Kind.INVALID,
            )
