"""`cover`: keep the part of the scaled picture that the gravity asks for."""

from __future__ import annotations

from imagemill.engine.geometry import Box, window_box
from imagemill.engine.libvips import Image
from imagemill.engine.work import Work
from imagemill.recipe.vocabulary import Anchor

LOOKS = frozenset((Anchor.ATTENTION, Anchor.ENTROPY))
"""The gravities that are found by looking at the pixels."""


def window(image: Image, work: Work) -> Image:
    """Cut the window out of the scaled picture."""
    layout = work.layout
    if layout.window == layout.scaled:
        return image
    if work.window is None and layout.gravity in LOOKS:
        return image.copy_memory().smartcrop(layout.window.width, layout.window.height, interesting=str(layout.gravity))
    box = work.window or window_box(layout)
    return image.crop(box.left, box.top, box.width, box.height)


def look(image: Image, work: Work) -> Box:
    """Where a gravity that looks puts the window in `image`, as a box to be used for every frame."""
    size = work.layout.window
    found = image.copy_memory().smartcrop(size.width, size.height, interesting=str(work.layout.gravity))
    return Box(-found.xoffset, -found.yoffset, size.width, size.height)
