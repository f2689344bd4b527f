"""BMP and ICO through Pillow, whose readers of them are old, small and well kept.

The classes are called by name: `Image.open` would try every format it knows. Headers were read and checked before
(`headers`); of an icon the largest picture is handed over as an icon of its own, so that Pillow cannot choose another.
"""

from __future__ import annotations

import io
from typing import Any

from PIL import BmpImagePlugin, IcoImagePlugin
from PIL.Image import Image as Picture

from imagemill.engine import libvips
from imagemill.engine.claims import Structure, damaged, little
from imagemill.engine.libvips import Image, pyvips
from imagemill.engine.port import Facts
from imagemill.engine.rare.decoder import Decoder
from imagemill.engine.rare.headers import Icon, largest_icon
from imagemill.engine.rare.pixels import image_of
from imagemill.engine.steps.colour import eight_bits

_PNG = b"\x89PNG\r\n\x1a\n"
_BANDS = {"L": 1, "LA": 2, "RGB": 3, "RGBA": 4}
_ALPHA_MASKS = 6  # a compression
_MASKS = (3).to_bytes(4, "little")  # the compression that version 4 has for it
_WINDOWS, _VERSION_4 = (40).to_bytes(4, "little"), (108).to_bytes(4, "little")  # sizes of headers
_ROWS = 256
"""So many rows are handed over at a time; Pillow's own `tobytes` holds the picture twice more."""


class _File(io.RawIOBase):
    """A file that is read where it lies in memory; `BytesIO` would copy it."""

    def __init__(self, view: memoryview) -> None:
        self._view = view
        self._at = 0

    def readable(self) -> bool:
        """It is there to be read."""
        return True

    def seekable(self) -> bool:
        """Every place of it can be reached."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to a place; before the start is the start."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: len(self._view)}[whence]
        self._at = max(0, base + offset)
        return self._at

    def readinto(self, buffer: Any) -> int:
        """Copy what fits into `buffer`."""
        part = self._view[self._at : self._at + len(buffer)]
        buffer[: len(part)] = part
        self._at += len(part)
        return len(part)


def _bitmap(view: memoryview) -> Picture:
    """The opened, not yet decoded bitmap."""
    try:
        return BmpImagePlugin.BmpImageFile(io.BufferedReader(_File(_in_usual_words(view))))
    except MemoryError:
        raise
    except Exception as error:  # Pillow's readers raise whatever their arithmetic does
        raise damaged("the BMP cannot be opened") from error


def _in_usual_words(view: memoryview) -> memoryview:
    """The same bitmap under a header that Pillow reads, where it is one of two rare ones; any other as it is.

    OS/2's short second header becomes Windows' of 40 bytes; 32 bits with four masks behind 40 bytes (BI_ALPHABITFIELDS,
    from Windows CE) become version 4, which holds the masks itself.
    """
    header, pixels = little(view, 14, 4), little(view, 10, 4)
    if header == 16:
        end, new = 30, _WINDOWS + bytes(view[18:30]) + bytes(24)
    elif header == 40 and little(view, 30, 4) == _ALPHA_MASKS:
        end, new = 70, _VERSION_4 + bytes(view[18:30]) + _MASKS + bytes(view[34:70]) + bytes(52)
    else:
        return view
    moved = pixels + 14 + len(new) - end
    return memoryview(bytes(view[:10]) + moved.to_bytes(4, "little") + new + bytes(view[end:]))


def _converted(picture: Picture) -> Image:
    """Decode into bands that libvips knows."""
    clear = "A" in picture.getbands() or "transparency" in picture.info
    grey = picture.mode in ("1", "L", "LA")
    wanted = ("LA" if clear else "L") if grey else ("RGBA" if clear else "RGB")
    try:
        pixels = _samples(picture, wanted)
    except MemoryError:
        raise
    except Exception as error:  # as above
        raise damaged("it ends early or cannot be decoded") from error
    return image_of(pixels, picture.width, picture.height, _BANDS[wanted])


def _samples(picture: Picture, mode: str) -> bytearray:
    """The samples of a picture in another mode, band beside band, without padding."""
    row = picture.width * _BANDS[mode]
    samples = bytearray(row * picture.height)
    for top in range(0, picture.height, _ROWS):
        strip = picture.crop((0, top, picture.width, min(top + _ROWS, picture.height)))
        samples[top * row : (top + strip.height) * row] = strip.convert(mode).tobytes()
    return samples


def _describe_bmp(view: memoryview, found: Structure) -> Facts:
    picture = _bitmap(view)
    return _facts(
        "bmp", picture.width, picture.height, found, alpha="A" in picture.getbands(), grey=picture.mode == "L"
    )


def _facts(kind: str, width: int, height: int, found: Structure, *, alpha: bool, grey: bool = False) -> Facts:
    colour = "b-w" if grey else "srgb"
    return Facts(format=kind, width=width, height=height, alpha=alpha, colour=colour, whole_frame=found.whole_frame)


def _open_bmp(view: memoryview, _page: int) -> Image:
    return _converted(_bitmap(view))


def _icon(view: memoryview, icon: Icon) -> Image:
    """The picture of one entry, decoded: a PNG by libvips, a bitmap with its mask by Pillow."""
    body = bytes(view[icon.start : icon.start + icon.size])
    if body.startswith(_PNG):
        libvips.start()
        source = pyvips.Source.new_from_memory(body)
        image = pyvips.Operation.call("pngload_source", source, fail_on="truncated")
        if (image.width, image.height) != (icon.width, icon.height):
            raise damaged("a picture of the icon gives two sizes")
        image = eight_bits(image).copy_memory()
        return image if image.interpretation in ("srgb", "b-w") else image.colourspace("srgb")
    side = [min(value, 256) % 256 for value in (icon.width, icon.height)]
    entry = bytes((*side, 0, 0, 1, 0, icon.depth, 0)) + len(body).to_bytes(4, "little") + (22).to_bytes(4, "little")
    single = b"\x00\x00\x01\x00\x01\x00" + entry + body
    try:
        picture = IcoImagePlugin.IcoFile(io.BytesIO(single)).frame(0)
    except MemoryError:
        raise
    except Exception as error:  # as above
        raise damaged("the icon cannot be decoded") from error
    return _converted(picture)


def _describe_ico(view: memoryview, found: Structure) -> Facts:
    icon = largest_icon(view)
    return _facts("ico", icon.width, icon.height, found, alpha=True)


def _open_ico(view: memoryview, _page: int) -> Image:
    image = _icon(view, largest_icon(view))
    return image if image.hasalpha() else image.addalpha()


BMP = Decoder(describe=_describe_bmp, open_page=_open_bmp)
ICO = Decoder(describe=_describe_ico, open_page=_open_ico)
