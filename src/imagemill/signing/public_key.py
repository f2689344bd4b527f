"""Public keys of CloudFront links: RSA and ECDSA on P-256, from PEM, and the check of one signature.

The only file that imports `cryptography` (70 ms), and it is imported only where a site has such a key.
"""

from __future__ import annotations

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.hashes import SHA1, SHA256
from cryptography.hazmat.primitives.serialization import load_pem_public_key

RSA_BITS = (2048, 4096)
_PADDING = padding.PKCS1v15()
_SHA1, _SHA256 = SHA1(), SHA256()  # noqa: S303 - what CloudFront's links are made with unless they say otherwise
_EC_SHA1, _EC_SHA256 = ec.ECDSA(_SHA1), ec.ECDSA(_SHA256)


class BadPublicKey(ValueError):
    """The text is no public key that links can be checked with; the sentence says what was expected."""


class PublicKey:
    """Checks signatures; made once for a key, used for each first sight of a link."""

    def __init__(self, pem: str) -> None:
        """Raises BadPublicKey."""
        if "PRIVATE KEY" in pem:
            raise BadPublicKey("this is a private key; keep it with whoever signs, and give its public half")
        try:
            key = load_pem_public_key(pem.encode("utf-8", "replace"))
        except (ValueError, TypeError, UnsupportedAlgorithm):
            raise BadPublicKey("expected PEM that begins with -----BEGIN PUBLIC KEY-----") from None
        self._rsa = key if isinstance(key, rsa.RSAPublicKey) else None
        self._ec = key if isinstance(key, ec.EllipticCurvePublicKey) else None
        if self._rsa is not None and not RSA_BITS[0] <= self._rsa.key_size <= RSA_BITS[1]:
            raise BadPublicKey(f"expected an RSA key of {RSA_BITS[0]} to {RSA_BITS[1]} bits")
        if self._ec is not None and not isinstance(self._ec.curve, ec.SECP256R1):
            raise BadPublicKey("expected an ECDSA key on P-256 (prime256v1)")
        if self._rsa is None and self._ec is None:
            raise BadPublicKey("expected an RSA or ECDSA key")

    @property
    def algorithm(self) -> str:
        """`RSA` or `ECDSA`."""
        return "ECDSA" if self._rsa is None else "RSA"

    def verifies(self, signature: bytes, message: bytes, *, sha1: bool) -> bool:
        """Say whether `signature` is this key's for `message`.

        CloudFront signs the SHA-1 of a policy unless the link says Hash-Algorithm=SHA256. Where it does not (`sha1`),
        SHA-256 is accepted too: whoever leaves the word out has made the better choice, and opens nothing by it.
        """
        return (sha1 and self._verifies(signature, message, older=True)) or self._verifies(signature, message)

    def _verifies(self, signature: bytes, message: bytes, *, older: bool = False) -> bool:
        try:
            if self._rsa is not None:
                self._rsa.verify(signature, message, _PADDING, _SHA1 if older else _SHA256)
            elif self._ec is not None:
                self._ec.verify(signature, message, _EC_SHA1 if older else _EC_SHA256)
        except InvalidSignature:
            return False
        return True
