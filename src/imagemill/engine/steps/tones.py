"""Where a picture's tones begin and end: what `normalize` stretches.

Separate from `adjust`, because for an animation it is measured once, on the first frame.
"""

from __future__ import annotations

from itertools import accumulate

from imagemill.engine.libvips import Image
from imagemill.engine.steps.channels import luminance, parted, stored, top

LOWER, UPPER = 0.01, 0.99
"""Shares of the pixels that may be darker than black and darker than white (sharp's `normalise` has the same)."""

Tones = tuple[float, float]
"""The levels of the darkest and the lightest tone, from 0 to 1."""

_WHOLE: Tones = (0.0, 1.0)


def tones_of(image: Image) -> Tones:
    """The percentiles of luminance, transparent pixels counted by their opacity; the image must be in memory.

    A picture of one tone is left as it is.
    """
    light = stored(parted(luminance(image))[0], image.format)
    _, alpha = parted(image)
    counts = light.hist_find() if alpha is None else alpha.hist_find_indexed(light)
    sums = list(accumulate(memoryview(counts.cast("double").write_to_memory()).cast("d")))
    whole = sums[-1]
    if whole == 0:
        return _WHOLE
    low = next(level for level, total in enumerate(sums) if total > LOWER * whole)
    high = next(level for level, total in enumerate(sums) if total >= UPPER * whole)
    full = top(image)
    return (low / full, high / full) if (high - low) * 255 > full else _WHOLE
