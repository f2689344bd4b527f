"""JPEG 2000 and the pages of a PDF, where the installed libvips has a loader for them (pyvips-binary has neither)."""

from __future__ import annotations

from imagemill.engine import libvips
from imagemill.engine.claims import Structure
from imagemill.engine.geometry import Box, Size
from imagemill.engine.libvips import Image, pyvips
from imagemill.engine.port import Facts
from imagemill.engine.rare.budget import DRAWING
from imagemill.engine.rare.decoder import Decoder
from imagemill.errors import Unprocessable

_DPI = 96
"""A PDF's page in CSS pixels."""

_MOST_PAGES = 10_000


def _opened(name: str, view: memoryview, **options: object) -> Image:
    libvips.start(rare=True)
    source = pyvips.Source.new_from_memory(view)
    image = pyvips.Operation.call(name, source, **options)
    image._references.append(source)  # noqa: SLF001  # as in steps.load: the bytes must outlive the image
    return image


def _describe_jp2(view: memoryview, found: Structure) -> Facts:
    image = _opened("jp2kload_source", view)
    return Facts(
        format="jp2",
        width=image.width,
        height=image.height,
        alpha=bool(image.hasalpha()),
        bits=16 if image.format == "ushort" else 8,
        colour=str(image.interpretation),
        whole_frame=found.whole_frame,
    )


def _open_jp2(view: memoryview, _page: int) -> Image:
    return _opened("jp2kload_source", view, fail_on="truncated")


def _describe_pdf(view: memoryview, found: Structure) -> Facts:
    image = _opened("pdfload_source", view, dpi=_DPI)
    pages = int(image.get("n-pages")) if image.get_typeof("n-pages") else 1
    if pages > _MOST_PAGES:
        raise Unprocessable(f"The PDF has more than {_MOST_PAGES} pages.", code="too_complex")
    return Facts(format="pdf", width=image.width, height=image.height, pages=pages, alpha=True, whole_frame=True)


def _open_pdf(view: memoryview, page: int) -> Image:
    with DRAWING.held():
        return _opened("pdfload_source", view, dpi=_DPI, page=page).copy_memory()


def _draw_pdf(view: memoryview, page: int, part: Box, size: Size) -> Image:
    """Draw the page as densely as `part` needs it, and cut it out; only that is computed."""
    density = max(size.width / part.width, size.height / part.height)
    with DRAWING.held():
        whole = _opened("pdfload_source", view, dpi=_DPI, page=page, scale=density)
        left, top = min(int(part.left * density), whole.width - 1), min(int(part.top * density), whole.height - 1)
        width = min(max(1, round(part.width * density)), whole.width - left)
        height = min(max(1, round(part.height * density)), whole.height - top)
        cut = whole.crop(left, top, width, height)
        return cut.thumbnail_image(size.width, height=size.height, size="force").copy_memory()


JP2 = Decoder(describe=_describe_jp2, open_page=_open_jp2)
PDF = Decoder(describe=_describe_pdf, open_page=_open_pdf, draw=_draw_pdf)
