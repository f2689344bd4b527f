"""TIFF files put together tag by tag, for what no writer makes."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

SHORT, LONG, RATIONAL, LONG8 = 3, 4, 5, 16
_CODES = {SHORT: "H", LONG: "I", RATIONAL: "I", LONG8: "Q"}


@dataclass
class Page:
    """One directory: its pixels (one strip) and tags by number; a tag is (type, values), or left out where None."""

    width: int = 4
    height: int = 4
    samples: int = 3
    bits: int = 8
    photometric: int = 2
    data: bytes = b""
    tags: dict[int, tuple[int, list[int]] | None] = field(default_factory=dict)

    def filled(self, data_at: int) -> dict[int, tuple[int, list[int]]]:
        """All tags of a plain page, then the stated ones."""
        plain: dict[int, tuple[int, list[int]] | None] = {
            256: (LONG, [self.width]),
            257: (LONG, [self.height]),
            258: (SHORT, [self.bits] * self.samples),
            259: (SHORT, [1]),
            262: (SHORT, [self.photometric]),
            273: (LONG, [data_at]),
            277: (SHORT, [self.samples]),
            278: (LONG, [self.height]),
            279: (LONG, [len(self.pixels)]),
        }
        return {tag: value for tag, value in sorted((plain | self.tags).items()) if value is not None}

    @property
    def pixels(self) -> bytes:
        """The strip: what was given, or grey of the right length."""
        return self.data or b"\x80" * (self.width * self.height * self.samples * max(1, self.bits // 8))


def tiff(*pages: Page, order: str = "<", big: bool = False, loop_to: int | None = None) -> bytes:
    """The file of `pages`; the last leads back to page `loop_to` where one is named."""
    offset, head = ("Q", 16) if big else ("I", 8)
    body = bytearray(head)
    starts: list[int] = []
    links: list[int] = []
    for page in pages:
        data_at = len(body)
        body += page.pixels
        body += bytes(-len(body) % 8)
        entries = bytearray()
        for tag, (kind, values) in page.filled(data_at).items():
            packed = struct.pack(f"{order}{len(values)}{_CODES[kind]}", *values)
            count = len(values) // 2 if kind == RATIONAL else len(values)  # a fraction is two numbers
            if len(packed) > (8 if big else 4):
                where, place = len(body), b""
                body += packed + bytes(-len(packed) % 8)
                place = struct.pack(order + offset, where)
            else:
                place = packed.ljust(8 if big else 4, b"\0")
            entries += struct.pack(f"{order}HH{offset}", tag, kind, count) + place
        starts.append(len(body))
        body += struct.pack(order + ("Q" if big else "H"), len(entries) // (20 if big else 12)) + entries
        links.append(len(body))
        body += bytes(8 if big else 4)
    chain = [*starts[1:], 0 if loop_to is None else starts[loop_to]]
    for link, target in zip(links, chain, strict=True):
        struct.pack_into(order + offset, body, link, target)
    mark = b"II" if order == "<" else b"MM"
    first = struct.pack(f"{order}HHHQ", 43, 8, 0, starts[0]) if big else struct.pack(f"{order}HI", 42, starts[0])
    body[: len(mark) + len(first)] = mark + first
    return bytes(body)
