"""Put kept metadata on an image, for its saver to write (JPEG, WebP, PNG, AVIF, TIFF; GIF has no place for it)."""

from __future__ import annotations

from dataclasses import replace

from imagemill.engine.image_fields import EXIF_FIELD, IPTC_FIELD, XMP_FIELD
from imagemill.engine.libvips import Image, pyvips
from imagemill.engine.metadata.exif import SHORT, Exif, Field, write_exif
from imagemill.engine.metadata.exif_tags import COLOUR_SPACE
from imagemill.engine.metadata.iptc import in_resources, write_iptc
from imagemill.engine.metadata.values import Metadata
from imagemill.engine.metadata.xmp import write_xmp
from imagemill.recipe.vocabulary import Format

_OURS = ("exif-", "xmp-", "iptc-", "photoshop-", "jpeg-thumbnail", "heif-", "png-comment", "gif-comment", "image-desc")
"""Beginnings of libvips' fields that a saver might write: the original's are taken off first."""


def attach(image: Image, chosen: Metadata, output: Format, *, srgb: bool) -> tuple[Image, list[str]]:
    """Return the image with these blocks and none of the original's, and what the saver is told to keep of them.

    A saver that is told to keep EXIF where there is none makes some up.
    """
    image = image.copy()
    for name in image.get_fields():
        if name.startswith(_OURS):
            image.remove(name)
    blocks = {
        "exif": (EXIF_FIELD, _exif_block(chosen.exif, srgb=srgb)),
        "xmp": (XMP_FIELD, write_xmp(chosen.xmp)),
        "iptc": (IPTC_FIELD, _iptc_block(write_iptc(chosen.iptc), output)),
    }
    for name, block in blocks.values():
        if block:
            image.set_type(pyvips.GValue.blob_type, name, block)
    return image, [word for word, (_, block) in blocks.items() if block]


def _exif_block(exif: Exif, *, srgb: bool) -> bytes:
    """Say the colour space as well, or libvips says that there is none; sizes and orientation are its to say."""
    if not exif:
        return b""
    space = Field(SHORT, 1, (1 if srgb else 0xFFFF).to_bytes(2, "little"))
    return write_exif(replace(exif, photo={**exif.photo, COLOUR_SPACE: space}))


def _iptc_block(iim: bytes, output: Format) -> bytes:
    """Return IIM as the saver wants it: for JPEG in Photoshop's resources, for TIFF four times as long.

    libvips 8.18 counts TIFF's IPTC in units of four bytes and libtiff in single ones, so it writes the first quarter.
    """
    if output is Format.JPEG and iim:
        return in_resources(iim)
    return iim + bytes(3 * len(iim)) if output is Format.TIFF else b""
