"""Mirror the picture."""

from __future__ import annotations

from imagemill.engine.libvips import Image
from imagemill.engine.work import Work
from imagemill.recipe.vocabulary import Flip


def flip(image: Image, work: Work) -> Image:
    """Mirror left and right (`h`), top and bottom (`v`), or both; upside down needs the whole picture in memory."""
    asked = work.job.recipe.flip
    if asked is None:
        return image
    if asked is Flip.HORIZONTAL:
        return image.fliphor()
    image = image.copy_memory()
    return image.flipver() if asked is Flip.VERTICAL else image.rot180()
