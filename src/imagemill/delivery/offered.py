"""What anyone may ask of a picture that shows most of it, under the site's own rules (contract, `url` of an original).

Separate from `verdict`, which judges what somebody wrote: here nobody asked for anything, and what is wanted is the
picture itself, as whole as the site gives it away. `_` is that only where every size is open.
"""

from __future__ import annotations

from math import inf
from typing import Any

from imagemill.delivery.access import Access
from imagemill.recipe.model import Pixels, Resize
from imagemill.recipe.presets import Presets, alone


def open_options(access: Access, presets: Presets, *, width: int = 0, height: int = 0) -> str | None:
    """Return the option list that shows most of a picture, None where the site lets nothing of it be asked.

    `width` and `height` are the upright picture's in pixels, 0 where nobody has looked yet. Where sizes are listed it
    is the first that holds the picture, else the largest; where only presets are open, the one with the largest result.
    """
    if access.mode == "open":
        return "_"
    if access.mode == "sizes":
        if access.sizes.widths:
            return f"w={_holding(access.sizes.widths, width)}"
        if access.sizes.alone:
            return f"h={_holding(access.sizes.alone, height)}"
    whole = whole_presets(presets) if access.mode in ("sizes", "presets") else []
    return f"p={whole[0]}" if whole else None


def offered(access: Access, presets: Presets) -> dict[str, Any]:
    """Return the rules as plain values, for a page that shows only what will be answered.

    `widths` and `ratios` count only in `sizes`; no `formats` are all of them; `allow` are the words that need no
    signature; `presets` are those that mean something by themselves, the one with the largest result first.
    """
    return {
        "access": access.mode,
        "widths": list(access.sizes.widths),
        "ratios": [f"{ratio.across:g}:{ratio.down:g}" for ratio in access.sizes.ratios],
        "formats": sorted(access.formats),
        "allow": sorted(access.allow),
        "presets": whole_presets(presets),
    }


def whole_presets(presets: Presets) -> list[str]:
    """Return the presets that mean something by themselves, from the largest result to the smallest, then by name."""
    found = {name: recipe for name in sorted(presets) if (recipe := alone(presets[name])) is not None}
    return sorted(found, key=lambda name: _extent(found[name].resize), reverse=True)


def _holding(listed: tuple[int, ...], side: int) -> int:
    """Return the first listed size that is not smaller than `side`, the last where none is or `side` is unknown."""
    return next((size for size in listed if size >= side > 0), listed[-1])


def _extent(resize: Resize) -> tuple[float, float]:
    """Return how large a result may be: the pixels of its box, then its stated side; without one it is endless."""
    across, down = (side.count if isinstance(side, Pixels) else inf for side in (resize.width, resize.height))
    return across * down, min(across, down)
