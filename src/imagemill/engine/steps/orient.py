"""Turn the scaled picture upright (EXIF orientation)."""

from __future__ import annotations

from imagemill.engine.image_fields import ORIENTATION_FIELD
from imagemill.engine.libvips import Image
from imagemill.engine.work import Work


def orient(image: Image, work: Work) -> Image:
    """Undo the stored orientation once, and forget it: the AVIF saver would write it again, whatever it may keep."""
    turned = _upright(image, work.job.facts.orientation)
    if turned.get_typeof(ORIENTATION_FIELD):
        turned = turned.copy()
        turned.remove(ORIENTATION_FIELD)
    return turned


def _upright(image: Image, orientation: int) -> Image:
    """The picture turned.

    All but a mirror image need pixels out of the order in which they are decoded, so the picture, small by now, is
    first kept in memory.
    """
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
