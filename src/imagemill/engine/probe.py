"""What an original is: from its header (`probe`), or with every pixel decoded once (`verify`)."""

from __future__ import annotations

from dataclasses import replace

from imagemill.engine.description import checked, describe, read_page
from imagemill.engine.geometry import Box, Size
from imagemill.engine.limits import Limits
from imagemill.engine.port import Facts
from imagemill.engine.rare.decoder import decoder_of, readable
from imagemill.engine.render import plain_words
from imagemill.engine.sniff import HEAD_BYTES, sniff
from imagemill.engine.steps.load import open_frames, open_pages
from imagemill.engine.structure import check_frames, examine
from imagemill.engine.tiff_structure import opening_seconds, page_sizes
from imagemill.engine.work import Buffer

_COARSEST = 8
"""A JPEG is verified this much reduced: every coefficient of every block is read, which is where damage shows, and only
arithmetic that cannot fail is left out. A third of the time of a full decode."""


_DRAWN_SIDE = 512
"""Pixels of the longer side in which a drawing is verified."""

_OPENING_SECONDS = 0.6
"""As long as opening pages of a TIFF may take in one verification: libtiff reads all directories for each."""


def probe(data: Buffer, limits: Limits) -> Facts:
    """Look at the header only. The limits on the canvas are applied before any decoder runs (D1).

    Raises NotAnImage, or Unprocessable (`damaged`, `too_many_pixels`, `too_complex`). An animation over the limits on
    frames is described, because one frame of it may still be asked; `verify` and `render` refuse the whole.
    """
    view = memoryview(data)
    kind = sniff(bytes(view[:HEAD_BYTES]), readable())
    found = examine(view, kind, limits)
    decoder = decoder_of(kind)
    if decoder is not None:
        with plain_words():
            return checked(decoder.describe(view, found), len(view), limits)
    with plain_words():
        facts = describe(open_pages(data, kind), kind, found, len(view), limits)
    if kind == "tiff" and facts.pages > 1:
        sizes = page_sizes(view, limits.frames)
        return replace(facts, page_sizes=tuple(sizes)) if len(set(sizes)) > 1 else facts
    return facts


def verify(data: Buffer, limits: Limits) -> Facts:
    """Decode every pixel of every frame once, as a stream; raises as `probe` does, and where the file is not whole."""
    facts = probe(data, limits)
    if facts.animated:
        check_frames(facts.pages, facts.width, facts.height, limits)
    shrink = _COARSEST if facts.format == "jpeg" and min(facts.width, facts.height) >= _COARSEST else 1
    with plain_words():
        if facts.format == "tiff":
            _verify_pages(data, facts, limits)
            return facts
        if facts.drawn:
            _verify_drawing(data, facts)
            return facts
        for frame in open_frames(data, facts, count=facts.pages, shrink=shrink):
            frame.avg()
    return facts


def _verify_drawing(data: Buffer, facts: Facts) -> None:
    """Draw the first page once, small: what cannot be drawn shows at any size, and size is what costs."""
    part = min(1.0, _DRAWN_SIDE / max(facts.width, facts.height))
    size = Size(max(1, round(facts.width * part)), max(1, round(facts.height * part)))
    decoder = decoder_of(facts.format)
    if decoder is not None and decoder.draw is not None:
        decoder.draw(memoryview(data), 0, Box(0, 0, facts.width, facts.height), size).avg()


def _verify_pages(data: Buffer, facts: Facts, limits: Limits) -> None:
    """Decode the pages of a TIFF, as many as an animation may have (D5); a later one is judged when it is asked."""
    view, pixels = memoryview(data), 0
    affordable = max(1, int(_OPENING_SECONDS / opening_seconds(view)))
    for page in range(min(facts.pages, limits.frames, affordable)):
        found = read_page(view, page, limits)
        pixels += found.width * found.height
        if page and pixels > limits.pixels_frames:
            break
        open_pages(data, facts.format, page=page).avg()
