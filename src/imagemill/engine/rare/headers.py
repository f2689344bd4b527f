"""How big a picture of a rare format says it is; the counterpart of `structure` for the formats of this folder.

Pure, and separate from the decoders, which other people wrote: every number that decides about memory is read here
first and checked against the limits. Where a decoder would be misled (a BMP of 40 bits a pixel, an icon whose entries
lie outside the file), the header is refused here (threats D7, D10).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from imagemill.engine.claims import Structure, big, box, boxes, damaged, little
from imagemill.engine.heif_structure import largest_extent
from imagemill.engine.limits import Limits
from imagemill.engine.rare.bits import Bits
from imagemill.engine.rare.svg_document import read_svg

BMP_DEPTHS = frozenset((1, 4, 8, 16, 24, 32))
"""Bits a pixel that a bitmap may have (BITMAPINFOHEADER); 40 overran a buffer elsewhere (threats 1.1)."""

MOST_ICONS = 64
"""Entries of an icon; real ones hold a dozen."""

_RLE = frozenset((1, 2))
_SHORT_OS2 = 16  # OS/2's second header, cut off after the depth
_SIDE = 1 << 20


@dataclass(frozen=True, slots=True)
class Icon:
    """One picture of an ICO file: its size in pixels, bits a pixel, and where its bytes lie in the file."""

    width: int
    height: int
    depth: int
    start: int
    size: int


def _heic(view: memoryview, _limits: Limits) -> Structure:
    """The largest picture of the container; tiles, thumbnails and gain maps are smaller."""
    width, height = largest_extent(view, "HEIC")
    return Structure(width=width, height=height, whole_frame=True)


def _svg(view: memoryview, _limits: Limits) -> Structure:
    """The nominal size in CSS pixels; read_svg refuses what must not reach the renderer."""
    document = read_svg(view)
    return Structure(width=document.width, height=document.height, whole_frame=True)


def _bmp(view: memoryview, _limits: Limits) -> Structure:
    """BITMAPFILEHEADER and the information header behind it."""
    width, height = bitmap_size(view, 14)
    if little(view, 10, 4) > len(view):
        raise damaged("its pixels lie outside the file")
    return Structure(width=width, height=height, whole_frame=True)


def bitmap_size(view: memoryview, at: int) -> tuple[int, int]:
    """Return width and height of the bitmap whose information header is at `at`; the height is never negative here.

    Raises Unprocessable (`damaged`) for a depth or compression that no bitmap has, and for plain pixels that the file
    is too short to hold: decoders fill those with zeros.
    """
    header = little(view, at, 4)
    if header == 12:  # BITMAPCOREHEADER
        width, height, depth, compression = (
            little(view, at + 4, 2),
            little(view, at + 6, 2),
            little(view, at + 10, 2),
            0,
        )
    else:
        width, height = _signed(view, at + 4), _signed(view, at + 8)
        depth = little(view, at + 14, 2)
        compression = little(view, at + 16, 4) if header > _SHORT_OS2 else 0
    if width < 1 or height == 0 or width > _SIDE or abs(height) > _SIDE:
        raise damaged("its header gives an impossible width or height")
    if depth not in BMP_DEPTHS or compression not in (0, 1, 2, 3, 6):
        raise damaged(f"no bitmap has {depth} bits a pixel in compression {compression}")
    height = abs(height)
    rows = (width * depth + 31) // 32 * 4 * height
    if compression not in _RLE and rows > 2 * len(view) + 4096:
        raise damaged("the bitmap ends before its pixels do")
    return width, height


def _signed(view: memoryview, at: int) -> int:
    """A little-endian 32-bit number with a sign."""
    value = little(view, at, 4)
    return value - (1 << 32) if value >= 1 << 31 else value


def _ico(view: memoryview, _limits: Limits) -> Structure:
    """The largest picture of the icon."""
    best = largest_icon(view)
    return Structure(width=best.width, height=best.height, whole_frame=True)


def largest_icon(view: memoryview) -> Icon:
    """Return the picture with the most pixels, of those the deepest.

    The directory's own sizes are a byte each and often wrong, so every picture is looked at.
    """
    count = little(view, 4, 2)
    if not 0 < count <= MOST_ICONS:
        raise damaged(f"an icon of {count} pictures; at most {MOST_ICONS} are read")
    icons = [icon for icon in (_icon(view, 6 + 16 * index) for index in range(count)) if icon is not None]
    if not icons:
        raise damaged("the icon holds no picture that can be read")
    return max(icons, key=lambda icon: (icon.width * icon.height, icon.depth))


def _icon(view: memoryview, entry: int) -> Icon | None:
    """One entry of the directory; None where it does not describe a picture inside the file."""
    size, start = little(view, entry + 8, 4), little(view, entry + 12, 4)
    if size < 16 or start + size > len(view) + 4096 or start + 40 > len(view):
        return None
    if bytes(view[start : start + 8]) == b"\x89PNG\r\n\x1a\n":
        return Icon(big(view, start + 16, 4), big(view, start + 20, 4), 32, start, size)
    if little(view, start, 4) not in (40, 52, 56, 108, 124):
        return None
    width, height = _signed(view, start + 4), _signed(view, start + 8)
    depth = little(view, start + 14, 2)
    if not (0 < width <= 1024 and 0 < height <= 2048) or depth not in BMP_DEPTHS:
        return None
    return Icon(width, height // 2, depth, start, size)  # twice as high as the picture: its mask stands below


def _jxl(view: memoryview, _limits: Limits) -> Structure:
    """The size header of the codestream (ISO/IEC 18181-1 annex D), in a container or bare."""
    width, height = codestream_size(Bits(_codestream(view)))
    return Structure(width=width, height=height, whole_frame=True)


def _codestream(view: memoryview) -> bytes:
    """The first bytes of the codestream."""
    if bytes(view[:2]) == b"\xff\x0a":
        return bytes(view[:64])
    for kind, start, end in boxes(view, 0, len(view)):
        if kind == b"jxlc":
            return bytes(view[start : min(end, start + 64)])
        if kind == b"jxlp":
            return bytes(view[start + 4 : min(end, start + 68)])
    raise damaged("the JPEG XL holds no codestream")


_RATIOS = ((1, 1), (12, 10), (4, 3), (3, 2), (16, 9), (5, 4), (2, 1))


def codestream_size(bits: Bits) -> tuple[int, int]:
    """Return width and height as stored; `bits` stand at the start of a codestream."""
    if bits.take(16) != 0x0AFF:
        raise damaged("the JPEG XL codestream does not start as one")
    small = bits.take(1)
    height = _length(bits, small)
    ratio = bits.take(3)
    if ratio == 0:
        return _length(bits, small), height
    across, down = _RATIOS[ratio - 1]
    return height * across // down, height


def _length(bits: Bits, small: int) -> int:
    """One side: eight times five bits, or 9, 13, 18 or 30 bits."""
    if small:
        return (bits.take(5) + 1) * 8
    return bits.take((9, 13, 18, 30)[bits.take(2)]) + 1


def _jp2(view: memoryview, _limits: Limits) -> Structure:
    """The SIZ segment of the codestream (ISO/IEC 15444-1 A.5.1)."""
    start = 0
    if bytes(view[:2]) != b"\xff\x4f":
        found = box(view, 0, len(view), b"jp2c")
        if found is None:
            raise damaged("the JPEG 2000 holds no codestream")
        start = found[0]
    if big(view, start + 2, 2) != 0xFF51:
        raise damaged("the JPEG 2000 codestream does not start with its size")
    width = big(view, start + 8, 4) - big(view, start + 16, 4)
    height = big(view, start + 12, 4) - big(view, start + 20, 4)
    return Structure(width=width, height=height, whole_frame=True)


def _pdf(view: memoryview, _limits: Limits) -> Structure:
    """A page's size is known to the renderer only, and is checked when it has told; here only the end is looked for."""
    if b"%%EOF" not in bytes(view[-2048:]):
        raise damaged("the PDF ends early")
    return Structure(width=1, height=1, whole_frame=True)


READERS: dict[str, Callable[[memoryview, Limits], Structure]] = {
    "svg": _svg,
    "heic": _heic,
    "jxl": _jxl,
    "bmp": _bmp,
    "ico": _ico,
    "jp2": _jp2,
    "pdf": _pdf,
}
"""A reader for each word of `sniff.RARE`; called by `structure.examine`."""
