"""AWS Signature Version 4 for one request with its headers (AWS, "Signature Version 4 signing process").

Pure, and separate from the request: a test compares it with botocore's own signer.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from urllib.parse import quote

from imagemill.object_store.s3.credentials import Credentials

_ALGORITHM = "AWS4-HMAC-SHA256"


def path_of(key: str) -> str:
    """Return `key` as it stands in a URL's path: each byte but unreserved ones and `/` percent-encoded, once."""
    return quote(key, safe="/-_.~")


def query_of(parameters: Mapping[str, str]) -> str:
    """Return the canonical query: sorted, percent-encoded as RFC 3986 has it (a space is %20, never `+`)."""
    pairs = sorted((quote(name, safe="-_.~"), quote(value, safe="-_.~")) for name, value in parameters.items())
    return "&".join(f"{name}={value}" for name, value in pairs)


def signed(
    method: str,
    host: str,
    path: str,
    query: str,
    headers: Sequence[tuple[str, str]],
    body: bytes | memoryview,
    *,
    credentials: Credentials,
    region: str,
    now: float,
    service: str = "s3",
) -> list[tuple[str, str]]:
    """Return the headers to send: those given (lower case names), `x-amz-…` and `authorization`.

    `path` and `query` are encoded already; `host` has its port where that is not the scheme's; `now` is in seconds
    since 1970. `service` is the one asked; others than S3 merely read the digest of the body.
    """
    stamp = datetime.fromtimestamp(now, UTC).strftime("%Y%m%dT%H%M%SZ")
    payload = hashlib.sha256(body).hexdigest()
    sent = [*headers, ("x-amz-content-sha256", payload), ("x-amz-date", stamp)]
    if credentials.token:
        sent.append(("x-amz-security-token", credentials.token))
    ordered = sorted([*sent, ("host", host)])
    names = ";".join(name for name, _ in ordered)
    lines = "".join(f"{name}:{' '.join(value.split())}\n" for name, value in ordered)
    canonical = "\n".join((method, path, query, lines, names, payload))
    scope = f"{stamp[:8]}/{region}/{service}/aws4_request"
    text = "\n".join((_ALGORITHM, stamp, scope, hashlib.sha256(canonical.encode()).hexdigest()))
    key = f"AWS4{credentials.secret}".encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    signature = hmac.new(key, text.encode(), "sha256").hexdigest()
    said = f"{_ALGORITHM} Credential={credentials.key_id}/{scope}, SignedHeaders={names}, Signature={signature}"
    return [*sent, ("authorization", said)]
