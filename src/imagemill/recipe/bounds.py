"""How much a recipe may ask for, and why: a result costs memory and encoder time by its pixels (threats A2).

Separate from the grammar, whose ranges are those of single values: here they meet, after `dpr` and the ratio were
folded in. The engine has the last word on what depends on the original (percent sizes, `outside`).
"""

from __future__ import annotations

from collections.abc import Iterator

from imagemill.errors import Fault, InvalidRequest
from imagemill.recipe.model import Hinted, Length, Percent, Pixels, Recipe, TextLayer
from imagemill.recipe.turning import bounding

SIDE = 8192
"""Pixels of one side of a result (contract, "dpr" and "Limits")."""
PIXELS = 16_000_000
"""Pixels of a result, one frame (contract, "dpr" and "Limits")."""


def check_bounds(recipe: Recipe, *, side: int = SIDE, pixels: int = PIXELS) -> None:
    """Raise InvalidRequest (`bad_option`) when a stated side with its padding, or both together, are too large."""
    faults = tuple(bounds_faults(recipe, side=side, pixels=pixels))
    if faults:
        raise InvalidRequest(
            "The result would be too large: " + "; ".join(map(str, faults)) + ".", code="bad_option", faults=faults
        )


def bounds_faults(recipe: Recipe, *, side: int = SIDE, pixels: int = PIXELS) -> Iterator[Fault]:
    """Yield what is too large in a recipe in normal form; sides that depend on the original count as unknown.

    The option to blame is one that the caller wrote: a side, or else the padding.
    """
    wide, high = isinstance(recipe.resize.width, Pixels), isinstance(recipe.resize.height, Pixels)
    across, down = _outer(recipe)
    after = "dpr and pad" if recipe.rotate == 0 else "dpr, rot and pad"
    blamed: set[str] = set()
    for name, length in (("w" if wide else "pad", across), ("h" if high else "pad", down)):
        if length is not None and length > side and name not in blamed:
            blamed.add(name)
            yield Fault(name, f"at most {side} pixels a side after {after}", str(length))
    name = "w" if wide else "h" if high else "pad"
    if across is not None and down is not None and across * down > pixels and name not in blamed:
        yield Fault(name, f"at most {pixels} pixels of width times height", f"{across}x{down}")


def _outer(recipe: Recipe) -> tuple[int | None, int | None]:
    """Return the sides of the result as far as they are stated, turned and padded; None where nothing is known.

    A side that depends on the original is at least one pixel, and so much is known of it where it is turned or padded.
    """
    pad = recipe.pad
    width, height = _stated(recipe.resize.width), _stated(recipe.resize.height)
    if recipe.rotate and (width is not None or height is not None):
        width, height = bounding(width or 1, height or 1, recipe.rotate)
    if pad is None:
        return width, height
    across, down = pad.left + pad.right, pad.top + pad.bottom
    return _with_room(width, across), _with_room(height, down)


def _stated(length: Length | Hinted | None) -> int | None:
    """Return a side's pixels where the recipe says them."""
    return length.count if isinstance(length, Pixels) else None


def _with_room(length: int | None, room: int) -> int | None:
    """Return a side with its padding; of an unknown side only the padding is known, None without it."""
    if length is not None:
        return length + room
    return 1 + room if room else None


def scaled_faults(recipe: Recipe) -> Iterator[Fault]:
    """Yield the values that `dpr` or the ratio drove out of the grammar's ranges.

    Without this a recipe would have a text that the grammar does not read back.
    """
    for name, side in (("w", recipe.resize.width), ("h", recipe.resize.height)):
        if isinstance(side, Pixels) and side.count > SIDE:
            yield Fault(name, f"at most {SIDE} pixels after dpr and ar", str(side.count))
        elif isinstance(side, Percent) and not 0.1 <= side.share <= 1000:
            yield Fault(name, "0.1p…1000p after dpr", f"{side.share:g}p")
    if recipe.pad is not None:
        widest = max(recipe.pad.top, recipe.pad.right, recipe.pad.bottom, recipe.pad.left)
        yield from _above("pad", widest, SIDE)
    if recipe.radius is not None and recipe.radius.corners is not None:
        yield from _above("radius", max(recipe.radius.corners), SIDE)
    yield from _above("blur", recipe.blur, 100)
    yield from _above("pixelate", recipe.pixelate, 256)
    for layer in recipe.layers:
        if isinstance(layer, TextLayer):
            yield from _above("textsize", layer.size, 4000)
        else:
            for name, offset in (("wmx", layer.place.x), ("wmy", layer.place.y)):
                yield from _above(name, None if isinstance(offset, Percent) else abs(offset), SIDE)


def _above(name: str, number: float | None, most: int) -> Iterator[Fault]:
    if number is not None and number > most:
        yield Fault(name, f"at most {most} after dpr", f"{number:g}")
