"""Put kept metadata on an image, for its saver to write (JPEG, WebP, PNG, AVIF, TIFF; GIF has no place for it)."""

from __future__ import annotations

from imagemill.engine.libvips import pyvips
from imagemill.engine.metadata.blocks import EXIF_FIELD, IPTC_FIELD, XMP_FIELD, Metadata
from imagemill.engine.metadata.exif import write_exif
from imagemill.engine.metadata.iptc import in_resources, write_iptc
from imagemill.engine.metadata.xmp import write_xmp
from imagemill.engine.steps.load import Image
from imagemill.recipe.vocabulary import Format

KEPT = "exif:xmp:iptc"
"""The savers' `keep`, beside the profile."""

_OURS = ("exif-", "xmp-", "iptc-", "photoshop-", "jpeg-thumbnail", "heif-", "png-comment", "gif-comment", "image-desc")
"""Beginnings of libvips' fields that a saver might write: the original's are taken off first."""


def attach(image: Image, chosen: Metadata, output: Format) -> Image:
    """Return the image with these blocks and none of the original's."""
    image = image.copy()
    for name in image.get_fields():
        if name.startswith(_OURS):
            image.remove(name)
    exif = write_exif(chosen.exif)
    iptc = write_iptc(chosen.iptc)
    if output is Format.JPEG and iptc:
        iptc = in_resources(iptc)
    elif iptc:
        iptc += bytes(-len(iptc) % 4)  # TIFF keeps it as whole LONGs
    for name, block in ((EXIF_FIELD, exif), (XMP_FIELD, write_xmp(chosen.xmp)), (IPTC_FIELD, iptc)):
        if block:
            image.set_type(pyvips.GValue.blob_type, name, block)
    return image
