"""Settings of signatures: keys that the operator owns, and what a signed link may be."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated


@dataclass(frozen=True, slots=True, kw_only=True)
class SigningSettings:
    """The `[signing]` section; keys made with `/v1/signing-keys` come beside those of `keys` and `public_keys`."""

    keys: Annotated[
        tuple[str, ...],
        "Keys of short signatures, each kid:secret with 16 to 256 characters of secret; the first one signs.",
    ] = ()
    public_keys: Annotated[
        tuple[str, ...],
        "Public keys of CloudFront links and cookies, each Key-Pair-Id:file.pem (RSA, or ECDSA on P-256).",
    ] = ()
    allow_short: Annotated[bool, "Accept signatures cut to 22 characters beside whole ones of 43."] = False
    max_lifetime: Annotated[float, "How far ahead exp of a short signature may lie. 0: any time."] = 7 * 86400.0
    endless: Annotated[bool, "Accept short signatures without exp, which open their URL until their key goes."] = True
