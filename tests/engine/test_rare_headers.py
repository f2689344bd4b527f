"""Headers of the rare formats, read before their decoders: sizes, and what would mislead a decoder."""

from __future__ import annotations

import io
import struct
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from tests.engine.engine_pictures import encoded, quarters

from imagemill.engine.limits import Limits
from imagemill.engine.rare.bits import Bits
from imagemill.engine.rare.headers import READERS, codestream_size, largest_icon
from imagemill.engine.structure import examine
from imagemill.errors import Unprocessable


def size(data: bytes, kind: str) -> tuple[int, int]:
    """What the header says."""
    found = examine(memoryview(data), kind, Limits())
    return found.width, found.height


def bmp(width: int = 4, height: int = 4, *, depth: int = 24, compression: int = 0, offset: int = 54) -> bytes:
    """A bitmap with any numbers in its header, and a row or two of pixels."""
    header = struct.pack("<IiiHHIIiiII", 40, width, height, 1, depth, compression, 0, 0, 0, 0, 0)
    return b"BM" + struct.pack("<IHHI", 0, 0, 0, offset) + header + bytes(64)


def icon(*pictures: bytes) -> bytes:
    """An icon of some pictures; what the directory says of their sizes is always wrong."""
    start = 6 + 16 * len(pictures)
    entries, bodies = b"", b""
    for body in pictures:
        entries += struct.pack("<BBBBHHII", 1, 1, 0, 0, 1, 32, len(body), start + len(bodies))
        bodies += body
    return struct.pack("<HHH", 0, 1, len(pictures)) + entries + bodies


def dib(width: int, height: int) -> bytes:
    """The bitmap of an icon: 32 bits a pixel, and its mask below."""
    rows = bytes(4 * width * height) + bytes((width + 31) // 32 * 4 * height)
    return struct.pack("<IiiHHIIiiII", 40, width, 2 * height, 1, 32, 0, 0, 0, 0, 0, 0) + rows


@pytest.mark.parametrize("depth", [1, 8, 24])
def test_a_bitmap_says_its_size(depth: int) -> None:
    """As Pillow writes them."""
    assert size(encoded(quarters().convert({1: "1", 8: "L", 24: "RGB"}[depth]), "BMP"), "bmp") == (240, 160)


def test_a_bitmap_from_the_top_has_a_negative_height() -> None:
    """The height is a size, its sign a direction."""
    assert size(bmp(4, -4), "bmp") == (4, 4)


@pytest.mark.parametrize(
    "data",
    [
        bmp(0, 4),
        bmp(4, 0),
        bmp(-4, 4),
        bmp(2**31 - 1, -(2**31)),
        bmp(depth=40),
        bmp(depth=0),
        bmp(compression=4),
        bmp(offset=10_000),
        bmp(3000, 3000),
        bmp()[:20],
    ],
)
def test_a_bitmap_that_misleads_is_refused(data: bytes) -> None:
    """Impossible sides, depths, compressions, pixels outside the file, and fewer than there must be (D10)."""
    with pytest.raises(Unprocessable) as refusal:
        size(data, "bmp")
    assert refusal.value.code == "damaged"


def test_a_packed_bitmap_may_be_short_but_not_huge() -> None:
    """Run lengths need few bytes; what they claim is limited like any canvas."""
    assert size(bmp(3000, 3000, depth=8, compression=1), "bmp") == (3000, 3000)
    with pytest.raises(Unprocessable) as refusal:
        size(bmp(30_000, 30_000, depth=8, compression=1), "bmp")
    assert refusal.value.code == "too_many_pixels"


def test_the_largest_picture_of_an_icon_is_found() -> None:
    """By what each picture is, not by what the directory says; a PNG or a bitmap."""
    data = icon(dib(16, 16), encoded(quarters(), "PNG"), dib(32, 32))
    best = largest_icon(memoryview(data))
    assert (best.width, best.height) == (240, 160)
    assert size(icon(dib(16, 16), dib(48, 48)), "ico") == (48, 48)


@pytest.mark.parametrize(
    "data",
    [
        icon(),
        icon(*[dib(1, 1)] * 65),
        icon(b"\x28\x00\x00\x00" + bytes(60)),
        icon(dib(16, 16))[:30],
        struct.pack("<HHH", 0, 1, 1) + struct.pack("<BBBBHHII", 1, 1, 0, 0, 1, 32, 100, 2**31) + bytes(100),
        icon(struct.pack("<IiiHHIIiiII", 40, 5000, 10_000, 1, 32, 0, 0, 0, 0, 0, 0) + bytes(40)),
    ],
)
def test_an_icon_without_a_picture_is_refused(data: bytes) -> None:
    """Empty, endless, or pointing outside of the file."""
    with pytest.raises(Unprocessable):
        size(data, "ico")


def packed(*fields: tuple[int, int]) -> bytes:
    """Numbers of some bits each, least significant first."""
    value = at = 0
    for number, count in fields:
        value |= number << at
        at += count
    return value.to_bytes(16, "little")


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ([(0x0AFF, 16), (1, 1), (3, 5), (0, 3), (7, 5)], (64, 32)),
        ([(0x0AFF, 16), (1, 1), (3, 5), (1, 3)], (32, 32)),
        ([(0x0AFF, 16), (1, 1), (3, 5), (3, 3)], (42, 32)),
        ([(0x0AFF, 16), (0, 1), (0, 2), (99, 9), (0, 3), (1, 2), (4999, 13)], (5000, 100)),
        ([(0x0AFF, 16), (0, 1), (2, 2), (99_999, 18), (7, 3)], (200_000, 100_000)),
        ([(0x0AFF, 16), (0, 1), (3, 2), (2**30 - 1, 30), (1, 3)], (2**30, 2**30)),
    ],
)
def test_the_size_header_of_jpeg_xl(fields: list[tuple[int, int]], expected: tuple[int, int]) -> None:
    """Small sides, ratios and long numbers (ISO/IEC 18181-1 annex D)."""
    assert codestream_size(Bits(packed(*fields))) == expected


def test_a_jpeg_xl_is_limited_by_its_header() -> None:
    """2³⁰ squared is refused before libjxl is asked (D1)."""
    data = packed((0x0AFF, 16), (0, 1), (3, 2), (2**30 - 1, 30), (1, 3))
    with pytest.raises(Unprocessable) as refusal:
        size(data, "jxl")
    assert refusal.value.code == "too_many_pixels"


def test_jpeg_2000_says_its_size() -> None:
    """In its container and bare; the reference grid's offset is taken off."""
    siz = struct.pack(">HHHHIIIIIIII", 0xFF4F, 0xFF51, 41, 0, 100, 80, 4, 8, 100, 80, 0, 0)
    assert size(siz + bytes(40), "jp2") == (96, 72)
    boxed = struct.pack(">I4s", 8 + len(siz), b"jp2c") + siz
    assert size(struct.pack(">I4s4s", 12, b"jP  ", b"\r\n\x87\n") + boxed, "jp2") == (96, 72)


@pytest.mark.parametrize("kind", sorted(READERS))
@given(data=st.binary(max_size=400))
def test_any_bytes_are_read_or_refused(kind: str, data: bytes) -> None:
    """No bytes make a reader fail in another way."""
    starts = {"bmp": b"BM", "ico": b"\x00\x00\x01\x00", "jxl": b"\xff\x0a", "jp2": b"\xff\x4f\xff\x51", "svg": b"<svg "}
    with suppress(Unprocessable):
        examine(memoryview(starts.get(kind, b"") + data), kind, Limits())


def test_an_icon_written_by_another_program_is_read() -> None:
    """Pillow's icons hold PNGs; the largest is 128 here."""
    file = io.BytesIO()
    Image.new("RGBA", (128, 128), (1, 2, 3, 255)).save(file, "ICO", sizes=[(16, 16), (128, 128)])
    assert size(file.getvalue(), "ico") == (128, 128)
