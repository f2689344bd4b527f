"""Where variants lie in a bucket: the names of `port`, as they are, so that one prefix lists and purges an original.

    <site>/<key>/~/<version>/<leaf>     a kept variant, with its type and the SHA-256 of its bytes
    <site>/<key>/~/record.json          the original's record
    .odd/<digest>/~/…                   the same for a key too long for S3, with its text in key.txt

There is no `current` as on a disk: who asks a bucket straight names the version.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from imagemill.object_store.safe_name import digest_name
from imagemill.variants.paths import (
    HOME,
    KEY_TEXT,
    LONGEST_REST,
    ODD,
    RECORD,
    check_leaf,
    check_site,
    check_version,
)
from imagemill.variants.port import VariantName

MAX_NAME_BYTES = 1024
"""S3's limit for an object's whole name."""

DIGEST = "imagemill-sha256"
MODIFIED = "imagemill-modified"
"""Metadata of a variant: SHA-256 of its bytes in hex, and what its answers say, in seconds since 1970."""
CACHE_TAG = "cache-tag"
"""Metadata that S3 answers as `x-amz-meta-cache-tag`, which is the name a CloudFront distribution reads tags from."""

TRIMMED: Mapping[str, str] = MappingProxyType({"imagemill": "variant"})
"""The object tag of variants that a lifecycle rule of the bucket removes: records, beside them, do not have it."""

_TYPES = {
    "jpg": "image/jpeg",
    "png": "image/png",
    "webp": "image/webp",
    "avif": "image/avif",
    "gif": "image/gif",
    "tiff": "image/tiff",
    "jxl": "image/jxl",
}


class RemoteNames:
    """Names below a prefix of `room` bytes, which count towards S3's limit."""

    def __init__(self, room: int) -> None:
        self._room = room

    def home(self, site: str, key: str) -> str:
        """Return the prefix of everything we made of an original; ends with a slash."""
        check_site(site)
        if self.is_odd(site, key):
            return f"{ODD}/{digest_name(f'{site}/{key}')}/{HOME}/"
        return f"{site}/{key}/{HOME}/"

    def is_odd(self, site: str, key: str) -> bool:
        """Whether the names of this key's variants would be too long."""
        length = len(key.encode("utf-8", "surrogatepass"))
        return self._room + len(site) + 1 + length + LONGEST_REST > MAX_NAME_BYTES

    def variant(self, name: VariantName) -> str:
        """Return the object of a variant."""
        return f"{self.home(name.site, name.key)}{check_version(name.version)}/{check_leaf(name.leaf)}"

    def record(self, site: str, key: str) -> str:
        """Return the object of an original's record."""
        return self.home(site, key) + RECORD

    def key_text(self, site: str, key: str) -> str:
        """Return the object that tells which key an odd home belongs to."""
        return self.home(site, key) + KEY_TEXT


def parts_of(path: str) -> tuple[str, str, str] | None:
    """Return (home, version, leaf) of a variant's object, None for any other object."""
    home, _, rest = path.rpartition(f"/{HOME}/")
    version, slash, leaf = rest.partition("/")
    return (f"{home}/{HOME}/", version, leaf) if home and slash and leaf else None


def type_of(leaf: str) -> str:
    """Return the media type of a variant by the extension of its name."""
    return _TYPES.get(leaf.rpartition(".")[2], "application/octet-stream")
