"""How much a recipe may ask for, and why: a result costs memory and encoder time by its pixels (threats A2).

Separate from the grammar, whose ranges are those of single values: here they meet, after `dpr` and the ratio were
folded in. The engine has the last word on what depends on the original (percent sizes, `outside`).
"""

from __future__ import annotations

from collections.abc import Iterator

from imagemill.errors import Fault, InvalidRequest
from imagemill.recipe.model import Hinted, Length, Percent, Pixels, Recipe, TextLayer

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
    pad = recipe.pad
    across = _stated(recipe.resize.width, 0 if pad is None else pad.left + pad.right)
    down = _stated(recipe.resize.height, 0 if pad is None else pad.top + pad.bottom)
    wide, high = isinstance(recipe.resize.width, Pixels), isinstance(recipe.resize.height, Pixels)
    blamed: set[str] = set()
    for name, length in (("w" if wide else "pad", across), ("h" if high else "pad", down)):
        if length is not None and length > side and name not in blamed:
            blamed.add(name)
            yield Fault(name, f"at most {side} pixels a side after dpr and pad", str(length))
    name = "w" if wide else "h" if high else "pad"
    if across is not None and down is not None and across * down > pixels and name not in blamed:
        yield Fault(name, f"at most {pixels} pixels of width times height", f"{across}x{down}")


def _stated(length: Length | Hinted | None, room: int) -> int | None:
    """Return the pixels of a side with its padding; of an unknown side only the padding is known, None without it."""
    if isinstance(length, Pixels):
        return length.count + room
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
            yield from _above("wmx", abs(layer.place.x), SIDE)
            yield from _above("wmy", abs(layer.place.y), SIDE)


def _above(name: str, number: float | None, most: int) -> Iterator[Fault]:
    if number is not None and number > most:
        yield Fault(name, f"at most {most} after dpr", f"{number:g}")
