"""Boxes between the stored picture and the upright one, for the eight values of EXIF orientation (CIPA DC-008 4.6.5).

Separate because cropping and scaling happen in stored pixels, so that a large picture is never turned: only the small
result is. Pure arithmetic; `steps.orient` turns the pixels.
"""

from __future__ import annotations

from imagemill.engine.geometry import Box, Size
from imagemill.engine.port import Facts

_INVERSE = {6: 8, 8: 6}  # the others undo themselves


def is_sideways(orientation: int) -> bool:
    """Whether width and height change places."""
    return orientation >= 5


def turned(size: Size, orientation: int) -> Size:
    """An upright size as stored, or a stored one as upright."""
    return Size(size.height, size.width) if is_sideways(orientation) else size


def stored_size(facts: Facts) -> Size:
    """One page as its file stores it."""
    return turned(Size(facts.width, facts.height), facts.orientation)


def stored_box(box: Box, facts: Facts) -> Box:
    """Where a box of the upright page lies in the stored one."""
    return _moved(box, Size(facts.width, facts.height), facts.orientation)


def upright_box(box: Box, facts: Facts) -> Box:
    """Where a box of the stored page lies in the upright one."""
    inverse = _INVERSE.get(facts.orientation, facts.orientation)
    return _moved(box, stored_size(facts), inverse)


def _moved(box: Box, size: Size, orientation: int) -> Box:
    """Undo `orientation` for a box of a page of `size`."""
    from_right = size.width - box.left - box.width
    from_bottom = size.height - box.top - box.height
    left, top = {
        1: (box.left, box.top),
        2: (from_right, box.top),
        3: (from_right, from_bottom),
        4: (box.left, from_bottom),
        5: (box.top, box.left),
        6: (box.top, from_right),
        7: (from_bottom, from_right),
        8: (from_bottom, box.left),
    }[orientation]
    if is_sideways(orientation):
        return Box(left, top, box.height, box.width)
    return Box(left, top, box.width, box.height)
