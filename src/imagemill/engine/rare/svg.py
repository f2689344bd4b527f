"""SVG through librsvg, drawn at exactly the size that is asked for, so that it is crisp at any (threats D9, D12, D13).

What librsvg gets was written by `svg_document`, not by a stranger.
"""

from __future__ import annotations

from imagemill.engine import libvips
from imagemill.engine.claims import Structure, damaged
from imagemill.engine.geometry import Box, Size
from imagemill.engine.libvips import Image, pyvips
from imagemill.engine.port import Facts
from imagemill.engine.rare.budget import DRAWING
from imagemill.engine.rare.decoder import Decoder
from imagemill.engine.rare.pixels import image_of
from imagemill.engine.rare.svg_document import read_svg
from imagemill.errors import Unprocessable

_INCH = 96
"""Pixels of a CSS inch; libvips scales by a 72nd of it, which is taken back."""

_STYLES = ("", ' font-weight="bold"', ' font-style="italic"', ' font-family="serif"', ' font-family="monospace"')


def _describe(_view: memoryview, found: Structure) -> Facts:
    """Everything stands in the header; whether all of it is covered is not known before it is drawn, hence `alpha`."""
    return Facts(format="svg", width=found.width, height=found.height, alpha=True, whole_frame=found.whole_frame)


def _open_page(view: memoryview, _page: int) -> Image:
    document = read_svg(view)
    size = Size(document.width, document.height)
    return _drawn(document.at(size.width, size.height), size)


def _draw(view: memoryview, _page: int, part: Box, size: Size) -> Image:
    return _drawn(read_svg(view).at(size.width, size.height, part), size)


def _drawn(document: bytes, size: Size) -> Image:
    """RGBA in memory, drawn here and now under the budget of a drawing.

    By a region, because that draws in the calling thread. Pango opens a font's file once for each thread, and the pool
    of threads that any other call would use has some that had not when the worker was confined: their words came out
    in whatever font was at hand.
    """
    libvips.start(rare=True)
    with DRAWING.held():
        source = pyvips.Source.new_from_memory(document)
        image = pyvips.Operation.call("svgload_source", source, dpi=_INCH, scale=72 / _INCH)
        if (image.width, image.height) != (size.width, size.height):
            raise damaged("the SVG is drawn in another size than it was asked for")
        try:
            pixels = pyvips.Region.new(image).fetch(0, 0, size.width, size.height)
        except pyvips.Error as error:
            if "rendering" not in str(error).lower():
                raise
            # It was read before; what fails now is an allocation, or librsvg's own limit on what one drawing may hold.
            raise Unprocessable(
                "The SVG is too complex to be drawn in the memory that a drawing may use.", code="too_complex"
            ) from error
    return image_of(pixels, size.width, size.height, 4)


def _prepare() -> None:
    """Write a word in each style, so that the fonts' files are open before the process may open none."""
    for style in _STYLES:
        words = f"<text y='12' font-size='12'{style}>Ag</text>"
        text = f"<svg xmlns='http://www.w3.org/2000/svg' width='64' height='16'>{words}</svg>"
        _drawn(read_svg(text.encode()).at(64, 16), Size(64, 16))


SVG = Decoder(describe=_describe, open_page=_open_page, draw=_draw, prepare=_prepare)
