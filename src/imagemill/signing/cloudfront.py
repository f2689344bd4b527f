"""What a request shows of CloudFront: a signed URL's parameters or three cookies (threats 1.10, G7, G9).

Pure reading; `gate` checks the signature. What is ambiguous is refused: a parameter or cookie twice, a policy beside
`Expires`, an unknown hash. Names are compared as they stand: an encoded name is another parameter, and part of the URL.
"""

from __future__ import annotations

from dataclasses import dataclass

POLICY, EXPIRES, SIGNATURE, KEY_PAIR_ID, HASH = "Policy", "Expires", "Signature", "Key-Pair-Id", "Hash-Algorithm"
NAMES = frozenset({POLICY, EXPIRES, SIGNATURE, KEY_PAIR_ID, HASH})
_SHOWN = frozenset({POLICY, SIGNATURE, KEY_PAIR_ID})
COOKIE = "CloudFront-"
HOST_COOKIE = "__Host-CloudFront-"
"""The same with the prefix that keeps a sibling host from setting them (RFC 6265bis); where any is there, only they
count."""
HASHES = ("SHA1", "SHA256")
MAX_VALUE = 6000
"""Characters of one value: a policy of 4096 bytes, encoded."""


class Ambiguous(ValueError):
    """What is shown could mean two things, or misses a part."""


@dataclass(frozen=True, slots=True)
class CloudFrontClaim:
    """A claim as it was shown. Exactly one of `policy` (encoded) and `expires` is given."""

    key_pair_id: str
    signature: str
    policy: str | None
    expires: str | None
    sha1: bool


def split_query(query: str) -> tuple[str, list[tuple[str, str]]]:
    """Return the query without CloudFront's parameters, and those."""
    rest, ours = [], []
    for pair in query.split("&"):
        name, _, value = pair.partition("=")
        if name in NAMES:
            ours.append((name, value))
        else:
            rest.append(pair)
    return "&".join(rest), ours


def shows_link(query: str) -> bool:
    """Whether a query has a part of a signed URL; `Expires` alone is none, others use that word too."""
    if SIGNATURE not in query and POLICY not in query and KEY_PAIR_ID not in query:
        return False
    return any(pair.partition("=")[0] in _SHOWN for pair in query.split("&"))


def from_cookies(field: str) -> list[tuple[str, str]]:
    """Return CloudFront's cookies in a Cookie header under the names of the parameters (RFC 6265 section 5.4)."""
    ours = (one.partition("=") for one in field.split(";") if COOKIE in one)  # of others there may be 30 000
    pairs = [(name.strip(), value.strip()) for name, _, value in ours]
    for prefix in (HOST_COOKIE, COOKIE):
        found = [(name[len(prefix) :], value) for name, value in pairs if name.startswith(prefix)]
        if found:
            return found
    return []


def read_claim(pairs: list[tuple[str, str]]) -> CloudFrontClaim:
    """Return the claim; raise Ambiguous."""
    shown = dict(pairs)
    if len(shown) != len(pairs) or not shown.keys() <= NAMES:
        raise Ambiguous("a name twice, or another one")
    if not all(0 < len(value) <= MAX_VALUE and value.isascii() for value in shown.values()):
        raise Ambiguous("an empty or endless value")
    if (POLICY in shown) == (EXPIRES in shown) or SIGNATURE not in shown or KEY_PAIR_ID not in shown:
        raise Ambiguous("a policy or an end, a signature, and a key")
    if shown.get(HASH, HASHES[0]) not in HASHES:
        raise Ambiguous("another hash")
    return CloudFrontClaim(
        key_pair_id=shown[KEY_PAIR_ID],
        signature=shown[SIGNATURE],
        policy=shown.get(POLICY),
        expires=shown.get(EXPIRES),
        sha1=shown.get(HASH, HASHES[0]) == HASHES[0],
    )
