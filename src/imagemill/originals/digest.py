"""Digests that a client declared for its upload, checked while the bytes pass (RFC 9530; threat K3: no MD5, no SHA-1).

Separate from the store's own SHA-256, which names the content: here a client says what it meant to send.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping

from imagemill.errors import InvalidRequest

LENGTHS = {"sha-256": 32, "sha-512": 64}
"""The algorithms we check and the bytes of their digests; RFC 9530 section 5 marks them as active."""


class DeclaredDigests:
    """Compares the bytes that pass with what was declared; nothing is computed that nobody asked for."""

    def __init__(self, declared: Mapping[str, bytes]) -> None:
        """`declared` maps "sha-256" and "sha-512" to raw digests; other names are the caller's to drop."""
        self._declared = dict(declared)
        self._sha512 = hashlib.sha512() if "sha-512" in declared else None

    def update(self, chunk: bytes) -> None:
        """Take the next bytes; SHA-256 is computed by the upload itself."""
        if self._sha512 is not None:
            self._sha512.update(chunk)

    def check(self, sha256: str) -> None:
        """Raise InvalidRequest (`digest_mismatch`) where a declared digest is not that of the bytes."""
        computed = {"sha-256": bytes.fromhex(sha256)}
        if self._sha512 is not None:
            computed["sha-512"] = self._sha512.digest()
        for name, expected in self._declared.items():
            if not hmac.compare_digest(computed[name], expected):
                raise InvalidRequest(
                    f"The bytes that arrived do not have the declared {name} digest; "
                    f"expected {expected.hex()}, received {computed[name].hex()}.",
                    code="digest_mismatch",
                )
