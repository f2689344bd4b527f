"""Signing keys, and the ring of those that count now.

A ring is an immutable snapshot: whoever holds one found good with it, and compares it with the present one (`is`) to
know whether that still holds. So removing a key ends all its links at once, without a list of them (threat G6).
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from imagemill.errors import Fault, InvalidRequest, shown

if TYPE_CHECKING:  # `cryptography` costs 70 ms, and most sites have no public key
    from imagemill.signing.public_key import PublicKey

Kind = Literal["hmac", "cloudfront"]
MAX_TRIES = 8
"""Keys that a signature without `kid` is tried with: about a microsecond each."""
SHORTEST, LONGEST = 16, 256
"""Characters of a secret; a made one has 43 (256 bits)."""
_KID = re.compile(r"[A-Za-z0-9_.-]{1,64}", re.ASCII)
_SECRET = re.compile(r"[\x21-\x7e]+", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class SigningKey:
    """One key. `secret` is that of short signatures, `public_key` the PEM of a CloudFront key; the other is empty.

    `retires` is when it stops to count, in seconds since 1970 (None: when it is removed), `created` None for those of
    the settings.
    """

    kid: str
    kind: Kind
    secret: str = field(default="", repr=False)
    public_key: str = ""
    managed_by: Literal["file", "api"] = "api"
    created: float | None = None
    retires: float | None = None


class KeyRing:
    """The keys of one site at one moment. All CloudFront keys together are its key group."""

    def __init__(self, keys: Iterable[SigningKey] = ()) -> None:
        """The first short key is the one that signs. Raises InvalidRequest (`bad_signing_key`)."""
        listed = tuple(keys)
        self.keys: Mapping[str, SigningKey] = {key.kid: key for key in listed}
        self._secrets = tuple((key, key.secret.encode("utf-8")) for key in listed if key.kind == "hmac")
        self._public = {key.kid: (key, _public_key(key)) for key in listed if key.kind == "cloudfront"}

    def secrets(self, kid: str | None, now: float) -> tuple[tuple[SigningKey, bytes], ...]:
        """Return what a short signature is tried with: the named key, or the first few where none is named."""
        live = tuple([one for one in self._secrets if one[0].retires is None or now < one[0].retires])
        if kid is not None:
            return tuple([one for one in live if one[0].kid == kid])
        return live[:MAX_TRIES]

    def public(self, key_pair_id: str, now: float) -> tuple[SigningKey, PublicKey] | None:
        """Return the CloudFront key of this id, None where there is none that counts."""
        found = self._public.get(key_pair_id)
        return None if found is None or _retired(found[0], now) else found


def _retired(key: SigningKey, now: float) -> bool:
    return key.retires is not None and now >= key.retires


def _public_key(key: SigningKey) -> PublicKey:
    from imagemill.signing.public_key import BadPublicKey, PublicKey

    try:
        return PublicKey(key.public_key)
    except BadPublicKey as error:
        fault = Fault("public_key", str(error).removeprefix("expected "), f"the PEM of {shown(key.kid)}")
        raise InvalidRequest(
            f"The public key “{shown(key.kid)}” cannot be used: {error}.", code="bad_signing_key", faults=(fault,)
        ) from None


def check_key(key: SigningKey) -> SigningKey:
    """Return `key` if it can be used; raise InvalidRequest (`bad_signing_key`). A secret is never repeated."""
    if not _KID.fullmatch(key.kid):
        raise _bad("kid", "1 to 64 letters, digits, “.”, “_” and “-”", shown(key.kid))
    if key.kind == "cloudfront":
        if key.secret:
            raise _bad("secret", "none, as a CloudFront key has only a public_key", "a secret")
        _public_key(key)
    else:
        if key.public_key:
            raise _bad("public_key", "none, as a short signature has only a secret", "a public key")
        if not SHORTEST <= len(key.secret) <= LONGEST or not _SECRET.fullmatch(key.secret):
            raise _bad(
                "secret", f"{SHORTEST} to {LONGEST} visible ASCII characters", f"{len(key.secret)} others (not shown)"
            )
    return key


def new_secret() -> str:
    """Return a fresh secret of 256 bits."""
    return secrets.token_urlsafe(32)


def new_kid(taken: Iterable[str]) -> str:
    """Return a short name that is not among `taken`."""
    known = set(taken)
    return next(name for name in iter(lambda: f"k{secrets.token_hex(3)}", None) if name not in known)


def _bad(option: str, expected: str, received: str) -> InvalidRequest:
    fault = Fault(option, expected, received)
    return InvalidRequest(f"The signing key cannot be used: {fault}.", code="bad_signing_key", faults=(fault,))
