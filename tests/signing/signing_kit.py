"""Keys, links and cookies for tests of signatures; made by botocore and `cryptography`, not by us."""

from __future__ import annotations

import http.client
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Any

from botocore.signers import CloudFrontSigner
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

SECRET = "correct-horse-battery-staple"
KEY_ID = "K2JCJMDEHXQW5F"
EC_ID = "KEC9LLLL0000EC"


@cache
def rsa_key() -> rsa.RSAPrivateKey:
    """Return the RSA key of this run."""
    return rsa.generate_private_key(65537, 2048)


@cache
def ec_key() -> ec.EllipticCurvePrivateKey:
    """Return the key on P-256 of this run."""
    return ec.generate_private_key(ec.SECP256R1())


def pem(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> str:
    """Return the public half as PEM."""
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def rsa_sha1(message: bytes) -> bytes:
    """Sign as CloudFront's own examples do."""
    return rsa_key().sign(message, padding.PKCS1v15(), hashes.SHA1())  # noqa: S303 - what CloudFront asks for


def rsa_sha256(message: bytes) -> bytes:
    """Sign with RSA and SHA-256."""
    return rsa_key().sign(message, padding.PKCS1v15(), hashes.SHA256())


def ec_sha1(message: bytes) -> bytes:
    """Sign with ECDSA and SHA-1."""
    return ec_key().sign(message, ec.ECDSA(hashes.SHA1()))  # noqa: S303 - what CloudFront asks for


def ec_sha256(message: bytes) -> bytes:
    """Sign with ECDSA and SHA-256."""
    return ec_key().sign(message, ec.ECDSA(hashes.SHA256()))


def signer(key_id: str = KEY_ID, sign: Callable[[bytes], bytes] = rsa_sha1) -> CloudFrontSigner:
    """Return botocore's signer."""
    return CloudFrontSigner(key_id, sign)


def moment(seconds: float) -> datetime:
    """Return seconds since 1970 as botocore wants them."""
    return datetime.fromtimestamp(seconds, UTC)


def policy(resource: str, until: float, **more: Any) -> str:
    """Return a custom policy; `more` are conditions as JSON has them."""
    conditions = {"DateLessThan": {"AWS:EpochTime": int(until)}, **more}
    return json.dumps({"Statement": [{"Resource": resource, "Condition": conditions}]}, separators=(",", ":"))


def cookies(text: str, sign: Callable[[bytes], bytes] = rsa_sha1, key_id: str = KEY_ID) -> str:
    """Return a Cookie header with the custom policy `text`, encoded by botocore."""
    encode = signer()._url_b64encode
    return (
        f"CloudFront-Policy={encode(text.encode()).decode()}; "
        f"CloudFront-Signature={encode(sign(text.encode())).decode()}; CloudFront-Key-Pair-Id={key_id}"
    )


@dataclass(frozen=True)
class Got:
    """An answer."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def problem(self) -> dict[str, Any]:
        """The problem document without what is of one request."""
        told: dict[str, Any] = json.loads(self.body)
        del told["request_id"]
        return told


def ask(port: int, target: str, method: str = "GET", **headers: str) -> Got:
    """Send exactly this request target; header names are written with `_` for `-`."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.putrequest(method, target, skip_host="host" in headers)
        for name, value in headers.items():
            connection.putheader(name.replace("_", "-"), value)
        connection.endheaders()
        answer = connection.getresponse()
        return Got(answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read())
    finally:
        connection.close()
