"""ThumbHash: a tiny picture with its shape and alpha in about 25 bytes.

A port of the reference (github.com/evanw/thumbhash, `js/thumbhash.js`); names of the channels are its own: l is
lightness, p yellow against blue, q red against green, a alpha.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable, Sequence
from itertools import accumulate
from operator import mul

from imagemill.engine.summaries.cosines import waves
from imagemill.engine.summaries.pixels import Pixels

Channel = Sequence[float]
"""Values of one channel, row after row."""

MOST = 100
"""Pixels of the longer side that the reference takes."""


def thumbhash(pixels: Pixels) -> bytes:
    """Return the ThumbHash of a picture of at most 100x100 pixels; ValueError for a larger one."""
    width, height = pixels.width, pixels.height
    if width > MOST or height > MOST:
        raise ValueError(f"expected at most {MOST}x{MOST} pixels, received {width}x{height}")
    alpha = [code / 255 for row in pixels.alpha for code in row]
    transparent = _sum(alpha) < width * height
    light, yellow, red = _channels(pixels, alpha)

    most = 5 if transparent else 7
    across = max(1, _round(most * width / max(width, height)))
    down = max(1, _round(most * height / max(width, height)))
    l_dc, l_ac, l_scale = _encoded(light, width, max(3, across), max(3, down))
    p_dc, p_ac, p_scale = _encoded(yellow, width, 3, 3)
    q_dc, q_ac, q_scale = _encoded(red, width, 3, 3)

    landscape = width > height
    head = (
        _round(63 * l_dc)
        | _round(31.5 + 31.5 * p_dc) << 6
        | _round(31.5 + 31.5 * q_dc) << 12
        | _round(31 * l_scale) << 18
        | transparent << 23
    )
    tail = (down if landscape else across) | _round(63 * p_scale) << 3 | _round(63 * q_scale) << 9 | landscape << 15
    result = bytearray(head.to_bytes(3, "little") + tail.to_bytes(2, "little"))
    varying = [*l_ac, *p_ac, *q_ac]
    if transparent:
        a_dc, a_ac, a_scale = _encoded(alpha, width, 5, 5)
        result.append(_round(15 * a_dc) | _round(15 * a_scale) << 4)
        varying += a_ac
    nibbles = [_round(15 * value) for value in varying]
    nibbles += [0] * (len(nibbles) % 2)
    result += bytes(low | high << 4 for low, high in zip(nibbles[::2], nibbles[1::2], strict=True))
    return bytes(result)


def _channels(pixels: Pixels, alpha: Channel) -> tuple[Channel, Channel, Channel]:
    """Lay the picture over its own average colour and return l, p and q."""
    whole = _sum(alpha)
    bands = []
    for rows in (pixels.red, pixels.green, pixels.blue):
        codes = b"".join(rows)
        mean = _sum(share / 255 * code for code, share in zip(codes, alpha, strict=True))
        mean = mean / whole if whole else mean
        bands.append([mean * (1 - share) + share / 255 * code for code, share in zip(codes, alpha, strict=True)])
    trios = list(zip(*bands, strict=True))
    return [(r + g + b) / 3 for r, g, b in trios], [(r + g) / 2 - b for r, g, b in trios], [r - g for r, g, _ in trios]


def _encoded(channel: Channel, width: int, across: int, down: int) -> tuple[float, list[float], float]:
    """Return a channel's mean, its variations scaled to 0…1 (a triangle of the lower ones), and their scale.

    Summed up pixel by pixel in the reference's order, though going by rows would be five times faster: in a picture
    that does not vary in one direction, a variation is only what rounding left, and lies on the edge of two codes.
    """
    count = len(channel)
    height = count // width
    waves_down = [[fy for fy in wave for _ in range(width)] for wave in waves(height, down, middle=True)]
    mean, varying = 0.0, []
    for cx, wave in enumerate(waves(width, across, middle=True)):
        weighed = list(map(mul, channel, wave * height))
        for cy in range(down):
            if cx * down < across * (down - cy):
                value = _sum(map(mul, weighed, waves_down[cy])) / count
                if cx or cy:
                    varying.append((cy, cx, value))
                else:
                    mean = value
    values = [value for _, _, value in sorted(varying)]
    scale = max(map(abs, values), default=0.0)
    return mean, [0.5 + 0.5 / scale * value for value in values] if scale else values, scale


def _sum(values: Iterable[float]) -> float:
    """Add one after the other; `sum` corrects its roundings from Python 3.12 on."""
    return deque(accumulate(values), maxlen=1).pop()


def _round(value: float) -> int:
    """Round halves up, as JavaScript does."""
    return math.floor(value + 0.5)
