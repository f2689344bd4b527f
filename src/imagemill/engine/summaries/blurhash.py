"""BlurHash: a blurred picture in 28 characters. Equal to the reference (github.com/woltapp/blurhash, `C/encode.c`)."""

from __future__ import annotations

import math

from imagemill.engine.summaries.cosines import transformed, waves
from imagemill.engine.summaries.pixels import Pixels

ACROSS = 4
DOWN = 3
"""Components in each direction: what the reference's own examples use."""

_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz#$%*+,-.:;=?@[]^_{|}~"


def _linear(code: int) -> float:
    value = code / 255
    return value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4


_LINEAR = [_linear(code) for code in range(256)]


def blurhash(pixels: Pixels, across: int = ACROSS, down: int = DOWN) -> str:
    """Return the BlurHash of opaque pixels (alpha is not looked at) with `across` x `down` components (1…9)."""
    waves_x = waves(pixels.width, across, middle=False)
    waves_y = waves(pixels.height, down, middle=False)
    count = pixels.width * pixels.height
    channels = []
    for rows in (pixels.red, pixels.green, pixels.blue):
        sums = transformed([[_LINEAR[code] for code in row] for row in rows], waves_x, waves_y)
        flat = [value / count for line in sums for value in line]
        channels.append([flat[0], *(2 * value for value in flat[1:])])
    varying = [abs(value) for channel in channels for value in channel[1:]]
    largest = max(varying, default=0.0)
    step = max(0, min(82, math.floor(largest * 166 - 0.5))) if varying else 0
    scale = (step + 1) / 166 if varying else 1.0
    red, green, blue = (_code(channel[0]) for channel in channels)
    text = _base83(across - 1 + (down - 1) * 9, 1) + _base83(step, 1) + _base83(red << 16 | green << 8 | blue, 4)
    for trio in zip(*(channel[1:] for channel in channels), strict=True):
        r, g, b = (_nineteenth(value / scale) for value in trio)
        text += _base83((r * 19 + g) * 19 + b, 2)
    return text


def _code(linear: float) -> int:
    """Return the sRGB code of a linear value."""
    value = max(0.0, min(1.0, linear))
    encoded = value * 12.92 if value <= 0.0031308 else 1.055 * value ** (1 / 2.4) - 0.055
    return int(encoded * 255 + 0.5)


def _nineteenth(value: float) -> int:
    """Return -1…1 on a scale of 19 steps that is finer around zero."""
    root = math.copysign(math.sqrt(abs(value)), value)
    return int(max(0, min(18, math.floor(root * 9 + 9.5))))


def _base83(value: int, length: int) -> str:
    digits = ""
    for _ in range(length):
        value, digit = divmod(value, 83)
        digits = _DIGITS[digit] + digits
    return digits
