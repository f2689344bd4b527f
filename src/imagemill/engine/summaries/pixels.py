"""The pixels of a reduced picture, channel by channel and row by row."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Pixels:
    """Codes 0…255 in sRGB; each channel is a list of rows of `width` codes (bytes), `height` of them."""

    width: int
    height: int
    red: list[bytes]
    green: list[bytes]
    blue: list[bytes]
    alpha: list[bytes]

    @classmethod
    def from_rgba(cls, width: int, height: int, rgba: bytes) -> Pixels:
        """Take interleaved RGBA bytes, row by row from the top left; ValueError where there are too few or many."""
        if width < 1 or height < 1 or len(rgba) != 4 * width * height:
            raise ValueError(f"expected {4 * width * height} bytes of {width}x{height} pixels, received {len(rgba)}")
        step = 4 * width
        channels = [[rgba[at + band : at + step : 4] for at in range(0, len(rgba), step)] for band in range(4)]
        return cls(width, height, *channels)
