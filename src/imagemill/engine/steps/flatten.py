"""Take transparency away where the format has none."""

from __future__ import annotations

from imagemill.engine.libvips import Image
from imagemill.engine.steps.background import behind, flattened
from imagemill.engine.work import Work


def flatten(image: Image, work: Work) -> Image:
    """Lay the picture on its background, white unless stated, for a format without transparency."""
    if work.keeps_alpha or not image.hasalpha():
        return image
    return flattened(image, behind(image, work.background))
