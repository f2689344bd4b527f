"""The facts of one opened page: what its header says, checked against the limits.

Separate from `probe`, which looks at a whole file, because a page of its own size (a TIFF's) is described once more
when it is rendered: the facts that travel with a job are those of the first page.
"""

from __future__ import annotations

from dataclasses import replace

from imagemill.engine import icc
from imagemill.engine.claims import Structure
from imagemill.engine.image_fields import ORIENTATION_FIELD, PROFILE_FIELD
from imagemill.engine.libvips import Image
from imagemill.engine.limits import Limits
from imagemill.engine.orientation import is_sideways
from imagemill.engine.port import Facts
from imagemill.engine.steps.load import open_pages
from imagemill.engine.structure import check_canvas
from imagemill.engine.tiff_structure import read_tiff_page
from imagemill.engine.work import Buffer

ANIMATED = frozenset(("gif", "webp"))
"""Formats whose pages are frames of one size."""


def describe(image: Image, kind: str, found: Structure, size: int, limits: Limits) -> Facts:
    """Describe an opened, not yet decoded page of a file of `size` bytes.

    What the loader says must be within the limits as well as what the headers said (`found`): raises Unprocessable.
    """
    claimed = Structure(width=image.width, height=image.height, whole_frame=found.whole_frame)
    check_canvas(claimed, size, limits)
    pages = _number(image, "n-pages", 1) if kind in ANIMATED else found.frames if kind == "tiff" else 1
    orientation = _orientation(image, kind)
    width, height = image.width, image.height
    if is_sideways(orientation):
        width, height = height, width
    return Facts(
        format=kind,
        width=width,
        height=height,
        pages=pages,
        alpha=bool(image.hasalpha()),
        animated=pages > 1 and kind in ANIMATED,
        orientation=orientation,
        bits=_number(image, "bits-per-sample", 16 if image.format == "ushort" else 8),
        colour=str(image.interpretation),
        profile=_profile(image),
        loop=_number(image, "loop", 0),
        whole_frame=found.whole_frame,
    )


def checked(facts: Facts, size: int, limits: Limits) -> Facts:
    """Return `facts` that a decoder gave of a file of `size` bytes, where its canvas is within the limits as well."""
    check_canvas(Structure(width=facts.width, height=facts.height, whole_frame=facts.whole_frame), size, limits)
    return facts


def describe_page(data: Buffer, facts: Facts, page: int, limits: Limits) -> Facts:
    """The facts of `page`, which exists: `facts`, which are those of the first, where all pages are alike.

    Raises as `describe` does, and as `read_tiff_page` does for a page that is not read.
    """
    if page == 0 or facts.format != "tiff":
        return facts
    view = memoryview(data)
    found = read_page(view, page, limits)
    described = describe(open_pages(data, facts.format, page=page), facts.format, found, len(view), limits)
    return replace(described, pages=facts.pages, page_sizes=facts.page_sizes)


def read_page(view: memoryview, page: int, limits: Limits) -> Structure:
    """A page of a TIFF from its directory, within the limits of a canvas."""
    found = read_tiff_page(view, page)
    check_canvas(found, len(view), limits)
    return found


def _number(image: Image, field: str, absent: int) -> int:
    """A whole number of the header."""
    return int(image.get(field)) if image.get_typeof(field) else absent


def _orientation(image: Image, kind: str) -> int:
    """EXIF orientation, 1 where it is absent or none of the eight (P3); AVIF turns by its own boxes while decoding."""
    value = 1 if kind == "avif" else _number(image, ORIENTATION_FIELD, 1)
    return value if 1 <= value <= 8 else 1


def _profile(image: Image) -> str | None:
    """The embedded profile's name, where it is sound."""
    if not image.get_typeof(PROFILE_FIELD):
        return None
    profile = icc.read(bytes(image.get(PROFILE_FIELD)))
    return profile.name or profile.space if profile is not None else None
