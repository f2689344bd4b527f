"""`s3://bucket/prefix?endpoint=…&region=…`: which bucket, and which part of it, a setting's URL names.

Separate from `connection`, which imports the client: an address is checked at every start and by `imagemill settings`.
Credentials never stand in the URL; it is printed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import parse_qsl, unquote, urlsplit

EXPECTED = "s3://bucket/prefix, or s3://bucket/prefix?endpoint=https://s3.example.com&region=eu-west-1"
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.\-]{1,61}[a-z0-9]")
_REGION = re.compile(r"[A-Za-z0-9_\-]{1,64}")
_MAX_PREFIX_BYTES = 256
"""A key may have 1024 bytes, and S3 allows no more for prefix, key and the name of a variant together."""


class BadAddress(ValueError):
    """A URL that names no bucket; the text completes "expected …"."""


@dataclass(frozen=True, slots=True)
class S3Address:
    """Where objects lie: `prefix` is empty or ends with `/`; `endpoint` and `region` are empty unless the URL said."""

    bucket: str
    prefix: str = ""
    endpoint: str = ""
    region: str = ""

    def below(self, folder: str) -> S3Address:
        """Return the address of `folder` (which ends with `/`) inside of this one."""
        return S3Address(self.bucket, self.prefix + folder, self.endpoint, self.region)

    def holds(self, other: S3Address) -> bool:
        """Whether everything at `other` lies here as well."""
        here, there = (self.bucket, self.endpoint, self.region), (other.bucket, other.endpoint, other.region)
        return here == there and other.prefix.startswith(self.prefix)

    def __str__(self) -> str:
        """Return it for people: bucket and prefix."""
        return f"s3://{self.bucket}/{self.prefix}"


def address_of(url: str) -> S3Address | None:
    """Return what an `s3://` URL names, None for a URL of another kind; raise BadAddress."""
    if url[:3].lower() != "s3:":
        return None
    try:
        parts = urlsplit(url)
        query = parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query), max_num_fields=8)
    except ValueError:
        raise BadAddress(EXPECTED) from None
    if "@" in parts.netloc:
        raise BadAddress(f"{EXPECTED}, without credentials (they belong in [s3] or the AWS variables)")
    if not url[3:].startswith("//") or parts.fragment or _BUCKET.fullmatch(parts.netloc) is None:
        raise BadAddress(EXPECTED)
    named = dict(query)
    if len(named) != len(query) or not named.keys() <= {"endpoint", "region"}:
        raise BadAddress(f"{EXPECTED}, with no other parameters, each once")
    return S3Address(parts.netloc, _prefix(parts.path), _endpoint(named), _region(named))


def check_endpoint(text: str) -> str:
    """Return the address of a store's server without a slash at the end; raise BadAddress."""
    parts = urlsplit(text)
    try:
        whole = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        whole = False
    if not whole or parts.path not in ("", "/") or parts.query or parts.fragment or "@" in parts.netloc:
        raise BadAddress("an http:// or https:// address without a path, such as https://s3.example.com")
    return f"{parts.scheme}://{parts.netloc}"


def _endpoint(named: dict[str, str]) -> str:
    if "endpoint" not in named:
        return ""
    try:
        return check_endpoint(named["endpoint"])
    except BadAddress as error:
        raise BadAddress(f"as endpoint {error}") from None


def check_region(text: str) -> str:
    """Return the name of a region; raise BadAddress."""
    if _REGION.fullmatch(text) is None:
        raise BadAddress("a region's name, such as eu-west-1")
    return text


def _region(named: dict[str, str]) -> str:
    return check_region(named["region"]) if "region" in named else ""


def _prefix(path: str) -> str:
    try:
        text = unquote(path, errors="strict").strip("/")
    except UnicodeDecodeError:
        raise BadAddress(f"{EXPECTED}, in UTF-8") from None
    if not text:
        return ""
    odd = any(segment in ("", ".", "..", "~") for segment in text.split("/"))
    if odd or not text.isprintable() or "\\" in text or len(text.encode()) > _MAX_PREFIX_BYTES:
        raise BadAddress(f"a prefix of plain segments, at most {_MAX_PREFIX_BYTES} bytes: {EXPECTED}")
    return text + "/"
