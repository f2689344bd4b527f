"""Make areas unreadable for good: what is left of each is at most 16 mean colours, of 16 levels a band.

Blurring or pixelating by a fixed number can be undone where letters are large against it: known texts are blurred in
the same way until one fits. So the strength follows the area: whatever its size, its longer side becomes four cells. A
cell's colour is the mean of its pixels, in steps of 1/15 of the range, which swallows the last trace of thin strokes.
`pixelate` shows the cells as they are, `blur` goes smoothly from one to the next; both know the same.

Nothing leaks around it: the areas come out opaque, and colours that transparent pixels hide are gone with the rest;
pixels beyond the edge that scaling mixed with it count as inside (`areas`); before anything spreads pixels (blur,
sharpen, pixelate) or measures them (normalize), the areas are redacted once already; in an animation all frames show
the first one's cells, as what moves behind a fixed grid can be put together again.
"""

from __future__ import annotations

from imagemill.engine.areas import REACH, areas_in, turned_box
from imagemill.engine.geometry import Box, Size, window_box
from imagemill.engine.libvips import Image, pyvips
from imagemill.engine.steps.channels import enlarged, joined, parted, stored, top
from imagemill.engine.steps.rotate import quarter_turned, resampled
from imagemill.engine.work import Work
from imagemill.recipe.vocabulary import Obscure

CELLS = 4
"""Cells along the longer side of an area."""

LEAST_CELL = 8
"""Pixels of a cell's side at least: a small area has fewer cells, a tiny one is one colour."""

LEVELS = 16
"""Levels of each band that a cell may have."""


def hide(image: Image, work: Work) -> Image:
    """Redact before something spreads pixels or measures them; the areas are redacted again at their own place."""
    recipe = work.job.recipe
    spreads = recipe.blur is not None or recipe.sharpen is not None or recipe.pixelate is not None
    return _covered(image, work, None) if spreads or recipe.adjust.normalize else image


def redact(image: Image, work: Work) -> Image:
    """Cover the areas of the recipe, with the cells that were settled where there are any."""
    return _covered(image, work, work.patches)


def patches_of(image: Image, work: Work) -> tuple[Image, ...]:
    """The cells that cover the areas, from the picture at the place of `redact`; the image must be in memory."""
    boxes = _boxes(work)
    if boxes and image.hasalpha():
        image = stored(image.premultiply(), image.format).copy_memory()
    return tuple(_cells(image, box, work) for box in boxes)


def _covered(image: Image, work: Work, patches: tuple[Image, ...] | None) -> Image:
    """The picture with all its areas covered."""
    boxes = _boxes(work)
    if not boxes:
        return image
    if patches is None:
        image = image.copy_memory()
        patches = patches_of(image, work)
    cover = _cover(boxes, patches, work)
    last = cover.bands - 1
    return cover[last].ifthenelse(cover if image.hasalpha() else cover.extract_band(0, n=last), image)


def _boxes(work: Work) -> list[Box]:
    """Where the areas of the recipe lie in the window, before it is turned."""
    redaction = work.job.recipe.redact
    if redaction is None:
        return []
    return areas_in(
        redaction.areas,
        work.job.facts,
        work.layout,
        window=work.window or window_box(work.layout),
        shrink=work.shrink,
        flip=work.job.recipe.flip,
    )


def _cell(box: Box) -> Size:
    """The size of a box's cells, as nearly square as whole numbers of them allow; none is left over thin."""
    side = max(LEAST_CELL, max(box.width, box.height) / CELLS)
    across, down = max(1, round(box.width / side)), max(1, round(box.height / side))
    return Size(-(-box.width // across), -(-box.height // down))


def _cells(image: Image, box: Box, work: Work) -> Image:
    """One opaque pixel for each cell of a box of the window, in the depth of the picture; those at its end are smaller.

    They are seen where they have been turned to.
    """
    cell, depth, full = _cell(box), image.format, top(image)
    right, bottom = box.left + box.width, box.top + box.height
    seen = [
        turned_box(Box(left, upper, min(cell.width, right - left), min(cell.height, bottom - upper)), work.layout)
        for upper in range(box.top, bottom, cell.height)
        for left in range(box.left, right, cell.width)
    ]
    means = [image.crop(at.left, at.top, at.width, at.height).shrink(at.width, at.height) for at in seen]
    cells = pyvips.Image.arrayjoin(means, across=-(-box.width // cell.width)).copy(interpretation=image.interpretation)
    if image.hasalpha():
        cells = parted(cells.unpremultiply())[0]
    step = full / (LEVELS - 1)
    cells = stored((cells / step + 0.5).cast("uchar") * step, depth)
    return joined(cells, (cells[0] * 0 + full).cast(depth)).copy_memory()


def _cover(boxes: list[Box], patches: tuple[Image, ...], work: Work) -> Image:
    """All patches on clear ground, turned as the picture was."""
    layout, how = work.layout, work.job.recipe.redact
    aslant = layout.angle % 90 != 0
    room = REACH if aslant else 0
    width, height = layout.window.width + 2 * room, layout.window.height + 2 * room
    cover = pyvips.Image.black(width, height, bands=patches[0].bands).cast(patches[0].format)
    cover = cover.copy(interpretation=patches[0].interpretation)
    for box, cells in zip(boxes, patches, strict=True):
        patch = _enlarged(cells, _cell(box), smooth=how is not None and how.how is Obscure.BLUR)
        patch = patch.crop(0, 0, box.width, box.height)
        cover = cover.insert(patch, box.left + room, box.top + room)
    return resampled(cover, layout, "nearest", "background") if aslant else quarter_turned(cover, layout.angle)


def _enlarged(cells: Image, cell: Size, *, smooth: bool) -> Image:
    """Cells in their size, or with smooth ways from one to the next."""
    if not smooth:
        return cells.zoom(cell.width, cell.height)
    whole = Box(0, 0, cells.width * cell.width, cells.height * cell.height)
    return enlarged(cells, cell.width, cell.height, whole)
