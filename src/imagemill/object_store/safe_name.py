"""Which keys a path can hold, and the name under which the others are kept.

A key is more general than a path: a segment may have 1 000 bytes, `a` and `a/b` are two objects, and a name may look
like one of ours on a disk that folds case. Such a key lives under a digest, apart; its sidecar remembers the key.
"""

from __future__ import annotations

import hashlib

from imagemill.object_store.naming import MAX_KEY_BYTES, RESERVED

MAX_SEGMENT = 255
"""NAME_MAX of every Linux file system, in bytes."""
MAX_PATH = 4095
"""PATH_MAX without its NUL. We walk folder by folder and could go beyond; other programs could not follow."""

_NOT_NAMES = frozenset({"", ".", "..", "~"})


def is_ours(first_segment: str) -> bool:
    """Whether a name at the root is kept for our own files, in any case (vfat, exfat and CIFS fold it)."""
    return first_segment.casefold() in RESERVED


def path_segments(key: str, root_length: int) -> tuple[str, ...] | None:
    """Return the path of `key` below a root of `root_length` bytes, None when no path can hold it."""
    try:
        raw = key.encode("utf-8")
    except UnicodeEncodeError:
        return None
    if b"\0" in raw or len(raw) > MAX_KEY_BYTES or root_length + 1 + len(raw) > MAX_PATH:
        return None
    segments = tuple(key.split("/"))
    if is_ours(segments[0]) or any(segment in _NOT_NAMES for segment in segments):
        return None
    if len(raw) > MAX_SEGMENT and any(len(segment.encode("utf-8")) > MAX_SEGMENT for segment in segments):
        return None
    return segments


def digest_name(key: str) -> str:
    """Return 64 hex digits that stand for `key` where its own text cannot."""
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()
