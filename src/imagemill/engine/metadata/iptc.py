"""IPTC-IIM: the press agencies' fields, in Photoshop's resources or bare (IPTC IIM 4.2, Adobe's PSIR).

Read within bounds, told and written as UTF-8. Record 2 only; what is binary (previews, audio) is not listed.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence

from imagemill.engine.metadata.text import safe_text

MAX_SETS = 1000
"""Data sets that are looked at."""
_MAX_RESOURCES = 200

_HEAD = b"Photoshop 3.0\0"
_IPTC_RESOURCE = 0x0404
_UTF8 = b"\x1b%G"

NAMES = {
    3: "ObjectTypeReference",
    5: "ObjectName",
    7: "EditStatus",
    10: "Urgency",
    12: "SubjectReference",
    15: "Category",
    20: "SupplementalCategories",
    25: "Keywords",
    26: "ContentLocationCode",
    27: "ContentLocationName",
    30: "ReleaseDate",
    35: "ReleaseTime",
    37: "ExpirationDate",
    40: "SpecialInstructions",
    55: "DateCreated",
    60: "TimeCreated",
    62: "DigitalCreationDate",
    63: "DigitalCreationTime",
    65: "OriginatingProgram",
    70: "ProgramVersion",
    75: "ObjectCycle",
    80: "By-line",
    85: "By-lineTitle",
    90: "City",
    92: "Sub-location",
    95: "Province-State",
    100: "Country-PrimaryLocationCode",
    101: "Country-PrimaryLocationName",
    103: "OriginalTransmissionReference",
    105: "Headline",
    110: "Credit",
    115: "Source",
    116: "CopyrightNotice",
    118: "Contact",
    120: "Caption-Abstract",
    122: "Writer-Editor",
    130: "ImageType",
    135: "LanguageIdentifier",
}
"""Data sets of record 2 that are text."""

Iptc = Sequence[tuple[int, str]]
"""Data sets of record 2 in their order; those that repeat (keywords, by-lines) stand several times."""


def read_iptc(block: bytes) -> Iptc:
    """Return the text data sets of a block; an unsound one ends where it stops making sense."""
    data = _iim(block)
    utf8 = False
    found: list[tuple[int, str]] = []
    at = 0
    for _ in range(MAX_SETS):
        if at + 5 > len(data) or data[at] != 0x1C:
            break
        record, number, size = struct.unpack_from(">BBH", data, at + 1)
        at += 5
        if size & 0x8000 or at + size > len(data):  # an extended length is for pictures
            break
        value = data[at : at + size]
        at += size
        if (record, number) == (1, 90):
            utf8 = value == _UTF8
        elif record == 2 and number in NAMES:
            text = safe_text(_text(value, utf8=utf8))
            if text:
                found.append((number, text))
    return found


def write_iptc(sets: Iterable[tuple[int, str]]) -> bytes:
    """Return bare IIM in UTF-8; empty where there are no sets."""
    body = b"".join(_set(2, number, text.encode("utf-8")[:0x7FFF]) for number, text in sets)
    return _set(1, 90, _UTF8) + _set(2, 0, b"\0\4") + body if body else b""


def in_resources(iim: bytes) -> bytes:
    """Return IIM as the one resource of a Photoshop block, which is how JPEG carries it."""
    return _HEAD + b"8BIM" + struct.pack(">HHI", _IPTC_RESOURCE, 0, len(iim)) + iim + b"\0" * (len(iim) % 2)


def _set(record: int, number: int, value: bytes) -> bytes:
    return b"\x1c" + struct.pack(">BBH", record, number, len(value)) + value


def _text(value: bytes, *, utf8: bool) -> str:
    if utf8:
        return value.decode("utf-8", "replace")
    try:
        return value.decode("utf-8")  # many writers forget to say so
    except UnicodeDecodeError:
        return value.decode("latin-1")


def _iim(block: bytes) -> bytes:
    """Return the IIM in a block: the block itself, or the resource of a Photoshop block that holds it."""
    if block[:1] == b"\x1c":
        return block
    at = len(_HEAD) if block.startswith(_HEAD) else 0
    for _ in range(_MAX_RESOURCES):
        if block[at : at + 4] != b"8BIM" or at + 12 > len(block):
            break
        (number,) = struct.unpack_from(">H", block, at + 4)
        at += 6
        name = 1 + block[at]  # a Pascal string, padded to even length
        at += name + name % 2
        if at + 4 > len(block):
            break
        (size,) = struct.unpack_from(">I", block, at)
        at += 4
        if number == _IPTC_RESOURCE:
            return block[at : at + size]
        at += size + size % 2
    return b""
