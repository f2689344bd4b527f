"""Open the original with the one loader that its sniffed format names, reduced while decoding where that is safe."""

from __future__ import annotations

from collections.abc import Iterator

from imagemill.engine import libvips
from imagemill.engine.geometry import Layout
from imagemill.engine.libvips import Image, pyvips
from imagemill.engine.orientation import stored_size
from imagemill.engine.port import Facts
from imagemill.engine.rare.decoder import decoder_of
from imagemill.engine.steps.as_meant import as_meant
from imagemill.engine.stopping import stoppable
from imagemill.engine.work import Buffer
from imagemill.errors import Unprocessable

_LOADERS = {
    "jpeg": "jpegload_source",
    "png": "pngload_source",
    "gif": "gifload_source",
    "webp": "webpload_source",
    "avif": "heifload_source",
    "tiff": "tiffload_source",
}
_PAGED = frozenset(("gif", "webp", "tiff"))


_BATCH_BYTES = 256 * 1024 * 1024
"""The WebP decoder delivers all asked frames at once, in memory; so many bytes of them are asked at a time."""


def open_pages(data: Buffer, kind: str, *, page: int = 0, count: int = 1, shrink: int = 1) -> Image:
    """Open `count` pages (-1: all) from `page` on; several stand one above the other. Nothing is decoded yet, but
    a page of a rare format, which comes whole (and drawn at its nominal size).

    A source made of memory is read where it lies: pyvips would copy a buffer first. A file that ends early is an error,
    not a grey half (`fail_on`); of a TIFF, whose strips stand alone, any that cannot be decoded is one.
    """
    decoder = decoder_of(kind)
    if decoder is not None:
        return decoder.open_page(memoryview(data), page)
    libvips.start()
    options: dict[str, object] = {"access": "sequential", "fail_on": "error" if kind == "tiff" else "truncated"}
    if kind in _PAGED and (page, count) != (0, 1):
        options |= {"page": page, "n": count}
    if shrink > 1:
        options["shrink"] = shrink
    source = pyvips.Source.new_from_memory(data)
    image = pyvips.Operation.call(_LOADERS[kind], source, **options)
    # As pyvips' own new_from_source does: the bytes must outlive every image made from this one.
    image._references.append(source)  # noqa: SLF001  # Operation.call, needed to name the loader, does not keep it
    return as_meant(stoppable(image), memoryview(data), kind, page)


def open_frames(
    data: Buffer, facts: Facts, *, page: int = 0, count: int = 1, shrink: int = 1, layout: Layout | None = None
) -> Iterator[Image]:
    """Open `count` frames one by one; of several, each must be used up before the next is taken.

    GIF is one stream. WebP comes in batches that bound its memory; for each batch the decoder goes through all frames
    before it again, so there are as few as possible. With a `layout`, what is drawn (SVG) comes as that layout's region
    at its scaled size, with which `crop` and `resize` have nothing left to do.
    """
    drawing = decoder_of(facts.format) if facts.drawn and layout is not None else None
    if drawing is not None and drawing.draw is not None and layout is not None:
        yield drawing.draw(memoryview(data), page, layout.region, layout.scaled)
        return
    size = stored_size(facts)
    at_once = count if facts.format != "webp" else max(1, min(count, _BATCH_BYTES // (4 * size.pixels)))
    for first in range(page, page + count, at_once):
        part = min(at_once, page + count - first)
        image = open_pages(data, facts.format, page=first, count=part, shrink=shrink)
        width, height = size.width // shrink, size.height // shrink
        if (image.width, image.height) != (width, height * part):
            raise Unprocessable("The picture is not the one that was looked at before: its size has changed.")
        if part == 1:
            yield image
            continue
        for index in range(part):
            yield image.crop(0, height * index, width, height)
