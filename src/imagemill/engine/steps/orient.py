"""Turn the scaled picture upright (EXIF orientation); the tag itself goes with the other metadata."""

from __future__ import annotations

from imagemill.engine.steps.load import Image
from imagemill.engine.work import Work


def orient(image: Image, work: Work) -> Image:
    """Undo the stored orientation once.

    All but a mirror image need pixels out of the order in which they are decoded, so the picture, small by now, is
    first kept in memory.
    """
    orientation = work.job.facts.orientation
    if orientation == 1:
        return image
    if orientation == 2:
        return image.fliphor()
    image = image.copy_memory()
    if orientation == 3:
        return image.rot180()
    if orientation == 4:
        return image.flipver()
    if orientation in (5, 6):
        image = image.rot90()
        return image.fliphor() if orientation == 5 else image
    image = image.rot270()
    return image.fliphor() if orientation == 7 else image
