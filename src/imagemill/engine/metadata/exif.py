"""EXIF: a TIFF structure of fields, read within bounds and written anew (CIPA DC-008 section 4.5, TIFF 6.0).

The reader visits three directories at most: the main one and those two that it names, for the photograph and for GPS.
It follows no chain, so the second image (the thumbnail) is never seen and nothing can go in circles; offsets that leave
the block are fields that are not there. Values are kept as bytes in little-endian order.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass, field

from imagemill.engine.metadata import exif_tags as tags

MAX_BLOCK = 64 * 1024 * 1024
"""Bytes of a block; a TIFF file is one, so only offsets are bounded by it."""
MAX_ENTRIES = 512
"""Fields of one directory that are looked at."""
MAX_VALUE = 8 * 1024
"""Bytes of one value; longer ones are pictures and notes."""

SHORT = 3
RATIONAL = 5

_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 129: 1}
"""Bytes of one of each type: BYTE, ASCII, SHORT, LONG, RATIONAL, SBYTE, UNDEFINED, SSHORT, SLONG, SRATIONAL, FLOAT,
DOUBLE, IFD, UTF-8 (Exif 3.0)."""
_UNIT = {1: 1, 2: 1, 3: 2, 4: 4, 5: 4, 6: 1, 7: 1, 8: 2, 9: 4, 10: 4, 11: 4, 12: 8, 13: 4, 129: 1}
"""Bytes that are turned together where the byte order is the other one."""
_FORMS = {1: "B", 3: "H", 4: "I", 5: "I", 6: "b", 8: "h", 9: "i", 10: "i", 11: "f", 12: "d", 13: "I"}


@dataclass(frozen=True, slots=True)
class Field:
    """One value: its type's number, how many there are, the bytes in little-endian order."""

    kind: int
    count: int
    data: bytes

    def numbers(self) -> list[int] | list[float]:
        """Return the numbers of a numeric type; a rational is its quotient, and left out where that is none."""
        form = _FORMS.get(self.kind)
        if form is None:
            return []
        values = list(struct.unpack(f"<{len(self.data) // struct.calcsize(form)}{form}", self.data))
        if self.kind in (RATIONAL, 10):
            return [above / below for above, below in zip(values[::2], values[1::2], strict=True) if below]
        return values


Directory = Mapping[int, Field]


@dataclass(frozen=True, slots=True)
class Exif:
    """The fields of the three directories by their numbers."""

    main: Directory = field(default_factory=dict)
    photo: Directory = field(default_factory=dict)
    gps: Directory = field(default_factory=dict)

    def __bool__(self) -> bool:
        """Whether there is any field."""
        return bool(self.main or self.photo or self.gps)


def read_exif(block: bytes | memoryview) -> Exif:
    """Return the listed fields of a block (from `II` or `MM` on, or with `Exif` before it); an unsound one has none."""
    view = memoryview(block)
    if bytes(view[:6]) == b"Exif\0\0":
        view = view[6:]
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(bytes(view[:4]))
    if order is None or len(view) < 8 or len(view) > MAX_BLOCK:
        return Exif()
    reader = _Reader(view, order)
    main, pointers = reader.directory(reader.number(4, "I"), tags.MAIN)
    photo, _ = reader.directory(pointers.get(tags.EXIF_POINTER, 0), tags.PHOTO)
    gps, _ = reader.directory(pointers.get(tags.GPS_POINTER, 0), tags.GPS)
    return Exif(main, photo, gps)


@dataclass(slots=True)
class _Reader:
    """Reads directories of one block."""

    view: memoryview
    order: str

    def number(self, at: int, form: str) -> int:
        """Return an unsigned number at an offset; the caller has checked that it lies inside."""
        return int(struct.unpack_from(self.order + form, self.view, at)[0])

    def directory(self, at: int, known: Mapping[int, str]) -> tuple[dict[int, Field], dict[int, int]]:
        """Return the fields of the directory at an offset that are in `known`, and where its pointers lead."""
        fields: dict[int, Field] = {}
        pointers: dict[int, int] = {}
        if at < 8 or at + 2 > len(self.view):
            return fields, pointers
        for place in range(min(self.number(at, "H"), MAX_ENTRIES)):
            entry = at + 2 + 12 * place
            if entry + 12 > len(self.view):
                break
            tag, kind, count = struct.unpack_from(self.order + "HHI", self.view, entry)
            if tag in (tags.EXIF_POINTER, tags.GPS_POINTER):
                pointers[tag] = self.number(entry + 8, "I")
            elif tag in known and tag not in fields:
                found = self._value(entry + 8, kind, count)
                if found is not None:
                    fields[tag] = found
        return fields, pointers

    def _value(self, at: int, kind: int, count: int) -> Field | None:
        size = _SIZES.get(kind, 0) * count
        if not 0 < size <= MAX_VALUE:
            return None
        if size > 4:
            at = self.number(at, "I")
        data = bytes(self.view[at : at + size])
        if len(data) != size:
            return None
        return Field(kind, count, data if self.order == "<" else _turned(data, _UNIT[kind]))


def _turned(data: bytes, unit: int) -> bytes:
    """Turn the byte order of every unit."""
    if unit == 1:
        return data
    return b"".join(data[at : at + unit][::-1] for at in range(0, len(data), unit))


def write_exif(exif: Exif) -> bytes:
    """Return a little-endian block of these fields, ready for any container; empty where there are none."""
    if not exif:
        return b""
    parts = [(tags.EXIF_POINTER, exif.photo), (tags.GPS_POINTER, exif.gps)]
    pointers = [(tag, fields) for tag, fields in parts if fields]
    main = {**exif.main, **{tag: Field(4, 1, bytes(4)) for tag, _ in pointers}}
    at = 8 + _length(main)
    for tag, fields in pointers:
        main[tag] = Field(4, 1, struct.pack("<I", at))
        at += _length(fields)
    block = b"II*\0" + struct.pack("<I", 8) + _written(main, 8)
    for _, fields in pointers:
        block += _written(fields, len(block))
    return block


def _length(fields: Directory) -> int:
    """Bytes of a directory with the values that lie behind it."""
    behind = sum(len(one.data) + len(one.data) % 2 for one in fields.values() if len(one.data) > 4)
    return 2 + 12 * len(fields) + 4 + behind


def _written(fields: Directory, at: int) -> bytes:
    """Return a directory that stands at offset `at`; there is no next one."""
    head = struct.pack("<H", len(fields))
    behind = b""
    start = at + 2 + 12 * len(fields) + 4
    for tag, one in sorted(fields.items()):
        head += struct.pack("<HHI", tag, one.kind, one.count)
        if len(one.data) <= 4:
            head += one.data.ljust(4, b"\0")
        else:
            head += struct.pack("<I", start + len(behind))
            behind += one.data + b"\0" * (len(one.data) % 2)
    return head + bytes(4) + behind
