"""The size of a picture that was turned by any angle: the box around it.

Separate because two must agree on it: `bounds`, which refuses what is stated too large, and the engine's geometry.
"""

from __future__ import annotations

from math import ceil, cos, radians, sin

_DUST = 1e-9  # what floats leave of a whole number, so that 100 pixels stay 100


def bounding(width: int, height: int, degrees: float) -> tuple[int, int]:
    """Return width and height, in pixels, of the smallest upright box around a picture turned by `degrees`.

    Multiples of 90 are exact; between them a pixel that is covered in part counts whole.
    """
    if degrees % 180 == 0:
        return width, height
    if degrees % 180 == 90:
        return height, width
    across, down = abs(cos(radians(degrees))), abs(sin(radians(degrees)))
    return (
        max(1, ceil(width * across + height * down - _DUST)),
        max(1, ceil(width * down + height * across - _DUST)),
    )
