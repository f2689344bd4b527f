"""Open the original with the one loader that its sniffed format names, reduced while decoding where that is safe."""

from __future__ import annotations

from typing import Any

import pyvips

from imagemill.engine.orientation import stored_size
from imagemill.engine.work import Buffer, Work
from imagemill.errors import Unprocessable

Image = Any
"""A pyvips.Image; the library ships no types."""

_LOADERS = {
    "jpeg": "jpegload_source",
    "png": "pngload_source",
    "gif": "gifload_source",
    "webp": "webpload_source",
    "avif": "heifload_source",
}
_PAGED = frozenset(("gif", "webp"))


def open_pages(data: Buffer, kind: str, *, page: int = 0, count: int = 1, shrink: int = 1) -> Image:
    """Open `count` pages (-1: all) from `page` on; several stand one above the other.

    A source made of memory is read where it lies: pyvips would copy a buffer first. Nothing is decoded yet. A file that
    ends early is an error, not a grey half (`fail_on`).
    """
    options: dict[str, object] = {"access": "sequential", "fail_on": "truncated"}
    if kind in _PAGED and (page, count) != (0, 1):
        options |= {"page": page, "n": count}
    if shrink > 1:
        options["shrink"] = shrink
    source = pyvips.Source.new_from_memory(data)
    image = pyvips.Operation.call(_LOADERS[kind], source, **options)
    # As pyvips' own new_from_source does: the bytes must outlive every image made from this one.
    image._references.append(source)  # noqa: SLF001  # Operation.call, needed to name the loader, does not keep it
    return image


def open_original(data: Buffer, work: Work) -> Image:
    """Open what the job needs, and make sure that it is the picture the plan was made for."""
    facts = work.job.facts
    image = open_pages(data, facts.format, page=work.page, count=work.frames, shrink=work.shrink)
    size = stored_size(facts)
    if (image.width, image.height) != (size.width // work.shrink, size.height // work.shrink * work.frames):
        raise Unprocessable("The picture is not the one that was looked at before: its size has changed.")
    return image
