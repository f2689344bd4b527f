"""Shared libraries of 64-bit Linux as a bundle needs them: what they need, without what never runs.

Two libraries of wheels pull in another that no function of ours ever calls: libheif its HEVC *encoder* (23 MB, and
under the GPL), Pillow its screenshots over X11. The loader insists on both. Here the need is struck out and the symbols
that would come from there are made weak, which the loader leaves empty (System V ABI, "Symbol Table" and "Dynamic
Section"). And what is only there for debuggers is cut off: it is behind the last segment that is ever loaded.

Bytes in, bytes out; offsets are those of the ELF-64 little-endian layout, the only one there is on Lambda.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

_LOAD, _DYNAMIC = 1, 2
_NEEDED, _HASH_TABLE, _STRINGS, _SYMBOLS, _DEBUG, _GNU_HASH = 1, 4, 5, 6, 21, 0x6FFFFEF5
_WEAK = 2
_SYMBOL_BYTES = 24


class NotElf(ValueError):
    """The bytes are no 64-bit little-endian ELF file."""


@dataclass(frozen=True, slots=True)
class _Segment:
    kind: int
    offset: int
    address: int
    size: int
    align: int


def is_elf(body: bytes) -> bool:
    """Whether the bytes begin as a 64-bit little-endian ELF file does."""
    return body[:6] == b"\x7fELF\x02\x01"


def needed(body: bytes) -> tuple[str, ...]:
    """Return the names of the libraries that the loader must find for this one."""
    return tuple(name for _, name in _needs(body))


def stripped(body: bytes) -> bytes:
    """Return the file with nothing but what is loaded: no section names, no symbols for debuggers.

    What is loaded moves together; each segment keeps the remainder of its place by its alignment, as mmap needs it.
    """
    loaded = sorted((one for one in _segments(body) if one.kind == _LOAD), key=lambda one: one.offset)
    header = bytearray(body[:64])
    start, (size, count) = struct.unpack_from("<Q", body, 32)[0], struct.unpack_from("<HH", body, 54)
    kept, moves = bytearray(), []
    for one in loaded:
        place = len(kept) + (one.offset - len(kept)) % max(one.align, 1)
        kept += bytes(place - len(kept)) + body[one.offset : one.offset + one.size]
        moves.append((one, place))

    def moved(offset: int) -> int:
        for one, place in moves:
            if one.offset <= offset < one.offset + max(one.size, 1):
                return offset - one.offset + place
        return 0  # a segment that is not loaded says nothing to the loader

    for at in range(start, start + size * count, size):
        struct.pack_into("<Q", kept, moved(at) + 8, moved(struct.unpack_from("<Q", body, at + 8)[0]))
    struct.pack_into("<Q", header, 32, moved(start))
    struct.pack_into("<Q", header, 40, 0)  # e_shoff: there is no table of sections now
    struct.pack_into("<HHH", header, 58, 0, 0, 0)  # e_shentsize, e_shnum, e_shstrndx
    kept[:64] = header
    return bytes(kept)


def without_need(body: bytes, library: str, provided: frozenset[bytes]) -> bytes:
    """Return the file that does without `library`; `provided` are the symbols it would have got from there.

    Raises ValueError where it does not need that library: then the rule that names it is out of date.
    """
    places = [place for place, name in _needs(body) if name == library]
    if not places:
        raise ValueError(f"{library} is not needed")
    changed = bytearray(body)
    for place in places:
        # The loader writes into an entry of this kind in the main program only: here it passes it over.
        struct.pack_into("<QQ", changed, place, _DEBUG, 0)
    for place, name, defined in _symbols(body):
        if not defined and name in provided:
            changed[place + 4] = _WEAK << 4 | changed[place + 4] & 0xF
    return bytes(changed)


def defined(body: bytes) -> frozenset[bytes]:
    """Return the names of the symbols that the library gives to others."""
    return frozenset(name for _, name, here in _symbols(body) if here and name)


def _segments(body: bytes) -> list[_Segment]:
    if not is_elf(body):
        raise NotElf("not a 64-bit little-endian ELF file")
    start, (size, count) = struct.unpack_from("<Q", body, 32)[0], struct.unpack_from("<HH", body, 54)
    found = []
    for at in range(start, start + size * count, size):
        kind, _, offset, address, _, length, _, align = struct.unpack_from("<IIQQQQQQ", body, at)
        found.append(_Segment(kind, offset, address, length, align))
    return found


def _offset(segments: list[_Segment], address: int) -> int:
    """Where in the file the byte lies that is loaded to this address."""
    for one in segments:
        if one.kind == _LOAD and one.address <= address < one.address + one.size:
            return address - one.address + one.offset
    raise NotElf(f"nothing is loaded to {address:#x}")


def _dynamic(body: bytes) -> Iterator[tuple[int, int, int]]:
    """Yield place, tag and value of each entry of the dynamic section."""
    for one in _segments(body):
        if one.kind == _DYNAMIC:
            for place in range(one.offset, one.offset + one.size, 16):
                tag, value = struct.unpack_from("<QQ", body, place)
                if tag == 0:
                    return
                yield place, tag, value


def _needs(body: bytes) -> Iterator[tuple[int, str]]:
    entries = list(_dynamic(body))
    table = next((value for _, tag, value in entries if tag == _STRINGS), None)
    if table is None:
        return
    strings = _offset(_segments(body), table)
    for place, tag, value in entries:
        if tag == _NEEDED:
            yield place, _text(body, strings + value).decode()


def _text(body: bytes, at: int) -> bytes:
    return body[at : body.index(b"\0", at)]


def _symbols(body: bytes) -> Iterator[tuple[int, bytes, bool]]:
    """Yield place, name and "defined here" of each dynamic symbol."""
    values = {tag: value for _, tag, value in _dynamic(body)}
    if _SYMBOLS not in values:
        return
    segments = _segments(body)
    strings, table = _offset(segments, values[_STRINGS]), _offset(segments, values[_SYMBOLS])
    for index in range(_symbol_count(body, values, segments)):
        place = table + index * _SYMBOL_BYTES
        name, _, _, section = struct.unpack_from("<IBBH", body, place)
        yield place, _text(body, strings + name), section != 0


def _symbol_count(body: bytes, values: dict[int, int], segments: list[_Segment]) -> int:
    """How many dynamic symbols there are: no header says it, but both kinds of hash table do."""
    if _HASH_TABLE in values:
        return int(struct.unpack_from("<I", body, _offset(segments, values[_HASH_TABLE]) + 4)[0])
    at = _offset(segments, values[_GNU_HASH])
    buckets, first, bloom = struct.unpack_from("<III", body, at)
    heads = at + 16 + bloom * 8
    last = max(struct.unpack_from(f"<{buckets}I", body, heads), default=0)
    if last < first:
        return int(first)
    chain = heads + buckets * 4 + (last - first) * 4
    while not struct.unpack_from("<I", body, chain)[0] & 1:  # the lowest bit ends a chain
        chain, last = chain + 4, last + 1
    return int(last) + 1
