"""The bytes of an Ultra HDR JPEG: two pictures in one file, and the index that says where the second begins.

Separate from the step that keeps a gain map: libultrahdr writes the file but encodes the base in its own way, and a
variant's base must be the very picture that is made without a map. Pure. The index is that of the Multi-Picture Format
(CIPA DC-007, section 5.2): two entries of 16 bytes, each with a size and an offset from the index's own beginning.
"""

from __future__ import annotations

import struct

_INDEX = b"MPF\x00"  # what its segment begins with
_ENTRIES_TAG = 0xB002
_MOST_SEGMENTS = 1000
_APP2, _SCAN = 0xE2, 0xDA


def with_base(file: bytes, base: bytes) -> bytes:
    """The Ultra HDR `file` with the picture of the JPEG `base` in place of its own; what is said before stays.

    Raises ValueError where `file` is not what libultrahdr writes.
    """
    try:
        return _with_base(file, base)
    except (struct.error, IndexError) as error:
        raise ValueError("expected an Ultra HDR file with two pictures") from error


def _with_base(file: bytes, base: bytes) -> bytes:
    said, _, _ = _parted(file)
    index = _find(file)
    order, entries = _entries(file, index)
    (offset,) = struct.unpack_from(order + "I", file, entries + 16 + 8)
    second = file[index + offset :]
    if second[:2] != b"\xff\xd8":
        raise ValueError("expected a second picture where the index says")
    _, tables, scan = _parted(base)
    made = bytearray(b"\xff\xd8" + said + tables + scan)
    moved = _find(made)
    struct.pack_into(order + "I", made, moved + entries - index + 4, len(made))
    struct.pack_into(order + "I", made, moved + entries - index + 16 + 8, len(made) - moved)
    return bytes(made) + second


def _find(file: bytes | bytearray) -> int:
    """Where the index begins, from which its offsets count."""
    at = 2
    for _ in range(_MOST_SEGMENTS):
        if file[at] != 0xFF or file[at + 1] == _SCAN:
            break
        if file[at + 1] == _APP2 and file[at + 4 : at + 8] == _INDEX:
            return at + 8
        at += 2 + int.from_bytes(file[at + 2 : at + 4], "big")
    raise ValueError("expected an Ultra HDR file with an index of its pictures")


def _parted(file: bytes) -> tuple[bytes, bytes, bytes]:
    """The header's application segments and comments, its other segments, and everything from the first scan on."""
    at, said, tables = 2, b"", b""
    for _ in range(_MOST_SEGMENTS):
        if file[at] != 0xFF:
            break
        if file[at + 1] == _SCAN:
            return said, tables, file[at:]
        length = 2 + int.from_bytes(file[at + 2 : at + 4], "big")
        if 0xE0 <= file[at + 1] <= 0xEF or file[at + 1] == 0xFE:
            said += file[at : at + length]
        else:
            tables += file[at : at + length]
        at += length
    raise ValueError("expected a JPEG with a scan")


def _entries(file: bytes, index: int) -> tuple[str, int]:
    """The byte order of the index, and where its entries lie in the file."""
    order = "<" if file[index : index + 2] == b"II" else ">"
    (directory,) = struct.unpack_from(order + "I", file, index + 4)
    (count,) = struct.unpack_from(order + "H", file, index + directory)
    for field in range(count):
        at = index + directory + 2 + 12 * field
        tag, _, size, value = struct.unpack_from(order + "HHII", file, at)
        if tag == _ENTRIES_TAG and size >= 32:
            return order, index + value
    raise ValueError("expected two pictures in the index")
