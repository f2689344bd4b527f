"""What an original is: from its header (`probe`), or with every pixel decoded once (`verify`)."""

from __future__ import annotations

from imagemill.engine import icc
from imagemill.engine.claims import Structure
from imagemill.engine.limits import Limits
from imagemill.engine.orientation import is_sideways
from imagemill.engine.port import Facts
from imagemill.engine.render import plain_words
from imagemill.engine.sniff import HEAD_BYTES, sniff
from imagemill.engine.steps.colour import PROFILE_FIELD
from imagemill.engine.steps.load import Image, open_frames, open_pages
from imagemill.engine.structure import check_canvas, check_frames, examine
from imagemill.engine.work import Buffer

_ANIMATED = frozenset(("gif", "webp"))

_COARSEST = 8
"""A JPEG is verified this much reduced: every coefficient of every block is read, which is where damage shows, and only
arithmetic that cannot fail is left out. A third of the time of a full decode."""


def probe(data: Buffer, limits: Limits) -> Facts:
    """Look at the header only. The limits on the canvas are applied before any decoder runs (D1).

    Raises NotAnImage, or Unprocessable (`damaged`, `too_many_pixels`, `too_complex`). An animation over the limits on
    frames is described, because one frame of it may still be asked; `verify` and `render` refuse the whole.
    """
    view = memoryview(data)
    kind = sniff(bytes(view[:HEAD_BYTES]))
    found = examine(view, kind, limits)
    with plain_words():
        return _facts(open_pages(data, kind), kind, found, len(view), limits)


def verify(data: Buffer, limits: Limits) -> Facts:
    """Decode every pixel of every frame once, as a stream; raises as `probe` does, and where the file is not whole."""
    facts = probe(data, limits)
    if facts.animated:
        check_frames(facts.pages, facts.width, facts.height, limits)
    shrink = _COARSEST if facts.format == "jpeg" and min(facts.width, facts.height) >= _COARSEST else 1
    with plain_words():
        for frame in open_frames(data, facts, count=facts.pages, shrink=shrink):
            frame.avg()
    return facts


def _facts(image: Image, kind: str, found: Structure, size: int, limits: Limits) -> Facts:
    """Describe an opened, not yet decoded image; what the loader says must be within the limits as well."""
    claimed = Structure(width=image.width, height=image.height, whole_frame=found.whole_frame)
    check_canvas(claimed, size, limits)
    pages = _number(image, "n-pages", 1) if kind in _ANIMATED else 1
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
        animated=pages > 1,
        orientation=orientation,
        bits=_number(image, "bits-per-sample", 16 if image.format == "ushort" else 8),
        colour=str(image.interpretation),
        profile=_profile(image),
        loop=_number(image, "loop", 0),
        whole_frame=found.whole_frame,
    )


def _number(image: Image, field: str, absent: int) -> int:
    """A whole number of the header."""
    return int(image.get(field)) if image.get_typeof(field) else absent


def _orientation(image: Image, kind: str) -> int:
    """EXIF orientation, 1 where it is absent or none of the eight (P3); AVIF turns by its own boxes while decoding."""
    value = 1 if kind == "avif" else _number(image, "orientation", 1)
    return value if 1 <= value <= 8 else 1


def _profile(image: Image) -> str | None:
    """The embedded profile's name, where it is sound."""
    if not image.get_typeof(PROFILE_FIELD):
        return None
    profile = icc.read(bytes(image.get(PROFILE_FIELD)))
    return profile.name or profile.space if profile is not None else None
