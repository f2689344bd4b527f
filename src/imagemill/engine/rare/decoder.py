"""The shape of a decoder of a rare format, and where each is found.

A decoder is imported when its format is first met; `load_all` does it before a worker is confined, because a confined
process opens no file and so imports nothing.
"""

from __future__ import annotations

import contextlib
import importlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec

from imagemill.engine import libvips
from imagemill.engine.claims import Structure
from imagemill.engine.geometry import Box, Size
from imagemill.engine.libvips import Image, pyvips
from imagemill.engine.port import Facts
from imagemill.engine.rare import jxl_library
from imagemill.engine.sniff import READ


@dataclass(frozen=True, slots=True, kw_only=True)
class Decoder:
    """What one format gives: its facts from the header, the pixels of a page, a part of it drawn at any size.

    `describe(view, found)` gets the whole file and what its header claimed. `open_page(view, page)` gives a page at its
    (nominal) size; `draw(view, page, part, size)`, for formats without pixels of their own, gives `part`
    (a box in pixels of the nominal page) at exactly `size`. `prepare` does what must be done before confinement. All
    raise Unprocessable or pyvips.Error for what cannot be decoded.
    """

    describe: Callable[[memoryview, Structure], Facts]
    open_page: Callable[[memoryview, int], Image]
    draw: Callable[[memoryview, int, Box, Size], Image] | None = None
    prepare: Callable[[], None] | None = None


_PLACES = {
    "svg": ("svg", "SVG"),
    "heic": ("heic", "HEIC"),
    "jxl": ("jxl", "JXL"),
    "bmp": ("bitmaps", "BMP"),
    "ico": ("bitmaps", "ICO"),
    "jp2": ("loaders", "JP2"),
    "pdf": ("loaders", "PDF"),
}
"""The module in this folder and the name in it."""

_LOADERS = {"svg": "svgload_source", "jp2": "jp2kload_source", "pdf": "pdfload_source"}
_PACKAGES = {"heic": "pillow_heif", "bmp": "PIL", "ico": "PIL"}


def decoder_of(kind: str) -> Decoder | None:
    """Return the decoder of a rare format; None for the words of every other."""
    return _decoder(kind) if kind in _PLACES else None


@cache
def _decoder(kind: str) -> Decoder:
    module, name = _PLACES[kind]
    found: Decoder = getattr(importlib.import_module(f"imagemill.engine.rare.{module}"), name)
    return found


@cache
def readable() -> tuple[str, ...]:
    """The formats that this installation reads: those of every installation, then the rare ones whose decoder is here.

    Told by what is installed, nothing is loaded but libvips.
    """
    libvips.start()
    found = [kind for kind, loader in _LOADERS.items() if pyvips.type_find("VipsOperation", loader)]
    found += [kind for kind, package in _PACKAGES.items() if find_spec(package) is not None]
    if jxl_library.find():
        found.append("jxl")
    return (*READ, *(kind for kind in _PLACES if kind in found))


@cache
def load_all() -> None:
    """Load every decoder that is here and the writer of films, and open libvips' own loaders among them.

    To be called before confinement.

    One that cannot be loaded must not take the others with it: its pictures fail, and `doctor` finds that.
    """
    libvips.start(rare=True)
    with contextlib.suppress(Exception):
        importlib.import_module("imagemill.engine.rare.films").prepare()
    for kind in readable():
        with contextlib.suppress(Exception):
            decoder = decoder_of(kind)
            if decoder is not None and decoder.prepare is not None:
                decoder.prepare()
