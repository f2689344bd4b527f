"""Sizes as arithmetic: what a recipe means for a picture of a given size, without its pixels.

Pure, so that planning, admission and the worker reach the same numbers, and so that the fit rules of the contract
("Delivery") can be tested as a table. All boxes are in pixels; lengths are rounded half up; no side is ever below 1.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, replace
from math import isqrt

from imagemill.engine.limits import Limits
from imagemill.engine.port import Facts
from imagemill.errors import Fault, InvalidRequest
from imagemill.recipe.model import FocalPoint, Gravity, Hinted, Length, Pad, Pixels, Ratio, Recipe, Region
from imagemill.recipe.turning import bounding
from imagemill.recipe.vocabulary import Anchor, Fit

_DEFAULTS = Limits()
_NO_PAD = Pad(top=0, right=0, bottom=0, left=0)

_HALVES = {
    Anchor.NORTH_WEST: (0, 0),
    Anchor.NORTH: (1, 0),
    Anchor.NORTH_EAST: (2, 0),
    Anchor.WEST: (0, 1),
    Anchor.EAST: (2, 1),
    Anchor.SOUTH_WEST: (0, 2),
    Anchor.SOUTH: (1, 2),
    Anchor.SOUTH_EAST: (2, 2),
}


@dataclass(frozen=True, slots=True)
class Size:
    """Width and height in pixels."""

    width: int
    height: int

    @property
    def pixels(self) -> int:
        """The area."""
        return self.width * self.height


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle in pixels, from its top left corner."""

    left: int
    top: int
    width: int
    height: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """Everything that is known about a variant's shape before a pixel is read.

    `region` of the upright page is read and scaled to `scaled`; of that a window of size `window` is kept (equal to
    `scaled` unless the fit is `cover`), placed by `gravity` (ATTENTION and ENTROPY look at the pixels); the window,
    turned clockwise by `angle` degrees, stands at `x`, `y` on a canvas of `width` × `height`, which is the result.
    """

    region: Box
    scaled: Size
    window: Size
    gravity: Gravity
    width: int
    height: int
    x: int = 0
    y: int = 0
    angle: float = 0

    @property
    def turned(self) -> Size:
        """The size of the window after it was turned: what stands on the canvas."""
        return turned_by(self.window, self.angle)

    @property
    def canvas(self) -> bool:
        """Whether there is room around the picture that a background must fill."""
        return Size(self.width, self.height) != self.turned


def turned_by(size: Size, degrees: float) -> Size:
    """The box around a picture of `size` that was turned by `degrees`."""
    return Size(*bounding(size.width, size.height, degrees))


def lay_out(
    facts: Facts,
    recipe: Recipe,
    *,
    limits: Limits = _DEFAULTS,
    focal: FocalPoint | None = None,
    trimmed: Box | None = None,
) -> Layout:
    """Work out the shape of the variant that `recipe` makes of a picture of `facts`.

    `focal` is the original's stored focal point, used where the recipe names no gravity; `trimmed` is what trimming
    left of the page (found by looking; absent, the whole page counts). What is drawn (SVG) may always be larger than
    its nominal size. Raises InvalidRequest where a crop lies outside the picture or a stated size is over the limits of
    a result. A size nobody stated is fitted inside them instead.
    """
    if facts.drawn:  # it has no size at which it would become coarse
        recipe = replace(recipe, resize=replace(recipe.resize, enlarge=True))
    page = trimmed or Box(0, 0, facts.width, facts.height)
    region = _cropped(page, recipe.crop)
    gravity = _gravity(recipe, focal, facts, region)
    box = _box(recipe, region)
    shape = _shapes(recipe, region, box, limits)
    canvas = turned_by(shape.canvas, recipe.rotate)
    layout = Layout(
        region=region,
        scaled=shape.scaled,
        window=shape.window,
        gravity=gravity,
        width=canvas.width,
        height=canvas.height,
        angle=recipe.rotate,
    )
    layout = _cut_before_enlarging(layout, limits)
    return _placed(layout, recipe, limits)


def window_box(layout: Layout) -> Box:
    """Where the window stands in the scaled picture, for every gravity that needs no pixels (others: the centre)."""
    return _inner(layout.scaled, layout.window, layout.gravity)


def halves_of(anchor: Anchor) -> tuple[int, int]:
    """Of the room that is left, how many halves lie to the left and above; what looks at pixels is in the middle."""
    return _HALVES.get(anchor, (1, 1))


def _half_up(value: int, times: int, by: int) -> int:
    """`value` × `times` / `by`, rounded half up, at least 1."""
    return max(1, (2 * value * times + by) // (2 * by))


def _pixels(length: Length, whole: int) -> int:
    """A length in pixels; a share is taken of `whole`."""
    if isinstance(length, Pixels):
        return length.count
    return int(whole * length.share / 100 + 0.5)


def _cropped(page: Box, crop: Region | None) -> Box:
    """The crop rectangle inside the (trimmed) page, cut to what is there."""
    if crop is None:
        return page
    left, top = _pixels(crop.left, page.width), _pixels(crop.top, page.height)
    right = min(page.width, left + max(1, _pixels(crop.width, page.width)))
    bottom = min(page.height, top + max(1, _pixels(crop.height, page.height)))
    if left >= page.width or top >= page.height:
        raise InvalidRequest(
            f"The crop begins outside the picture, which is {page.width}x{page.height} here.",
            code="bad_option",
            faults=(Fault("crop", f"a rectangle inside {page.width}x{page.height}", f"{left}:{top}"),),
        )
    return Box(page.left + left, page.top + top, right - left, bottom - top)


def _gravity(recipe: Recipe, focal: FocalPoint | None, facts: Facts, region: Box) -> Gravity:
    """The recipe's gravity, else the stored focal point, else the centre; points are moved into the region."""
    asked = recipe.resize.gravity if recipe.resize.gravity is not None else focal
    if asked is None:
        return Anchor.CENTER
    if isinstance(asked, Anchor):
        return asked
    across = (asked.x * facts.width - region.left) / region.width
    down = (asked.y * facts.height - region.top) / region.height
    return FocalPoint(min(1.0, max(0.0, across)), min(1.0, max(0.0, down)))


@dataclass(frozen=True, slots=True)
class _Asked:
    """The box a recipe asks, in pixels; `stated` where the caller wrote both sides as pixels."""

    width: int | None
    height: int | None
    stated: bool


def _box(recipe: Recipe, region: Box) -> _Asked:
    """Width and height in pixels, the missing one from the ratio where one is given."""
    asked = recipe.resize
    if isinstance(asked.width, Hinted) or asked.dpr is not None:
        raise InvalidRequest("A width or pixel ratio that waits for a hint was not settled before rendering.")
    width = None if asked.width is None else max(1, _pixels(asked.width, region.width))
    height = None if asked.height is None else max(1, _pixels(asked.height, region.height))
    if asked.ratio is not None:
        width, height = _with_ratio(width, height, asked.ratio, region)
    stated = not any(not isinstance(side, Pixels) for side in (asked.width, asked.height) if side is not None)
    return _Asked(width, height, stated)


def _with_ratio(width: int | None, height: int | None, ratio: Ratio, region: Box) -> tuple[int, int]:
    """Fill in the side that the ratio gives; without any side, the largest box of that shape in the region."""
    if width is not None and height is not None:
        return width, height
    if width is not None:
        return width, max(1, int(width * ratio.down / ratio.across + 0.5))
    if height is not None:
        return max(1, int(height * ratio.across / ratio.down + 0.5)), height
    by_width = max(1, int(region.width * ratio.down / ratio.across + 0.5))
    if by_width <= region.height:
        return region.width, by_width
    return max(1, min(region.width, int(region.height * ratio.across / ratio.down + 0.5))), region.height


@dataclass(frozen=True, slots=True)
class _Shapes:
    """The three sizes a fit decides."""

    scaled: Size
    window: Size
    canvas: Size


def _shapes(recipe: Recipe, region: Box, box: _Asked, limits: Limits) -> _Shapes:
    """How the picture meets the box, by the recipe's fit."""
    enlarge = recipe.resize.enlarge
    source = Size(region.width, region.height)
    fit = Fit.COVER if recipe.resize.ratio is not None else recipe.resize.fit
    if box.width is None or box.height is None:
        scaled = _bounded(_one_sided(source, box, enlarge=enlarge), limits, recipe)
        canvas = scaled if fit is not Fit.CONTAIN else _one_sided_canvas(scaled, box, limits, recipe.rotate)
        return _Shapes(scaled, scaled, canvas)
    target = Size(box.width, box.height)
    target = _bounded(target, limits, recipe) if not box.stated else target
    _check(turned_by(target, recipe.rotate), limits)
    if fit is Fit.COVER:
        window = target if enlarge else _largest_inside(source, target)
        return _Shapes(_around(source, window), window, window)
    if fit is Fit.FILL:
        scaled = target if enlarge else Size(min(target.width, source.width), min(target.height, source.height))
        return _Shapes(scaled, scaled, scaled)
    if fit is Fit.OUTSIDE:
        scaled = _bounded(_not_enlarged(source, _around(source, target), enlarge=enlarge), limits, recipe)
        return _Shapes(scaled, scaled, scaled)
    scaled = _not_enlarged(source, _within(source, target), enlarge=enlarge)
    return _Shapes(scaled, scaled, target if fit is Fit.CONTAIN else scaled)


def _one_sided(source: Size, box: _Asked, *, enlarge: bool) -> Size:
    """The picture with one side given, or none."""
    if box.width is not None:
        scaled = Size(box.width, _half_up(source.height, box.width, source.width))
    elif box.height is not None:
        scaled = Size(_half_up(source.width, box.height, source.height), box.height)
    else:
        return source
    return _not_enlarged(source, scaled, enlarge=enlarge)


def _one_sided_canvas(scaled: Size, box: _Asked, limits: Limits, rotate: float) -> Size:
    """`contain` with one side keeps that side as canvas where the picture is not enlarged to it, within the limits."""
    canvas = Size(max(scaled.width, box.width or 1), max(scaled.height, box.height or 1))
    return scaled if _is_too_large(turned_by(canvas, rotate), limits) else canvas


def _not_enlarged(source: Size, scaled: Size, *, enlarge: bool) -> Size:
    """`scaled`, or the picture as it is where that would enlarge it."""
    if not enlarge and (scaled.width > source.width or scaled.height > source.height):
        return source
    return scaled


def _within(source: Size, box: Size) -> Size:
    """The largest size of the picture's shape inside `box`; the side that decides is exact."""
    if box.width * source.height <= box.height * source.width:
        return Size(box.width, min(box.height, _half_up(source.height, box.width, source.width)))
    return Size(min(box.width, _half_up(source.width, box.height, source.height)), box.height)


def _around(source: Size, box: Size) -> Size:
    """The smallest size of the picture's shape that covers `box`; the side that decides is exact."""
    if box.width * source.height >= box.height * source.width:
        return Size(box.width, max(box.height, _half_up(source.height, box.width, source.width)))
    return Size(max(box.width, _half_up(source.width, box.height, source.height)), box.height)


def _largest_inside(source: Size, box: Size) -> Size:
    """`box`, or the largest box of its shape that the picture fills without being enlarged."""
    if box.width <= source.width and box.height <= source.height:
        return box
    return _within(box, source)


def _is_too_large(size: Size, limits: Limits) -> bool:
    """Whether a result of `size` is over the limits (A2)."""
    return max(size.width, size.height) > limits.side_result or size.pixels > limits.pixels_result


def _check(size: Size, limits: Limits) -> None:
    """Refuse a size that was stated and is over the limits of a result."""
    if _is_too_large(size, limits):
        raise InvalidRequest(
            f"The result would be {size.width}x{size.height}; at most {limits.side_result} a side and "
            f"{limits.pixels_result / 1e6:g} megapixels are made.",
            code="too_big",
            faults=(Fault("size", f"at most {limits.side_result} a side", f"{size.width}x{size.height}"),),
        )


def _bounded(size: Size, limits: Limits, recipe: Recipe) -> Size:
    """A size nobody stated, made smaller until it is within the limits of a result, turned and padded as it will be."""
    longer = max(size.width, size.height)
    if longer > limits.side_result and recipe.rotate == 0:
        size = Size(_half_up(size.width, limits.side_result, longer), _half_up(size.height, limits.side_result, longer))
    if size.pixels > limits.pixels_result:
        width = max(1, isqrt(limits.pixels_result * size.width // size.height))
        size = Size(width, max(1, min(limits.pixels_result // width, _half_up(size.height, width, size.width))))
    if recipe.pad is None and recipe.rotate == 0:
        return size
    return _bounded_with(recipe.pad or _NO_PAD, recipe.rotate, size, limits)


def _bounded_with(pad: Pad, rotate: float, size: Size, limits: Limits) -> Size:
    """The largest size of this shape that, turned, has room for `pad` around it.

    It is `size` where the padding alone is too much.
    """
    across, down = pad.left + pad.right, pad.top + pad.bottom
    longer = max(size.width, size.height)

    def sized(side: int) -> Size:
        return Size(_half_up(size.width, side, longer), _half_up(size.height, side, longer))

    def is_too_large(side: int) -> bool:
        turned = turned_by(sized(side), rotate)
        return _is_too_large(Size(turned.width + across, turned.height + down), limits)

    side = bisect_left(range(1, longer + 1), True, key=is_too_large)
    return sized(side) if side else size


def _cut_before_enlarging(layout: Layout, limits: Limits) -> Layout:
    """Cut the window out of the original where the scaled picture would be absurd.

    Covering 4000×1 from a strip of 1×5000 would scale to 4000×20 000 000 first. The cut is to whole original pixels,
    each of which is then many result pixels wide.
    """
    scaled = layout.scaled
    if scaled.pixels <= 4 * limits.pixels_result and max(scaled.width, scaled.height) <= 8 * limits.side_result:
        return layout
    if layout.window == scaled:
        return layout
    source = Size(layout.region.width, layout.region.height)
    part = _within(layout.window, source)
    cut = _inner(source, part, layout.gravity)
    region = Box(layout.region.left + cut.left, layout.region.top + cut.top, cut.width, cut.height)
    return replace(layout, region=region, scaled=layout.window, gravity=Anchor.CENTER)


def _inner(outer: Size, inner: Size, gravity: Gravity) -> Box:
    """The place of `inner` in `outer`: an anchor's side, or as near to a focal point as the edges allow."""
    room_x, room_y = outer.width - inner.width, outer.height - inner.height
    if isinstance(gravity, FocalPoint):
        left = int(gravity.x * outer.width - inner.width / 2 + 0.5)
        top = int(gravity.y * outer.height - inner.height / 2 + 0.5)
        return Box(min(room_x, max(0, left)), min(room_y, max(0, top)), inner.width, inner.height)
    across, down = halves_of(gravity)
    return Box(room_x * across // 2, room_y * down // 2, inner.width, inner.height)


def _placed(layout: Layout, recipe: Recipe, limits: Limits) -> Layout:
    """Stand the window on its canvas and add the padding around it.

    A gravity that looks for something to keep (attention, a focal point) says nothing about where to stand: centre.
    """
    anchor = layout.gravity if isinstance(layout.gravity, Anchor) else Anchor.CENTER
    place = _inner(Size(layout.width, layout.height), layout.turned, anchor)
    if recipe.pad is None:
        return replace(layout, x=place.left, y=place.top)
    pad = recipe.pad
    size = Size(layout.width + pad.left + pad.right, layout.height + pad.top + pad.bottom)
    _check(size, limits)
    return replace(layout, width=size.width, height=size.height, x=place.left + pad.left, y=place.top + pad.top)
