"""What a PNG or an AVIF says of its colours by numbers instead of a profile (coding-independent code points, H.273).

Read in Python because libvips reads neither PNG's `cICP` chunk nor, beyond the YCbCr matrix, AVIF's `nclx` box, and
because libheif takes the levels of a monochrome AVIF for full range whatever that box says, and colours multiplied by
alpha for plain ones. Pure, bounded by the number of chunks and boxes walked; what cannot be read says nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

from imagemill.engine.claims import big, box, boxes
from imagemill.errors import Unprocessable

_P3 = 12  # primaries of SMPTE EG 432-1 (table 2)
_HDR = frozenset((16, 18))  # transfers PQ and HLG (table 3), which no profile of ours stands for
_MOST_CHUNKS = 64  # PNG chunks before the pixels; real files have a dozen
_MONOCHROME = 0x10  # in the third byte of av1C (AV1-ISOBMFF 2.3.3)


@dataclass(frozen=True, slots=True)
class CodingPoints:
    """Primaries and transfer by H.273's numbers, 2 where they are not stated.

    `narrow_grey`: one band, whose black is 16 and white 235 of 255. `premultiplied`: colours are multiplied by alpha.
    """

    primaries: int = 2
    transfer: int = 2
    narrow_grey: bool = False
    premultiplied: bool = False

    @property
    def display_p3(self) -> bool:
        """Whether the colours are Display P3's, or so near that its profile shows them right."""
        return self.primaries == _P3 and self.transfer not in _HDR


def png_points(view: memoryview) -> CodingPoints | None:
    """The `cICP` chunk of a PNG (third edition, 11.3.2.6), which stands before the pixels."""
    at = 8
    for _ in range(_MOST_CHUNKS):
        kind = bytes(view[at + 4 : at + 8])
        if kind == b"cICP" and at + 12 <= len(view):
            return CodingPoints(view[at + 8], view[at + 9])
        if kind in (b"IDAT", b"IEND", b""):
            return None
        at += 12 + int.from_bytes(view[at : at + 4], "big")
    return None


def avif_points(view: memoryview) -> CodingPoints | None:
    """The `nclx` box of an AVIF's primary picture (ISO/IEC 14496-12 12.1.5), and how its levels are meant."""
    try:
        primary = _primary(view)
        if primary is None:
            return None
        inside, item = primary
        properties = _properties(view, inside, item)
        premultiplied = _premultiplied(view, inside, item)
    except (IndexError, Unprocessable):
        return None
    nclx = next((body for kind, body in properties if kind == b"colr" and body[:4] == b"nclx"), b"")
    if len(nclx) < 11:
        return CodingPoints(premultiplied=premultiplied)
    codec = next((body for kind, body in properties if kind == b"av1C"), b"")
    grey = len(codec) > 2 and codec[2] & _MONOCHROME != 0
    return CodingPoints(
        primaries=int.from_bytes(nclx[4:6], "big"),
        transfer=int.from_bytes(nclx[6:8], "big"),
        narrow_grey=grey and not nclx[10] & 0x80,
        premultiplied=premultiplied,
    )


def _primary(view: memoryview) -> tuple[tuple[int, int], int] | None:
    """Where the content of `meta` lies, and the number of the primary item (ISO/IEC 14496-12 8.11.4)."""
    meta = box(view, 0, len(view), b"meta")
    if meta is None:
        return None
    inside = meta[0] + 4, meta[1]
    chosen = box(view, *inside, b"pitm")
    return None if chosen is None else (inside, big(view, chosen[0] + 4, 4 if view[chosen[0]] else 2))


def _premultiplied(view: memoryview, inside: tuple[int, int], item: int) -> bool:
    """Whether `item` refers to its alpha as one that it is multiplied by (`prem`, ISO/IEC 23000-22 7.3.5.2)."""
    references = box(view, *inside, b"iref")
    if references is None:
        return False
    width = 4 if view[references[0]] else 2
    every = boxes(view, references[0] + 4, references[1])
    return any(kind == b"prem" and big(view, start, width) == item for kind, start, _ in every)


def _properties(view: memoryview, inside: tuple[int, int], item: int) -> list[tuple[bytes, bytes]]:
    """The first bytes of each property of `item` (ISO/IEC 23008-12 9.3)."""
    properties = box(view, *inside, b"iprp")
    if properties is None:
        return []
    container, links = box(view, *properties, b"ipco"), box(view, *properties, b"ipma")
    if container is None or links is None:
        return []
    every = [(kind, bytes(view[start : min(end, start + 16)])) for kind, start, end in boxes(view, *container)]
    return [every[index - 1] for index in _linked(view, links[0], item) if 1 <= index <= len(every)]


def _linked(view: memoryview, at: int, item: int) -> list[int]:
    """The numbers, from 1, of the properties that `ipma` at `at` gives to `item` (9.3.1)."""
    wide_item, wide_index = view[at] >= 1, view[at + 3] & 1
    count, at = big(view, at + 4, 4), at + 8
    for _ in range(min(count, 1000)):
        number = big(view, at, 4 if wide_item else 2)
        at += 4 if wide_item else 2
        links, at = view[at], at + 1
        step = 2 if wide_index else 1
        if number == item:
            mask = 0x7FFF if wide_index else 0x7F
            return [big(view, at + step * index, step) & mask for index in range(links)]
        at += step * links
    return []
