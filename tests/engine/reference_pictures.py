"""Pictures by formula, and what the reference implementations say of them.

`HASHES` was written down once by running the references themselves on these pixels: `rgbaToThumbHash` of the npm
package thumbhash 0.1.1 (evanw) under Node 20, `encode(…, 4, 3)` of blurhash-python 1.2.2 (woltapp's C code), and
`phash` of ImageHash 4.3.2 with Pillow 13.0.0 on the picture without its alpha.
"""

from __future__ import annotations

import json
from pathlib import Path

HASHES: dict[str, dict[str, str]] = json.loads(
    (Path(__file__).parent / "reference_hashes.json").read_text(encoding="ascii")
)


def _noise(x: int, y: int, band: int) -> int:
    """A number 0…255 that looks random."""
    value = (x * 73856093 ^ y * 19349663 ^ band * 83492791) & 0xFFFFFFFF
    return (value * 2654435761 >> 13) & 255


def _pixel(name: str, x: int, y: int, width: int, height: int) -> tuple[int, int, int, int]:
    across, down = 255 * x // max(1, width - 1), 255 * y // max(1, height - 1)
    if name.startswith("plain"):
        return 30, 120, 200, 255
    if name.startswith("across"):
        return across, 128, 255 - across, 255
    if name.startswith("down"):
        return down, down, 90, 255
    if name.startswith("noise"):
        return _noise(x, y, 0), _noise(x, y, 1), _noise(x, y, 2), 255
    if name.startswith("blocks"):
        place = (x // 9, y // 9)
        return _noise(*place, 3), _noise(*place, 4), _noise(*place, 5), 255
    if name.startswith("glass"):
        return across, down, 60, (across + down) // 2
    if name.startswith("hole"):
        inside = (2 * x - width) ** 2 + (2 * y - height) ** 2 < (width * height) // 4
        return 200, down, across, 0 if inside else 255
    raise ValueError(name)


def rgba_of(name: str) -> tuple[int, int, bytes]:
    """Return width, height and interleaved RGBA of the picture called `name`, such as "noise 40x30"."""
    width, height = map(int, name.split(" ")[1].split("x"))
    codes = (_pixel(name, x, y, width, height) for y in range(height) for x in range(width))
    return width, height, bytes(code for pixel in codes for code in pixel)
