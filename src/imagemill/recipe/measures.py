"""How lengths, shapes and places are spelled: sizes, ratios, gravities, regions, and CSS's four sides.

Separate from `spelling`, whose numbers and words these are made of.
"""

from __future__ import annotations

import math

from imagemill.recipe.model import (
    FocalPoint,
    Gravity,
    Hinted,
    Length,
    Pad,
    Percent,
    Pixels,
    Radius,
    Ratio,
    Redaction,
    Region,
)
from imagemill.recipe.spelling import Reader, decimal, one_of, thousandths, whole, write_number
from imagemill.recipe.vocabulary import Anchor, Obscure

MAX_SIDE = 8192
"""Pixels of a stated side (threats A2)."""
MAX_COORDINATE = 65_535
"""Pixels of a coordinate in an original: no format we read is larger on a side."""
MAX_AREAS = 32
"""Areas of one redaction; each costs a pass over its pixels (threats A3)."""

percent = decimal(0.1, 1000)
"""A reader of the number before a `p`."""


def read_share(text: str) -> float:
    """Return the number of a percent size such as `50p` (0.1…1000)."""
    if not text.endswith("p"):
        raise ValueError(text)
    return percent(text[:-1])


_side = whole(1, MAX_SIDE)


def read_size(text: str) -> Length:
    """Return a height (or width): pixels 1…8192 or `50p`."""
    return Percent(read_share(text)) if text.endswith("p") else Pixels(_side(text))


def read_width(text: str) -> Length | Hinted:
    """Return a width: as `read_size`, or `auto`."""
    return Hinted() if text == "auto" else read_size(text)


def write_length(length: Length | Hinted) -> str:
    """Return `300`, `50p` or `auto`."""
    if isinstance(length, Pixels):
        return str(length.count)
    return "auto" if isinstance(length, Hinted) else f"{write_number(length.share)}p"


_dpr = decimal(0.1, 5)


_shift = whole(-MAX_SIDE, MAX_SIDE)
_shift_share = decimal(-100, 100)


def read_offset(text: str) -> int | Percent:
    """Return an offset of a layer: pixels -8192…8192, or `20p` of the result's side (-100p…100p)."""
    return Percent(_shift_share(text[:-1])) if text.endswith("p") else _shift(text)


def write_offset(offset: int | Percent) -> str:
    """Return `16` or `20p`; nothing for none."""
    if isinstance(offset, Percent):
        return f"{write_number(offset.share)}p" if offset.share else ""
    return str(offset) if offset else ""


def read_dpr(text: str) -> float | Hinted:
    """Return 0.1…5 or `auto`."""
    return Hinted() if text == "auto" else _dpr(text)


MAX_RATIO_TERM = 10_000_000


def read_ratio(text: str) -> Ratio:
    """Return `16:9` or `1.91:1` in lowest whole terms; the shape must lie between 1:100 and 100:1."""
    across, colon, down = text.partition(":")
    ratio = reduced(thousandths(across), thousandths(down)) if colon else None
    if ratio is None or max(ratio.across, ratio.down) > MAX_RATIO_TERM:
        raise ValueError(text)
    if not 0.01 <= ratio.across / ratio.down <= 100:
        raise ValueError(text)
    return ratio


def reduced(across: int, down: int) -> Ratio | None:
    """Return the ratio in lowest whole terms, None where a term is not positive."""
    if across < 1 or down < 1:
        return None
    divisor = math.gcd(across, down)
    return Ratio(across // divisor, down // divisor)


_ANCHORS = {anchor.value: anchor for anchor in Anchor} | {
    "centre": Anchor.CENTER,
    "top": Anchor.NORTH,
    "north": Anchor.NORTH,
    "right": Anchor.EAST,
    "east": Anchor.EAST,
    "bottom": Anchor.SOUTH,
    "south": Anchor.SOUTH,
    "left": Anchor.WEST,
    "west": Anchor.WEST,
    "top-right": Anchor.NORTH_EAST,
    "bottom-right": Anchor.SOUTH_EAST,
    "bottom-left": Anchor.SOUTH_WEST,
    "top-left": Anchor.NORTH_WEST,
    "auto": Anchor.ATTENTION,
    "smart": Anchor.ATTENTION,
    "face": Anchor.FACES,
}
SEARCHING = frozenset({Anchor.ATTENTION, Anchor.ENTROPY, Anchor.FACES})
"""Gravities that look at the picture; the other nine are places."""
read_place: Reader[Anchor] = one_of({word: anchor for word, anchor in _ANCHORS.items() if anchor not in SEARCHING})
_share_of_one = decimal(0, 1)


def read_gravity(text: str) -> Gravity:
    """Return a place, a searching gravity or `fp:X:Y`."""
    if text.startswith("fp:"):
        x, _, y = text[3:].partition(":")
        return FocalPoint(_share_of_one(x), _share_of_one(y))
    try:
        return _ANCHORS[text]
    except KeyError:
        raise ValueError(text) from None


def write_gravity(gravity: Gravity) -> str:
    """Return the short word, or `fp:X:Y`."""
    if isinstance(gravity, FocalPoint):
        return f"fp:{write_number(gravity.x)}:{write_number(gravity.y)}"
    return gravity.value


_offset = whole(0, MAX_COORDINATE)
_extent = whole(1, MAX_COORDINATE)
_offset_share = decimal(0, 99.999)
_extent_share = decimal(0.001, 100)


def _within(text: str, pixels: Reader[int], share: Reader[float]) -> Length:
    return Percent(share(text[:-1])) if text.endswith("p") else Pixels(pixels(text))


def read_region(text: str) -> Region:
    """Return `X:Y:W:H`, each in pixels or percent of the upright original."""
    left, top, width, height = text.split(":")
    return Region(
        left=_within(left, _offset, _offset_share),
        top=_within(top, _offset, _offset_share),
        width=_within(width, _extent, _extent_share),
        height=_within(height, _extent, _extent_share),
    )


def write_region(region: Region) -> str:
    """Return `X:Y:W:H`."""
    return ":".join(write_length(length) for length in (region.left, region.top, region.width, region.height))


def shorthand(sides: tuple[int, int, int, int]) -> str:
    """Return four numbers as CSS shortens them: opposite ones that are equal are said once."""
    first, second, third, fourth = sides
    if second != fourth:
        return f"{first}:{second}:{third}:{fourth}"
    if first != third:
        return f"{first}:{second}:{third}"
    return str(first) if first == second else f"{first}:{second}"


def _four(text: str) -> tuple[int, int, int, int]:
    numbers = [_room(part) for part in text.split(":")]
    if len(numbers) > 4:
        raise ValueError(text)
    first = numbers[0]
    second = numbers[1] if len(numbers) > 1 else first
    third = numbers[2] if len(numbers) > 2 else first
    return first, second, third, numbers[3] if len(numbers) > 3 else second


_room = whole(0, MAX_SIDE)


def read_pad(text: str) -> Pad:
    """Return one to four numbers of pixels 0…8192 in CSS's order: top, right, bottom, left."""
    top, right, bottom, left = _four(text)
    return Pad(top=top, right=right, bottom=bottom, left=left)


def write_pad(pad: Pad) -> str:
    """Return the shortest CSS shorthand."""
    return shorthand((pad.top, pad.right, pad.bottom, pad.left))


def read_radius(text: str) -> Radius:
    """Return `max`, or one to four numbers of pixels 0…8192 in CSS's order from the top left."""
    return Radius(None) if text == "max" else Radius(_four(text))


def write_radius(radius: Radius) -> str:
    """Return the shortest CSS shorthand, or `max`."""
    return "max" if radius.corners is None else shorthand(radius.corners)


_OBSCURE = {how.value: how for how in Obscure}


def read_redaction(text: str) -> Redaction:
    """Return `blur:X:Y:W:H[:X:Y:W:H…]` with at most 32 areas, or `blur:faces`; `pixelate` likewise."""
    word, _, rest = text.partition(":")
    how = _OBSCURE.get(word)
    if how is None:
        raise ValueError(text)
    if rest == "faces":
        return Redaction(how=how, faces=True)
    parts = rest.split(":")
    if len(parts) % 4 or len(parts) > 4 * MAX_AREAS:
        raise ValueError(text)
    areas = tuple(read_region(":".join(parts[start : start + 4])) for start in range(0, len(parts), 4))
    return Redaction(how=how, areas=areas)


def write_redaction(redaction: Redaction) -> str:
    """Return what `read_redaction` takes."""
    areas = "faces" if redaction.faces else ":".join(write_region(area) for area in redaction.areas)
    return f"{redaction.how.value}:{areas}"
