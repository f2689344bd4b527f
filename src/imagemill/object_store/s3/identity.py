"""What an object on S3 is to us: which bytes, since when, and by whose word.

Separate from the store's verbs, and pure. S3's own ETag is the MD5 of the bytes for some uploads and an arbitrary word
for others (multipart, KMS), so what we write carries its SHA-256 with it. For what others put into the bucket the
identity is a digest of the store's ETag and the size: it says "the same as before" as surely, without reading a byte.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping

from imagemill.object_store.port import ObjectInfo
from imagemill.object_store.s3.found import Found
from imagemill.object_store.s3.listing import ListedObject

SHA256 = "imagemill-sha256"
WRITE = "imagemill-write"
"""A random word of one write: whoever lost the answer can see whether the object is his."""
METADATA = "imagemill-metadata"
"""The port's metadata as JSON: S3 folds the case of names and the spaces of values."""
UNKNOWN_TYPE = "application/octet-stream"
_DIGEST = re.compile(r"[0-9a-f]{64}")


def labels(sha256: str, write: str, metadata: Mapping[str, str]) -> dict[str, str]:
    """Return the metadata that goes with an object of ours."""
    told = {SHA256: sha256, WRITE: write}
    return told | {METADATA: json.dumps(dict(metadata), separators=(",", ":"))} if metadata else told


def info_of(key: str, found: Found) -> ObjectInfo:
    """Return what an object is."""
    etag = identity_of(found)
    return ObjectInfo(
        key=key,
        size=found.size,
        etag=etag,
        opaque=etag != found.metadata.get(SHA256),
        modified=found.modified,
        content_type=found.content_type or UNKNOWN_TYPE,
        stamp=stamp_of(found.tag, found.modified, found.size),
        metadata=_metadata_of(found),
    )


def listed_info(key: str, line: ListedObject) -> ObjectInfo:
    """Return what a listing says: the same stamp, and no digest, for S3 lists no metadata."""
    return ObjectInfo(
        key=key,
        size=line.size,
        etag="",
        modified=float(int(line.modified)),
        content_type=UNKNOWN_TYPE,
        stamp=stamp_of(line.tag, line.modified, line.size),
    )


def identity_of(found: Found) -> str:
    """Return the object's etag: the SHA-256 of the bytes where it came through us, else an opaque word as long."""
    ours = found.metadata.get(SHA256, "")
    if _DIGEST.fullmatch(ours):
        return ours
    return hashlib.sha256(f"s3\n{found.tag}\n{found.size}".encode()).hexdigest()


def stamp_of(tag: str, modified: float, size: int) -> str:
    """Return the cheap change mark; a listing knows fractions of a second that a header does not."""
    return f"{tag.strip(chr(34))}-{int(modified)}-{size}"


def _metadata_of(found: Found) -> Mapping[str, str]:
    try:
        told = json.loads(found.metadata.get(METADATA, "{}"))
    except ValueError:
        return {}
    return {str(name): str(text) for name, text in told.items()} if isinstance(told, dict) else {}
