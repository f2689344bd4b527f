"""How big a file says it is, read from its headers in Python before any decoder runs (threats D1 to D7).

Separate from `probe` because it must not import pyvips: it stands between a stranger's bytes and the decoders. Every
walk is bounded: it touches headers only, and stops after a stated number of steps. Python's integers do not overflow,
so 2³¹-1 squared is simply too many.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from imagemill.engine.claims import Structure, big, damaged, little
from imagemill.engine.heif_structure import largest_extent
from imagemill.engine.limits import Limits
from imagemill.engine.rare import headers
from imagemill.engine.tiff_structure import read_tiff
from imagemill.errors import NotAnImage, Unprocessable

_MOST_SEGMENTS = 100_000  # JPEG segments before the frame header; the oddest real file has a few hundred
_MOST_EARLY_CHUNKS = 16  # PNG chunks before the header
_MOST_BLOCKS = 1_000_000  # GIF sub-blocks walked: 255 bytes each, so more than the largest upload holds
_MOST_CHUNKS = 100_000  # WebP chunks walked

_MOST_SIDE = 1_000_000  # pixels; beyond it a decoder's rows, one pixel high or wide, cost more than their pixels

_RATIO = 20_000  # pixels per byte that only filler reaches (D2)
_RATIO_FROM = 20_000_000  # pixels below which a plain surface may well be that small

_SCAN = re.compile(rb"\xff\xda")  # in entropy-coded data FF is followed by 00, so this is a start of scan


def examine(view: memoryview, kind: str, limits: Limits) -> Structure:
    """Read the headers of a whole file (`view`) that `sniff` called `kind`.

    Raises Unprocessable: `damaged` where a header is missing or says zero, `too_many_pixels`, `too_complex`.
    """
    try:
        found = _READERS[kind](view, limits)
    except IndexError:
        raise damaged("its header ends early") from None
    if found.width < 1 or found.height < 1:
        raise damaged("its header gives a width or height of zero")
    check_canvas(found, len(view), limits)
    return found


def check_canvas(found: Structure, size: int, limits: Limits) -> None:
    """Refuse a canvas over the limits, a file of `size` bytes that holds filler only, or too many scans."""
    pixels = found.width * found.height
    most = limits.pixels_whole if found.whole_frame else limits.pixels_streaming
    if max(found.width, found.height) > _MOST_SIDE:
        raise Unprocessable(
            f"The picture has {found.width}x{found.height} pixels; at most {_MOST_SIDE} a side are taken.",
            code="too_many_pixels",
        )
    if pixels > most:
        raise Unprocessable(
            f"The picture has {found.width}x{found.height} = {pixels / 1e6:.1f} megapixels; "
            f"at most {most / 1e6:g} are taken for this kind of file.",
            code="too_many_pixels",
        )
    if pixels > _RATIO_FROM and pixels > _RATIO * size:
        raise Unprocessable(
            f"The file claims {pixels / 1e6:.1f} megapixels in {size} bytes, which no real picture does.",
            code="too_many_pixels",
        )
    if found.scans > limits.scans:
        raise Unprocessable(
            f"The progressive JPEG has more than {limits.scans} scans; each costs a pass over the picture.",
            code="too_complex",
        )


def check_frames(frames: int, width: int, height: int, limits: Limits) -> None:
    """Refuse an animation that is too long to decode whole (D6); a single frame of it may still be asked."""
    advice = "one frame can be had with anim=0"
    if frames > limits.frames:
        raise Unprocessable(f"The animation has more than {limits.frames} frames; {advice}.", code="too_many_pixels")
    if frames * width * height > limits.pixels_frames:
        raise Unprocessable(
            f"The frames of the animation are {frames * width * height / 1e6:.0f} megapixels together; "
            f"at most {limits.pixels_frames / 1e6:g} are taken, and {advice}.",
            code="too_many_pixels",
        )


def _jpeg(view: memoryview, limits: Limits) -> Structure:
    """Walk the segments to the frame header and the first scan (ITU T.81 B.1).

    A file whose first scan lacks a component comes in several scans, so libjpeg keeps every coefficient, progressive or
    not. Only then is the rest searched for scans; a single-scan file is never read further than its headers.
    """
    at, frame = 2, None
    for _ in range(_MOST_SEGMENTS):
        marker = big(view, at, 2)
        if marker == 0xFFFF:  # a fill byte (B.1.1.2)
            at += 1
            continue
        if marker < 0xFF01:
            raise damaged("its JPEG segments do not follow each other")
        code, at = marker & 0xFF, at + 2
        if code == 0x01 or 0xD0 <= code <= 0xD8:  # markers without a length
            continue
        if code == 0xD9:
            raise damaged("the JPEG ends before its first scan")
        if 0xC0 <= code <= 0xCF and code not in (0xC4, 0xC8, 0xCC):
            frame = (code, big(view, at + 3, 2), big(view, at + 5, 2), view[at + 7])
            if view[at + 2] != 8:
                raise NotAnImage(f"This is a JPEG of {view[at + 2]} bits a sample; those of 8 bits are read here.")
        elif code == 0xDA:
            break
        at += max(2, big(view, at, 2))
    if frame is None:
        raise damaged("the JPEG has no frame header")
    code, height, width, components = frame
    several = code in (0xC2, 0xC6, 0xCA, 0xCE) or view[at + 2] < components
    scans = _scans(view, at - 2, limits.scans) if several else 0
    return Structure(width=width, height=height, whole_frame=several, scans=scans)


def _scans(view: memoryview, start: int, most: int) -> int:
    """Count the scans from the first one on, up to one more than `most`."""
    count = 0
    for _ in _SCAN.finditer(view, start):
        count += 1
        if count > most:
            break
    return count


def _png(view: memoryview, _limits: Limits) -> Structure:
    """The IHDR chunk (PNG section 11.2.1). An animated PNG is read as its default image, so acTL is not asked.

    IHDR must come first, but libpng takes it a little later and such files are about.
    """
    at = 8
    for _ in range(_MOST_EARLY_CHUNKS):
        if bytes(view[at + 4 : at + 8]) == b"IHDR":
            return Structure(width=big(view, at + 8, 4), height=big(view, at + 12, 4), whole_frame=view[at + 20] != 0)
        at += 12 + big(view, at, 4)
    raise damaged("the PNG does not start with its header")


def _gif(view: memoryview, limits: Limits) -> Structure:
    """The logical screen, grown by frames that stand outside it as libnsgif grows it, and the frames (GIF89a 18-20)."""
    width, height = little(view, 6, 2), little(view, 8, 2)
    at, frames, steps = 13 + _colours(view[10]), 0, 0
    while frames <= limits.frames and steps < _MOST_BLOCKS and at < len(view):
        kind, at = view[at], at + 1
        if kind == 0x2C:
            width = max(width, little(view, at, 2) + little(view, at + 4, 2))
            height = max(height, little(view, at + 2, 2) + little(view, at + 6, 2))
            frames += 1
            at += 9 + _colours(view[at + 8]) + 1
        elif kind == 0x21:
            at += 1
        else:
            break
        at, steps = _sub_blocks(view, at, steps)
    if frames == 0:
        raise damaged("the GIF holds no picture")
    return Structure(width=width, height=height, frames=frames, whole_frame=True)


def _colours(packed: int) -> int:
    """Bytes of the colour table that a packed field announces."""
    return 3 << ((packed & 7) + 1) if packed & 0x80 else 0


def _sub_blocks(view: memoryview, at: int, steps: int) -> tuple[int, int]:
    """Skip data sub-blocks up to their terminator; a file that ends inside them is left to the decoder."""
    while at < len(view) and view[at] and steps < _MOST_BLOCKS:
        at += view[at] + 1
        steps += 1
    return at + 1, steps + 1


def _webp(view: memoryview, limits: Limits) -> Structure:
    """The first chunk of a WebP file (RFC 9649 section 2)."""
    kind = bytes(view[12:16])
    if kind == b"VP8X":
        width, height = little(view, 24, 3) + 1, little(view, 27, 3) + 1
        frames = _webp_frames(view, limits) if view[20] & 2 else 1
        return Structure(width=width, height=height, frames=frames)
    if kind == b"VP8L":
        bits = little(view, 21, 4)
        return Structure(width=(bits & 0x3FFF) + 1, height=(bits >> 14 & 0x3FFF) + 1)
    if bytes(view[23:26]) != b"\x9d\x01\x2a":
        raise damaged("the WebP does not start with a key frame")
    return Structure(width=little(view, 26, 2) & 0x3FFF, height=little(view, 28, 2) & 0x3FFF)


def _webp_frames(view: memoryview, limits: Limits) -> int:
    """Count the ANMF chunks, up to one more than the limit."""
    at, frames = 12, 0
    for _ in range(_MOST_CHUNKS):
        if at + 8 > len(view) or frames > limits.frames:
            break
        frames += bytes(view[at : at + 4]) == b"ANMF"
        size = little(view, at + 4, 4)
        at += 8 + size + (size & 1)
    return max(1, frames)


def _avif(view: memoryview, _limits: Limits) -> Structure:
    """The largest extent; the decoder holds 16 bytes for each pixel of it."""
    width, height = largest_extent(view, "AVIF")
    return Structure(width=width, height=height, whole_frame=True)


_READERS: dict[str, Callable[[memoryview, Limits], Structure]] = {
    "jpeg": _jpeg,
    "png": _png,
    "gif": _gif,
    "webp": _webp,
    "avif": _avif,
    "tiff": read_tiff,
    **headers.READERS,
}
