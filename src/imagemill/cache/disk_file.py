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


def encode(name: VariantName, kept: Kept) -> bytes:
    """Return the file of a variant."""
    about = _about(name, kept.etag.encode(), repr(kept.modified).encode())
    return b"\n".join((MAGIC, _mark(about), about)) + b"\n" + kept.data


def decode(name: VariantName, file: bytes) -> Kept | None:
    """Return the variant in a file, None where it is not whole, not as it was written, or another's."""
    parts = file.split(b"\n", 5)
    if len(parts) != 6 or parts[0] != MAGIC:
        return None
    about = b"\n".join(parts[2:5])
    digest, data = parts[3], parts[5]
    if parts[1] != _mark(about) or parts[2] != _named(name):
        return None
    if hashlib.sha256(data).hexdigest().encode() != digest:
        return None
    return Kept(data, digest.decode(), float(parts[4]))


def key_in(start: bytes) -> tuple[str, str]:
    """Return site and key of the variant whose file begins with `start`; empty where it is none."""
    parts = start.split(b"\n", 3)
    if len(parts) < 4 or parts[0] != MAGIC:
        return "", ""
    owner, _, _ = parts[2].replace(b"%0A", b"\n").replace(b"%25", b"%").decode("utf-8", "replace").rpartition("/~/")
    site, _, key = owner.partition("/")
    return site, key


def _about(name: VariantName, digest: bytes, modified: bytes) -> bytes:
    return b"\n".join((_named(name), digest, modified))


def _named(name: VariantName) -> bytes:
    """Return a name in one line, whatever characters an odd key has."""
    return str(name).encode("utf-8", "surrogatepass").replace(b"%", b"%25").replace(b"\n", b"%0A")


def _mark(about: bytes) -> bytes:
    return hashlib.sha256(about).hexdigest()[:16].encode()
