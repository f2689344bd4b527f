"""CloudFront's own check of signed URLs and signed cookies, for behaviours with a trusted key group.

Written from the Developer Guide ("Use signed URLs", "Use signed cookies") and not from our own code, which it checks.
"""

from __future__ import annotations

import base64
import json
import re
import time
from collections.abc import Mapping, Sequence
from http.cookies import SimpleCookie

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import load_pem_public_key

NAMES = ("Expires", "Policy", "Signature", "Key-Pair-Id", "Hash-Algorithm")
"""Parameters that CloudFront takes off a URL before anybody sees it."""


def split(query: str | None) -> tuple[str | None, dict[str, str]]:
    """Return the query without CloudFront's parameters, and those."""
    if query is None:
        return None, {}
    pairs = [pair.partition("=") for pair in query.split("&")]
    own = {name: value for name, _, value in pairs if name in NAMES}
    rest = "&".join("".join(pair) for pair in pairs if pair[0] not in NAMES)
    return (rest if rest or not own else None), own


def from_cookies(header: str) -> dict[str, str]:
    """Return the same words from `CloudFront-…` cookies."""
    found = SimpleCookie(header)
    return {name: found[f"CloudFront-{name}"].value for name in NAMES if f"CloudFront-{name}" in found}


def opens(words: Mapping[str, str], resource: str, keys: Mapping[str, str], client: str) -> bool:
    """Whether `words` open `resource` (the whole URL without CloudFront's parameters) now, for `client`."""
    key = keys.get(words.get("Key-Pair-Id", ""))
    if key is None or "Signature" not in words:
        return False
    if "Policy" in words:
        policy = _decoded(words["Policy"])
    else:
        policy = json.dumps(
            {
                "Statement": [
                    {
                        "Resource": resource,
                        "Condition": {"DateLessThan": {"AWS:EpochTime": int(words.get("Expires", "0"))}},
                    }
                ]
            },
            separators=(",", ":"),
        ).encode()
    if not _signed(policy, _decoded(words["Signature"]), key, words.get("Hash-Algorithm", "SHA1")):
        return False
    (statement,) = json.loads(policy)["Statement"]
    return _matches(statement["Resource"], resource) and _met(statement["Condition"], client)


def _decoded(text: str) -> bytes:
    return base64.b64decode(text.translate(str.maketrans("-_~", "+=/")))


def _signed(policy: bytes, signature: bytes, pem: str, algorithm: str) -> bool:
    digest = {"SHA1": hashes.SHA1, "SHA256": hashes.SHA256}[algorithm]()
    key = load_pem_public_key(pem.encode())
    try:
        if isinstance(key, rsa.RSAPublicKey):
            key.verify(signature, policy, padding.PKCS1v15(), digest)
        else:
            assert isinstance(key, ec.EllipticCurvePublicKey)
            key.verify(signature, policy, ec.ECDSA(digest))
    except InvalidSignature:
        return False
    return True


def _matches(pattern: str, resource: str) -> bool:
    parts: Sequence[str] = [{"*": ".*", "?": "."}.get(one, re.escape(one)) for one in re.split(r"([*])", pattern)]
    return re.fullmatch("".join(parts), resource) is not None


def _met(condition: dict[str, dict[str, object]], client: str) -> bool:
    now = time.time()
    before = condition["DateLessThan"]["AWS:EpochTime"]
    after = condition.get("DateGreaterThan", {}).get("AWS:EpochTime", 0)
    allowed = str(condition.get("IpAddress", {}).get("AWS:SourceIp", f"{client}/32"))
    assert isinstance(before, int)
    assert isinstance(after, int)
    return after <= now < before and allowed in (f"{client}/32", client, "0.0.0.0/0")
