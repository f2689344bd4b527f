"""Cut the region that the recipe reads out of the (possibly reduced, not yet upright) page."""

from __future__ import annotations

from imagemill.engine.orientation import stored_box
from imagemill.engine.steps.load import Image
from imagemill.engine.work import Work


def crop(image: Image, work: Work) -> Image:
    """Keep the layout's region; on a reduced page its edges are moved to the nearest coarse pixel."""
    box = stored_box(work.layout.region, work.job.facts)
    left, width = _reduced(box.left, box.width, work.shrink, image.width)
    top, height = _reduced(box.top, box.height, work.shrink, image.height)
    if (width, height) == (image.width, image.height):
        return image
    return image.crop(left, top, width, height)


def _reduced(start: int, length: int, shrink: int, whole: int) -> tuple[int, int]:
    """One axis of a box on a page that is `shrink` times smaller and `whole` long."""
    at = min(whole - 1, round(start / shrink))
    return at, max(1, min(whole - at, round(length / shrink)))
