"""One variant as a file of the disk cache: five lines about it, then its bytes.

    imagemill variant 1  |  mark  |  name  |  SHA-256 of the bytes, hex  |  modified  |  the bytes

Separate from `disk`, which says where files lie. A disk lies more often than one thinks: everything before the bytes is
covered by `mark`, the bytes by their SHA-256, and a file is only believed under its own name. So a flipped bit, half a
file after a power cut, and a file moved by hand are all no hit (threat C9).
"""

from __future__ import annotations

import hashlib

from imagemill.variants.port import Kept, VariantName

MAGIC = b"imagemill variant 1"
LINES = 5
LONGEST_LINES = 4096
"""Bytes of the lines about a variant at most: a key has 1024, each of which may be written as three."""
STEP = 1984
"""Bytes hashed at once. From 2048 on hashlib gives the interpreter's lock away, and to get it back on a busy server
costs more than to hash a picture (measured: 50 µs against 8)."""


def encode(name: VariantName, kept: Kept) -> bytes:
    """Return the file of a variant."""
    about = b"\n".join((_named(name), kept.etag.encode(), repr(kept.modified).encode()))
    return b"\n".join((MAGIC, _mark(about), about)) + b"\n" + kept.data


def decode(name: VariantName, file: memoryview) -> Kept | None:
    """Return the variant in a file, None where it is not whole, not as it was written, or another's."""
    head = bytes(file[:LONGEST_LINES])
    parts = head.split(b"\n", LINES)
    if len(parts) <= LINES or parts[0] != MAGIC:
        return None
    about = head[len(parts[0]) + len(parts[1]) + 2 : len(head) - len(parts[LINES]) - 1]
    if parts[1] != _mark(about) or parts[2] != _named(name):
        return None
    data = file[len(head) - len(parts[LINES]) :]
    if _digest(data) != parts[3]:
        return None
    return Kept(bytes(data), parts[3].decode(), float(parts[4]))


def key_in(start: bytes) -> tuple[str, str]:
    """Return site and key of the variant whose file begins with `start`; empty where it is none."""
    parts = start.split(b"\n", 3)
    if len(parts) < 4 or parts[0] != MAGIC:
        return "", ""
    owner, _, _ = parts[2].replace(b"%0A", b"\n").replace(b"%25", b"%").decode("utf-8", "replace").rpartition("/~/")
    site, _, key = owner.partition("/")
    return site, key


def _named(name: VariantName) -> bytes:
    """Return a name in one line, whatever characters an odd key has."""
    return str(name).encode("utf-8", "surrogatepass").replace(b"%", b"%25").replace(b"\n", b"%0A")


def _mark(about: bytes) -> bytes:
    return hashlib.sha256(about).hexdigest()[:16].encode()


def _digest(data: memoryview) -> bytes:
    digest = hashlib.sha256()
    for start in range(0, len(data), STEP):
        digest.update(data[start : start + STEP])
    return digest.hexdigest().encode()
