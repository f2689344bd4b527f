"""Whether a result is transparent somewhere, told before a pixel is read: an automatic format is chosen by it."""

from __future__ import annotations

from imagemill.engine.geometry import Layout
from imagemill.engine.port import Facts
from imagemill.recipe.model import Colour, Recipe


def keeps_transparency(facts: Facts, recipe: Recipe, layout: Layout) -> bool:
    """Whether the result would be transparent somewhere, so that a JPEG must not stand in for it.

    The room of `contain` counts only where a transparent background was asked: a photo on a canvas is a photo.
    """
    if recipe.mask is not None or recipe.radius is not None:
        return True
    ground = recipe.background
    if ground is None:
        return facts.alpha
    if isinstance(ground, Colour) and ground.rgba[3] < 255:
        return facts.alpha or layout.canvas
    return False
