"""How many frames a result has, from what is known before a pixel is read.

Separate from `work`, because the server plans and reckons with it too, and must import no step for that.
"""

from __future__ import annotations

from imagemill.engine.port import Facts
from imagemill.recipe.model import Recipe
from imagemill.recipe.vocabulary import Format

FILMS = frozenset((Format.AVIF, Format.PNG))
"""Formats whose films are written by an encoder of their own (`rare.films`), among the rare formats' workers."""

_ANIMATED = FILMS | {Format.GIF, Format.WEBP}


def animates(output: Format) -> bool:
    """Whether a format is written with all frames."""
    return output in _ANIMATED


def moves(facts: Facts, recipe: Recipe) -> bool:
    """Whether all frames of an original of `facts` are asked for; a format that holds one shows the first of them."""
    return facts.animated and recipe.output.animate and recipe.page == 0


def frame_count(facts: Facts, recipe: Recipe, output: Format) -> int:
    """Return how many frames are written in the format `output`, counted from the recipe's page."""
    exact = output is Format.AVIF and recipe.output.lossless  # libavif has no exact films
    return facts.pages if moves(facts, recipe) and animates(output) and not exact else 1
