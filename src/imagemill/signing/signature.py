r"""Short signatures: HMAC-SHA256 over what a URL means (contract, "Signatures"; threats G1-G3).

Pure: text and bytes in, text out. The string that is signed has one form only:

    img \n <options> / <key> \n <exp> \n <v>          /img/<options>/<key>
    info \n <key> \n <exp> \n <v>                     /info/<key>

with options and key as decoded once, and nothing for what is absent. It cannot be read in two ways: options hold no
`/`, `exp` and `v` hold no line end, and the two kinds begin differently. `kid` is not
in it; it only says where to look.
"""

from __future__ import annotations

import binascii
import hmac

LENGTH = 43
"""Characters of a whole signature: 32 bytes in base64url without padding."""
_URL_SAFE = bytes.maketrans(b"+/", b"-_")
SHORT = 22
"""Characters of a cut one: 132 bits, enough against guessing over a network."""


def image_text(options: str, key: str, exp: str = "", v: str = "") -> str:
    """Return what the signature of `/img/<options>/<key>?exp=…&v=…` covers."""
    return f"img\n{options}/{key}\n{exp}\n{v}"


def info_text(key: str, exp: str = "", v: str = "") -> str:
    """Return what the signature of `/info/<key>?exp=…&v=…` covers."""
    return f"info\n{key}\n{exp}\n{v}"


def signature_of(secret: bytes, text: str) -> str:
    """Return the signature of `text`: 43 characters."""
    digest = hmac.digest(secret, text.encode("utf-8", "surrogateescape"), "sha256")
    return binascii.b2a_base64(digest, newline=False)[:LENGTH].translate(_URL_SAFE).decode("ascii")


def matches(secret: bytes, text: str, shown: str, *, allow_short: bool) -> bool:
    """Say whether `shown` is the signature of `text`, in a time that tells nothing of the right one (threat G3).

    The texts are compared, not the bytes they stand for: padding, the other alphabet and changed spare bits of the last
    character are other signatures.
    """
    length = SHORT if allow_short and len(shown) == SHORT else LENGTH
    right = signature_of(secret, text)[:length]
    return hmac.compare_digest(right.encode("ascii"), shown.encode("utf-8", "surrogatepass"))
