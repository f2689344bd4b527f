"""Cut the region that the recipe reads out of the (possibly reduced, not yet upright) page."""

from __future__ import annotations

from imagemill.engine.libvips import Image
from imagemill.engine.orientation import stored_size
from imagemill.engine.sampling import axes
from imagemill.engine.work import Work


def crop(image: Image, work: Work) -> Image:
    """Keep the layout's region; what is drawn comes without anything else."""
    if work.job.facts.drawn:
        return image
    across, down = axes(work.job.facts, work.layout, work.shrink)
    page = stored_size(work.job.facts)
    if (across.there, down.there) == (page.width // work.shrink, page.height // work.shrink):
        return image
    return image.crop(across.first, down.first, across.there, down.there)
