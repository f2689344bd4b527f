"""A preview of some 200 bytes, to stand in a page until the picture arrives: one recipe, wherever it is made.

`originals.preview` renders it for the answers of the control API, `inspect` makes it from the picture it has reduced
already.
"""

from __future__ import annotations

import base64

from imagemill.recipe.model import Output, Pixels, Recipe, Resize
from imagemill.recipe.vocabulary import Fit, Format

SIDE = 16
"""Pixels of the longer side: enough for a blur, about 200 bytes."""

FORMAT = Format.WEBP

RECIPE = Recipe(
    resize=Resize(width=Pixels(SIDE), height=Pixels(SIDE), fit=Fit.INSIDE),
    output=Output(format=FORMAT, quality=40, animate=False),
)


def data_uri(encoded: bytes) -> str:
    """Return an encoded preview as a URI that can stand where a URL does (RFC 2397)."""
    return f"data:{FORMAT.media_type};base64," + base64.b64encode(encoded).decode("ascii")
