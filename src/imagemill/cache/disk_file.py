"""One variant as a file of the disk cache: five lines about it, then its bytes.

    imagemill variant 1  |  CRC-32 of all that follows  |  name  |  SHA-256 of the bytes, hex  |  modified  |  the bytes

Separate from `disk`, which says where files lie. A disk lies more often than one thinks, and a file is only believed
whole, as it was written, and under its own name: a flipped bit, half a file after a power cut, and a file moved by hand
are no hit (threat C9). CRC-32 finds every damage of up to 32 bits in a row and all but one in four thousand million
others, in a quarter of the time of SHA-256, which is looked at as well where a thread reads the file.
"""

from __future__ import annotations

import hashlib
import zlib

from imagemill.variants.port import Kept, VariantName

MAGIC = b"imagemill variant 1\n"
START = len(MAGIC) + 9
"""Where that begins of which the CRC is."""
LONGEST_LINES = 4096
"""Bytes of the lines about a variant at most: a key has 1024, each of which may be written as three."""
STEP = 5120
"""Bytes summed at once. Of more than 5120 zlib gives the interpreter's lock away, and on a busy server it costs more to
get that back than to sum a picture."""


def encode(name: VariantName, kept: Kept) -> bytes:
    """Return the file of a variant."""
    rest = b"\n".join((_named(name), kept.etag.encode(), repr(kept.modified).encode(), kept.data))
    return MAGIC + b"%08x\n" % zlib.crc32(rest) + rest


def decode(name: VariantName, file: memoryview, *, thoroughly: bool = True) -> Kept | None:
    """Return the variant in a file, None where it is not whole, not as it was written, or another's.

    `thoroughly` compares the SHA-256 as well.
    """
    lines = bytes(file[:LONGEST_LINES])
    if not lines.startswith(MAGIC) or lines[START - 9 : START] != b"%08x\n" % _sum(file[START:]):
        return None
    parts = lines[START:].split(b"\n", 3)
    if len(parts) != 4 or parts[0] != _named(name):
        return None
    data = bytes(file[len(lines) - len(parts[3]) :])
    if thoroughly and hashlib.sha256(data).hexdigest().encode() != parts[1]:
        return None
    return Kept(data, parts[1].decode(), float(parts[2]))


def key_in(start: bytes) -> tuple[str, str]:
    """Return site and key of the variant whose file begins with `start`; empty where it is none."""
    if not start.startswith(MAGIC):
        return "", ""
    named = start[START:].partition(b"\n")[0].replace(b"%0A", b"\n").replace(b"%25", b"%")
    owner, _, _ = named.decode("utf-8", "replace").rpartition("/~/")
    site, _, key = owner.partition("/")
    return site, key


def _named(name: VariantName) -> bytes:
    """Return a name in one line, whatever characters an odd key has."""
    return str(name).encode("utf-8", "surrogatepass").replace(b"%", b"%25").replace(b"\n", b"%0A")


def _sum(data: memoryview) -> int:
    found = 0
    for start in range(0, len(data), STEP):
        found = zlib.crc32(data[start : start + STEP], found)
    return found
