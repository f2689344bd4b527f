"""libvips' names for what an image carries beside its pixels, which every step and every decoder must spell alike."""

from __future__ import annotations

from imagemill.engine.libvips import Image

PROFILE_FIELD = "icc-profile-data"
EXIF_FIELD = "exif-data"
XMP_FIELD = "xmp-data"
IPTC_FIELD = "iptc-data"
ORIENTATION_FIELD = "orientation"


def block_of(image: Image, name: str) -> bytes:
    """Return the bytes of a field; none where the image does not have it."""
    return bytes(image.get(name)) if image.get_typeof(name) else b""
