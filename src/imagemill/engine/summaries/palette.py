"""The colours of a picture: their mean, and the few that stand for all, as an eye would group them.

k-means in Oklab (Ottosson 2020), where distance is what one sees, over cells of 4 bits a channel. It begins with the
most frequent cell and goes on with the one that is farthest from those chosen and frequent, so nothing is left to
chance and equal pictures have equal palettes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from imagemill.engine.summaries.pixels import Pixels

COLOURS = 5

_ROUNDS = 8
_VISIBLE = 26
"""Alpha from which a pixel counts as seen: a tenth."""
_APART = 0.02
"""Oklab distance below which two colours are one to the eye (a just noticeable difference is about 0.02)."""

Oklab = tuple[float, float, float]


@dataclass(slots=True)
class _Cell:
    """Pixels of nearly one colour: how much there is of it, its mean, and that in Oklab."""

    weight: float
    mean: tuple[float, float, float]
    lab: Oklab


def average(pixels: Pixels) -> str:
    """Return the mean of the sRGB codes, weighed by alpha, as `#rrggbb`; white where nothing is visible."""
    weight, *sums = _weighed(pixels)
    if not weight:
        return "#ffffff"
    return _hex([value / weight for value in sums])


def palette(pixels: Pixels, most: int = COLOURS) -> list[tuple[str, float]]:
    """Return at most `most` colours (`#rrggbb`) with the share of the visible picture nearest to each (0…1).

    The most frequent comes first; a picture of few colours gives few. A colour is the mean of its group.
    """
    cells = _cells(pixels)
    if not cells:
        return [("#ffffff", 1.0)]
    centres = _first_centres(cells, most)
    groups: list[list[_Cell]] = []
    for _ in range(_ROUNDS):
        groups = [group for group in _grouped(cells, centres) if group]
        moved = [_mean([cell.lab for cell in group], [cell.weight for cell in group]) for group in groups]
        if moved == centres:
            break
        centres = moved
    whole = sum(cell.weight for cell in cells)
    found = []
    for group in groups:
        weights = [cell.weight for cell in group]
        found.append((_hex(_mean([cell.mean for cell in group], weights)), round(sum(weights) / whole, 4)))
    return sorted(found, key=lambda one: (-one[1], one[0]))


def _weighed(pixels: Pixels) -> tuple[float, float, float, float]:
    """Return the sums of alpha, and of red, green and blue times alpha."""
    weight = red = green = blue = 0
    for rows in zip(pixels.red, pixels.green, pixels.blue, pixels.alpha, strict=True):
        for r, g, b, a in zip(*rows, strict=True):
            weight += a
            red += r * a
            green += g * a
            blue += b * a
    return weight, red, green, blue


def _cells(pixels: Pixels) -> list[_Cell]:
    """Gather visible pixels into cells of 16 codes a channel."""
    sums: dict[int, list[int]] = {}
    for rows in zip(pixels.red, pixels.green, pixels.blue, pixels.alpha, strict=True):
        for r, g, b, a in zip(*rows, strict=True):
            if a < _VISIBLE:
                continue
            name = (r & 0xF0) << 4 | g & 0xF0 | b >> 4
            cell = sums.get(name)
            if cell is None:
                sums[name] = [a, r * a, g * a, b * a]
            else:
                cell[0] += a
                cell[1] += r * a
                cell[2] += g * a
                cell[3] += b * a
    cells = []
    for _, (weight, red, green, blue) in sorted(sums.items()):
        mean = (red / weight, green / weight, blue / weight)
        cells.append(_Cell(weight, mean, _oklab(mean)))
    return cells


def _first_centres(cells: list[_Cell], most: int) -> list[Oklab]:
    """Choose centres that are frequent and far apart; fewer where no more can be told apart."""
    centres = [max(cells, key=lambda cell: cell.weight).lab]
    nearest = [_square(cell.lab, centres[0]) for cell in cells]
    while len(centres) < most:
        best = max(range(len(cells)), key=lambda at: cells[at].weight * nearest[at])
        if nearest[best] < _APART**2:
            break
        centres.append(cells[best].lab)
        nearest = [min(near, _square(cell.lab, centres[-1])) for near, cell in zip(nearest, cells, strict=True)]
    return centres


def _grouped(cells: list[_Cell], centres: list[Oklab]) -> list[list[_Cell]]:
    groups: list[list[_Cell]] = [[] for _ in centres]
    for cell in cells:
        distances = [_square(cell.lab, centre) for centre in centres]
        groups[distances.index(min(distances))].append(cell)
    return groups


def _mean(points: Sequence[tuple[float, float, float]], weights: Sequence[float]) -> tuple[float, float, float]:
    whole = sum(weights)
    x, y, z = (sum(point[axis] * weight for point, weight in zip(points, weights, strict=True)) for axis in range(3))
    return x / whole, y / whole, z / whole


def _square(one: Oklab, other: Oklab) -> float:
    return (one[0] - other[0]) ** 2 + (one[1] - other[1]) ** 2 + (one[2] - other[2]) ** 2


def _oklab(rgb: Sequence[float]) -> Oklab:
    """Return sRGB codes in Oklab (bottosson.github.io/posts/oklab)."""
    r, g, b = (
        value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in (c / 255 for c in rgb)
    )
    long = (0.4122214708 * r + 0.5363325363 * g + 0.0514459929 * b) ** (1 / 3)
    middle = (0.2119034982 * r + 0.6806995451 * g + 0.1073969566 * b) ** (1 / 3)
    short = (0.0883024619 * r + 0.2817188376 * g + 0.6299787005 * b) ** (1 / 3)
    return (
        0.2104542553 * long + 0.7936177850 * middle - 0.0040720468 * short,
        1.9779984951 * long - 2.4285922050 * middle + 0.4505937099 * short,
        0.0259040371 * long + 0.7827717662 * middle - 0.8086757660 * short,
    )


def _hex(rgb: Sequence[float]) -> str:
    return "#" + "".join(f"{max(0, min(255, int(value + 0.5))):02x}" for value in rgb)
