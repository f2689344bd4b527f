"""The size that a HEIF container claims, for AVIF and HEIC alike (ISO/IEC 23008-12 6.5.3, threats D7)."""

from __future__ import annotations

from imagemill.engine.claims import big, box, boxes, damaged


def largest_extent(view: memoryview, label: str) -> tuple[int, int]:
    """Return the largest extent that any image property claims; a grid claims its own. `label` is for the sentence.

    Raises Unprocessable (`damaged`) where there is no still picture, no property or a size of zero.
    """
    meta = box(view, 0, len(view), b"meta")
    if meta is None:
        raise damaged(f"the {label} has no still picture (sequences alone are not read)")
    properties = box(view, meta[0] + 4, meta[1], b"iprp")
    container = properties and box(view, properties[0], properties[1], b"ipco")
    if not container:
        raise damaged(f"the {label} names no image properties")
    extents = [
        (big(view, start + 4, 4), big(view, start + 8, 4))
        for kind, start, _ in boxes(view, *container)
        if kind == b"ispe"
    ]
    if not extents or any(width < 1 or height < 1 for width, height in extents):
        raise damaged(f"the {label} gives no size")
    return max(extents, key=lambda extent: extent[0] * extent[1])
