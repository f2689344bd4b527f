"""Find the border of one colour around the picture; the cutting itself is part of `crop`."""

from __future__ import annotations

from imagemill.engine.geometry import Box
from imagemill.engine.libvips import Image
from imagemill.engine.orientation import upright_box
from imagemill.engine.port import Facts
from imagemill.engine.steps.colour import eight_bits
from imagemill.engine.steps.load import open_pages
from imagemill.engine.work import Buffer


def find_trimmed(data: Buffer, facts: Facts, threshold: int, page: int) -> Box | None:
    """Return what is left of the upright page when everything like its top left corner is taken off, or None.

    Reads the page once at full size, as a stream, and it is read once more to be rendered: keeping it would cost three
    bytes a pixel. A page of one colour all over is left as it is.
    """
    corner = _opaque(data, facts, page)(0, 0)
    left, top, width, height = _opaque(data, facts, page).find_trim(
        threshold=threshold, background=corner, line_art=True
    )
    if width < 1 or height < 1:
        return None
    return upright_box(Box(left, top, width, height), facts)


def _opaque(data: Buffer, facts: Facts, page: int) -> Image:
    """The page in 8 bits without transparency: a clear border is white."""
    image = eight_bits(open_pages(data, facts.format, page=page))
    return image.flatten(background=[255.0] * (image.bands - 1)) if image.hasalpha() else image
