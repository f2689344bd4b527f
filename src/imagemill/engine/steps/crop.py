"""Cut the region that the recipe reads out of the (possibly reduced, not yet upright) page."""

from __future__ import annotations

from imagemill.engine.sampling import axes
from imagemill.engine.steps.load import Image
from imagemill.engine.work import Work


def crop(image: Image, work: Work) -> Image:
    """Keep the layout's region."""
    across, down = axes(work.job.facts, work.layout, work.shrink)
    width = min(across.columns, image.width - across.first)
    height = min(down.columns, image.height - down.first)
    if (width, height) == (image.width, image.height):
        return image
    return image.crop(across.first, down.first, width, height)
