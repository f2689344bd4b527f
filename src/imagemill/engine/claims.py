"""What the headers of a file claim, and the careful reading of their numbers; shared by every reader of headers.

Separate from `structure`, which knows the formats that libvips reads, and from the readers in `rare`, so that both
speak of the same thing. Nothing here trusts a number: reading beyond the end is an IndexError, never a short answer.
"""

from __future__ import annotations

from dataclasses import dataclass

from imagemill.errors import Unprocessable

_MOST_BOXES = 4096  # boxes walked in one container


@dataclass(frozen=True, slots=True, kw_only=True)
class Structure:
    """What the headers claim: the canvas in stored (not upright) pixels, how many frames, how it must be decoded.

    `whole_frame` says that a decoder holds the whole picture at once; `frames` stops counting one above the limit;
    `scans` is 0 unless the file is a JPEG of several scans.
    """

    width: int
    height: int
    frames: int = 1
    whole_frame: bool = False
    scans: int = 0


def damaged(what: str) -> Unprocessable:
    """The error for a file whose headers do not hold together."""
    return Unprocessable(f"The picture is damaged: {what}.", code="damaged")


def big(view: memoryview, at: int, count: int) -> int:
    """`count` bytes at `at`, big-endian; IndexError beyond the end (a slice would be silently short)."""
    if at + count > len(view):
        raise IndexError(at)
    return int.from_bytes(view[at : at + count], "big")


def little(view: memoryview, at: int, count: int) -> int:
    """`count` bytes at `at`, little-endian; IndexError beyond the end."""
    if at + count > len(view):
        raise IndexError(at)
    return int.from_bytes(view[at : at + count], "little")


def boxes(view: memoryview, start: int, end: int) -> list[tuple[bytes, int, int]]:
    """The boxes of one container as (type, first byte of content, end); a size that does not fit ends the walk."""
    found: list[tuple[bytes, int, int]] = []
    at = start
    while at + 8 <= end and len(found) < _MOST_BOXES:
        size, head = big(view, at, 4), 8
        if size == 1 and at + 16 <= end:
            size, head = big(view, at + 8, 8), 16
        elif size == 0:
            size = end - at
        if size < head or at + size > end:
            break
        found.append((bytes(view[at + 4 : at + 8]), at + head, at + size))
        at += size
    return found


def box(view: memoryview, start: int, end: int, name: bytes) -> tuple[int, int] | None:
    """The content of the first box called `name`."""
    for kind, first, last in boxes(view, start, end):
        if kind == name:
            return first, last
    return None
