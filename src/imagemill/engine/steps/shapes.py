"""The shapes of `mask` as pictures of their own: how much of each pixel lies inside, smooth at the edge.

A shape is the largest of its proportions that fits into the picture, in its middle. It is drawn from the signed
distance of each pixel's centre to the edge, in pixels, negative inside: no polygon is filled, and a straight edge is
exact. They are weserv's shapes (peers.md section 2e); its star is a pentagram, and the heart here is a square on its
corner with two half circles.
"""

from __future__ import annotations

from math import cos, hypot, pi, sin, sqrt

from imagemill.engine.libvips import Image, pyvips
from imagemill.recipe.vocabulary import Mask

_CORNERS = {
    Mask.TRIANGLE: 3,
    Mask.TRIANGLE_DOWN: 3,
    Mask.PENTAGON: 5,
    Mask.PENTAGON_DOWN: 5,
    Mask.HEXAGON: 6,
    Mask.SQUARE: 4,
    Mask.STAR: 5,
}
_HEADLONG = frozenset((Mask.TRIANGLE_DOWN, Mask.PENTAGON_DOWN))

_LOBE = sqrt(2) / 4
"""Radius of the heart's half circles where the square's diagonal is 1; they stand a quarter beside its middle."""

Point = tuple[float, float]


def shaped(mask: Mask, width: int, height: int) -> Image:
    """Return the shape in a picture of `width` × `height`: one band, 0 outside to 255 inside."""
    if mask in (Mask.CIRCLE, Mask.ELLIPSE):
        return _ellipse(width, height, circle=mask is Mask.CIRCLE)
    if mask is Mask.HEART:
        return _heart(width, height)
    corners = _fitted(_around(_CORNERS[mask], down=mask in _HEADLONG), width, height)
    return _polygon(corners, width, height, star=mask is Mask.STAR)


def covered(distance: Image) -> Image:
    """Return how much of each pixel lies inside, 0…255, from the signed distance of its centre to the edge."""
    return distance.linear(-255, 127.5 + 0.5).cast("uchar")


def _around(corners: int, *, down: bool) -> list[Point]:
    """The corners of a regular polygon on the unit circle, one of them at the top (or at the bottom)."""
    first = pi / 2 if down else -pi / 2
    angles = [first + 2 * pi * index / corners for index in range(corners)]
    return [(cos(angle), sin(angle)) for angle in angles]


def _fitted(corners: list[Point], width: int, height: int) -> list[Point]:
    """The same shape scaled until it fits, in the middle of the picture."""
    left, right = min(x for x, _ in corners), max(x for x, _ in corners)
    top, bottom = min(y for _, y in corners), max(y for _, y in corners)
    scale = min(width / (right - left), height / (bottom - top))
    return [
        (width / 2 + (x - (left + right) / 2) * scale, height / 2 + (y - (top + bottom) / 2) * scale)
        for x, y in corners
    ]


def _polygon(corners: list[Point], width: int, height: int, *, star: bool) -> Image:
    """The inside of the lines from corner to corner; of a star, from each to the one after the next.

    A point is inside a convex polygon where it is inside every line, and inside a pentagram where it is outside one of
    the five at most: so the largest distance counts, or the one after it.
    """
    count, stride = len(corners), 2 if star else 1
    centre = (sum(x for x, _ in corners) / count, sum(y for _, y in corners) / count)
    at = _centres(width, height)
    lines = [_line(at, corners[index], corners[(index + stride) % count], centre) for index in range(count)]
    return covered(lines[0].bandrank(lines[1:], index=count - stride))


def _line(at: Image, first: Point, second: Point, inside: Point) -> Image:
    """The distance of each pixel to the line through two points, negative on the side of `inside`."""
    (x, y), (to_x, to_y) = first, second
    length = hypot(to_x - x, to_y - y)
    across, down = (to_y - y) / length, (x - to_x) / length
    if (inside[0] - x) * across + (inside[1] - y) * down > 0:
        across, down = -across, -down
    return at.recomb(pyvips.Image.new_from_array([[across, down]])).linear(1, -(x * across + y * down))


def _heart(width: int, height: int) -> Image:
    """A square on its corner and two half circles on its upper sides, as one."""
    scale = min(width / (2 * (0.25 + _LOBE)), height / (0.75 + _LOBE))
    at = _centres(width, height)
    beside = (at[0] - width / 2).abs() / scale
    above = (height / 2 - at[1]) / scale + (0.75 + _LOBE) / 2  # from the tip upwards
    square = (beside + (above - 0.5).abs() - 0.5) / sqrt(2)
    lobe = ((beside - 0.25) ** 2 + (above - 0.75) ** 2) ** 0.5 - _LOBE
    return covered(square.bandrank([lobe], index=0) * scale)


def _ellipse(width: int, height: int, *, circle: bool) -> Image:
    """The ellipse that fills the picture, or the largest circle in its middle.

    The distance to an ellipse has no closed form; f·(f-1)/|∇f| for f² = (x/a)² + (y/b)² is right at the edge, which is
    where the smoothing happens.
    """
    half_x, half_y = width / 2, height / 2
    if circle:
        half_x = half_y = min(half_x, half_y)
    at = pyvips.Image.xyz(width, height)
    x, y = at[0] - (width - 1) / 2, at[1] - (height - 1) / 2
    f = ((x / half_x) ** 2 + (y / half_y) ** 2) ** 0.5
    slope = ((x / half_x**2) ** 2 + (y / half_y**2) ** 2) ** 0.5
    return covered((f - 1) * f / (slope + 1e-9))


def _centres(width: int, height: int) -> Image:
    """Two bands: how far the middle of each pixel lies from the left and from the top."""
    return pyvips.Image.xyz(width, height).linear(1, 0.5)
