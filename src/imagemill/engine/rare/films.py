"""Moving AVIF and PNG, which libvips does not write, through Pillow (libavif, and Pillow's own APNG).

libavif writes the hour of the day into a film; the same job must give the same bytes, so it is taken out again. It also
lets every film run for ever; how often one plays is written into the same boxes (ISO/IEC 14496-12: an edit list that is
marked as repeating goes on for the duration of its track).
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from PIL import AvifImagePlugin, PngImagePlugin
from PIL import Image as Pictures

from imagemill.engine.libvips import Image
from imagemill.recipe.vocabulary import Format

FASTEST = 9
"""libaom's speed, the one of a still AVIF (docs/encoders.md)."""

_LEVEL = 3
_NESTED = frozenset((b"moov", b"trak", b"mdia"))
_TIMED = frozenset((b"mvhd", b"tkhd", b"mdhd"))
_STAMPS = slice(12, 28)
"""Where created and modified stand in such a box of version 1: after its length, its name, its version and flags."""

_DURATION = {b"mvhd": slice(32, 40), b"tkhd": slice(36, 44)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Film:
    """Frames one above the other, each `height` pixels; `delays` are milliseconds, `plays` how often (0 is for ever).

    `quality` is libavif's; `profile`, `exif` and `xmp` are written with it, where they are not empty.
    """

    frames: Image
    height: int
    delays: Sequence[int]
    plays: int
    quality: int = 65
    profile: bytes = b""
    exif: bytes = b""
    xmp: bytes = b""


def prepare() -> None:
    """Load what writing needs, before a worker may open no more files."""
    Pictures.preinit()
    if not {"AVIF", "PNG"} <= Pictures.SAVE_ALL.keys():
        raise ImportError(f"{AvifImagePlugin.__name__} and {PngImagePlugin.__name__} cannot write here")


def write_film(film: Film, output: Format) -> bytes:
    """Return the film as AVIF, or as PNG, in which every pixel is exact."""
    prepare()
    first, *others = _pictures(film)
    blocks = {name: block for name, block in (("icc_profile", film.profile), ("exif", film.exif)) if block}
    into = io.BytesIO()
    timing = {"save_all": True, "append_images": others, "duration": list(film.delays)}
    if output is Format.PNG:
        words = PngImagePlugin.PngInfo()
        if film.xmp:
            words.add_itxt("XML:com.adobe.xmp", film.xmp.decode("utf-8"))
        first.save(into, "PNG", **timing, **blocks, loop=film.plays, compress_level=_LEVEL, pnginfo=words)
        return into.getvalue()
    blocks |= {"xmp": film.xmp} if film.xmp else {}
    how = {"quality": film.quality, "speed": FASTEST, "subsampling": "4:2:0", "max_threads": 1}
    first.save(into, "AVIF", **timing, **blocks, **how)
    return _settled(into.getvalue(), film.plays * sum(film.delays))


def _pictures(film: Film) -> Iterator[Pictures.Image]:
    """The frames as Pillow has them."""
    whole = film.frames.colourspace("srgb") if film.frames.bands < 3 else film.frames
    mode = "RGBA" if whole.bands == 4 else "RGB"
    for top in range(0, whole.height, film.height):
        pixels = whole.crop(0, top, whole.width, film.height).write_to_memory()
        yield Pictures.frombuffer(mode, (whole.width, film.height), pixels, "raw", mode, 0, 1)


def _settled(film: bytes, milliseconds: int) -> bytes:
    """The film without the time of its making, and running for so long in all; 0 is for ever, as libavif wrote it."""
    data = bytearray(film)
    for name, start in _boxes(film, 0, len(film)):
        if film[start + 8] != 1:
            raise ValueError(f"libavif wrote a box {name!r} of another version than 1")
        data[start + _STAMPS.start : start + _STAMPS.stop] = bytes(16)
        if milliseconds and name in _DURATION:
            place = _DURATION[name]
            data[start + place.start : start + place.stop] = milliseconds.to_bytes(8, "big")
    return bytes(data)


def _boxes(film: bytes, start: int, end: int) -> Iterator[tuple[bytes, int]]:
    """Name and place of the boxes that tell times."""
    while start + 8 <= end:
        length, name = int.from_bytes(film[start : start + 4], "big"), film[start + 4 : start + 8]
        if length < 8:
            return
        if name in _TIMED:
            yield name, start
        elif name in _NESTED:
            yield from _boxes(film, start + 8, start + length)
        start += length
