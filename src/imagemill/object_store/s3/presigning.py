"""Links and forms that let a browser read or write one object without us: presigned GET, PUT and POST of Signature V4.

Pure, beside `signature`, which signs our own requests: here the signature stands in the query or in the form's fields
(AWS, "Authenticating Requests: Using Query Parameters" and "Browser-Based Uploads Using POST"). obstore signs links but
no forms, and boto3, which does both, is no dependency of ours; a test compares both with botocore's, and a server that
checks signatures takes them.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from imagemill.object_store.s3.credentials import Credentials
from imagemill.object_store.s3.place import Place
from imagemill.object_store.s3.signature import path_of, query_of

ALGORITHM = "AWS4-HMAC-SHA256"


@dataclass(frozen=True, slots=True)
class Link:
    """What a browser needs: where to, the form's fields or the headers that belong to the signature."""

    url: str
    fields: Mapping[str, str] = field(default_factory=dict, repr=False)
    headers: Mapping[str, str] = field(default_factory=dict)


def put_link(
    place: Place,
    key: str,
    *,
    credentials: Credentials,
    now: float,
    expires_in: int,
    headers: Mapping[str, str] | None = None,
) -> Link:
    """Return a link that takes the object `key` (whole, with its prefix) by PUT for `expires_in` seconds.

    `headers` (lower-case names) must be sent as they are, for they are signed. A `content-length` among them binds the
    body to exactly so many bytes; without one a link takes any number.
    """
    sent = dict(headers or {})
    url = _signed(place, "PUT", key, credentials, now, expires_in, headers=sent)
    return Link(url, headers=sent)


def get_link(
    place: Place,
    key: str,
    *,
    credentials: Credentials,
    now: float,
    expires_in: int,
    answer: Mapping[str, str] | None = None,
) -> Link:
    """Return a link that gives the object `key` (whole, with its prefix) by GET for `expires_in` seconds.

    `answer` are headers that the store says instead of the object's own (`cache-control`, `content-disposition`; AWS,
    "GetObject", request parameters `response-…`).
    """
    query = {f"response-{name}": text for name, text in (answer or {}).items()}
    return Link(_signed(place, "GET", key, credentials, now, expires_in, query=query))


def _signed(
    place: Place,
    method: str,
    key: str,
    credentials: Credentials,
    now: float,
    expires_in: int,
    *,
    headers: Mapping[str, str] | None = None,
    query: Mapping[str, str] | None = None,
) -> str:
    """Return the URL of a request whose signature stands in its query."""
    stamp, scope = _scope(place, now)
    signed = {**(headers or {}), "host": place.host}
    names = ";".join(sorted(signed))
    asked = {
        **(query or {}),
        "X-Amz-Algorithm": ALGORITHM,
        "X-Amz-Credential": f"{credentials.key_id}/{scope}",
        "X-Amz-Date": stamp,
        "X-Amz-Expires": str(expires_in),
        "X-Amz-SignedHeaders": names,
    }
    if credentials.token:
        asked["X-Amz-Security-Token"] = credentials.token
    path = place.path + path_of(key)
    lines = "".join(f"{name}:{' '.join(signed[name].split())}\n" for name in sorted(signed))
    canonical = "\n".join((method, path, query_of(asked), lines, names, "UNSIGNED-PAYLOAD"))
    text = "\n".join((ALGORITHM, stamp, scope, hashlib.sha256(canonical.encode()).hexdigest()))
    return f"{place.base}{path}?{query_of(asked)}&X-Amz-Signature={_sign(credentials, scope, text)}"


def post_form(
    place: Place,
    bucket: str,
    key: str,
    *,
    credentials: Credentials,
    now: float,
    expires_in: int,
    most_bytes: int,
    content_type: str | None = None,
    fields: Mapping[str, str] | None = None,
) -> Link:
    """Return a form that takes the object `key` of 1…`most_bytes` bytes by POST for `expires_in` seconds.

    `content_type` is an exact type, which becomes a field, or one that ends in `/*`, which the form's own field must
    begin with. `fields` are more fixed ones (encryption). The file comes last in the form, as the field `file`.
    """
    stamp, scope = _scope(place, now)
    fixed = {
        **(fields or {}),
        "key": key,
        "x-amz-algorithm": ALGORITHM,
        "x-amz-credential": f"{credentials.key_id}/{scope}",
        "x-amz-date": stamp,
    }
    if credentials.token:
        fixed["x-amz-security-token"] = credentials.token
    conditions: list[object] = [{"bucket": bucket}, ["content-length-range", 1, most_bytes]]
    if content_type is not None and content_type.endswith("/*"):
        conditions.append(["starts-with", "$Content-Type", content_type[:-1]])
    elif content_type is not None:
        fixed["Content-Type"] = content_type
    conditions += [{name: text} for name, text in fixed.items()]
    until = datetime.fromtimestamp(now + expires_in, UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
    policy = base64.b64encode(json.dumps({"expiration": until, "conditions": conditions}).encode()).decode()
    signature = _sign(credentials, scope, policy)
    url = place.base + place.path.removesuffix("/") + ("/" if place.in_host else "")
    return Link(url, fields={**fixed, "policy": policy, "x-amz-signature": signature})


def _scope(place: Place, now: float) -> tuple[str, str]:
    stamp = datetime.fromtimestamp(now, UTC).strftime("%Y%m%dT%H%M%SZ")
    return stamp, f"{stamp[:8]}/{place.region}/s3/aws4_request"


def _sign(credentials: Credentials, scope: str, text: str) -> str:
    key = f"AWS4{credentials.secret}".encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    return hmac.new(key, text.encode(), "sha256").hexdigest()
