"""The size of an SVG in CSS pixels, from the attributes of its root element (SVG 2 section 8, CSS Images 3 section 5).

As a browser sizes it in an `<img>`: width and height; where one is missing, the view box gives the ratio; where there
is nothing, 300 by 150. Numbers that are none (NaN, 1e999, negative) count as missing, as SVG says of wrong attributes.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass

_UNITS = {
    "": 1.0,
    "px": 1.0,
    "in": 96.0,
    "cm": 96 / 2.54,
    "mm": 96 / 25.4,
    "q": 96 / 101.6,
    "pt": 96 / 72,
    "pc": 16.0,
    "em": 16.0,
    "rem": 16.0,
    "ex": 8.0,
}
_NUMBER = r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:e[+-]?\d+)?"
_LENGTH = re.compile(rf"({_NUMBER})([a-z]*)", re.IGNORECASE)
_SEPARATOR = re.compile(r"[\s,]+")
_LONGEST = 64  # characters of a number that is read

_DEFAULT = (300.0, 150.0)
_USER_SIDE = 8192.0
"""A view box alone speaks in its own units, not in pixels; a larger one is scaled to this side."""


@dataclass(frozen=True, slots=True)
class Nominal:
    """Width and height in CSS pixels, and the view box (left, top, width, height) that is shown in them."""

    width: float
    height: float
    view_box: tuple[float, float, float, float]


def nominal_size(attributes: Mapping[str, str]) -> Nominal:
    """Return the size that the root element's `attributes` give."""
    width, height = _length(attributes.get("width")), _length(attributes.get("height"))
    shown = _view_box(attributes.get("viewBox"))
    if width is None or height is None:
        width, height = _completed(width, height, shown)
    return Nominal(width, height, shown or (0.0, 0.0, width, height))


def _completed(
    width: float | None, height: float | None, shown: tuple[float, float, float, float] | None
) -> tuple[float, float]:
    """Both sides where at most one is given."""
    if shown is None:
        return (_DEFAULT[0] if width is None else width), (_DEFAULT[1] if height is None else height)
    across, down = shown[2], shown[3]
    if width is not None:
        return width, width * down / across
    if height is not None:
        return height * across / down, height
    reduce = min(1.0, _USER_SIDE / max(across, down))
    return across * reduce, down * reduce


def _length(text: str | None) -> float | None:
    """A length in pixels; None for none, a share of what is unknown, zero, or no number."""
    found = _LENGTH.fullmatch(text.strip()) if text is not None and len(text) <= _LONGEST else None
    if found is None or found[2].lower() not in _UNITS:
        return None
    value = float(found[1]) * _UNITS[found[2].lower()]
    return value if math.isfinite(value) and value > 0 else None


def _view_box(text: str | None) -> tuple[float, float, float, float] | None:
    """Four finite numbers, the last two above zero; None where they are not."""
    parts = _SEPARATOR.split(text.strip()) if text is not None and len(text) <= 4 * _LONGEST else []
    if len(parts) != 4 or not all(re.fullmatch(_NUMBER, part, re.IGNORECASE) for part in parts):
        return None
    left, top, width, height = (float(part) for part in parts)
    if not all(math.isfinite(value) for value in (left, top, width, height)) or width <= 0 or height <= 0:
        return None
    return left, top, width, height
