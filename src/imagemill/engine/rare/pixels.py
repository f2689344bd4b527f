"""Decoded pixels handed to libvips, so that every later step is the same for all formats."""

from __future__ import annotations

from imagemill.engine.image_fields import PROFILE_FIELD
from imagemill.engine.libvips import Image, pyvips


def image_of(
    pixels: bytes | bytearray | memoryview,
    width: int,
    height: int,
    bands: int,
    *,
    profile: bytes = b"",
    deep: bool = False,
) -> Image:
    """Return `pixels` (rows without padding, bands interleaved, the last of 2 or 4 is alpha) as an image.

    Samples have 8 bits, or 16 in the machine's byte order where `deep`.

    The memory is used where it lies and kept alive by the image. `profile` is an ICC profile of the colours, if any.
    """
    image = pyvips.Image.new_from_memory(pixels, width, height, bands, "ushort" if deep else "uchar")
    grey, colours = ("grey16", "rgb16") if deep else ("b-w", "srgb")
    image = image.copy(interpretation=grey if bands < 3 else colours)
    if profile:
        image.set_type(pyvips.GValue.blob_type, PROFILE_FIELD, profile)
    return image
