"""HEIC through pillow-heif: the primary picture, upright, 8 bits, with its profile (threats D7).

libheif's own security limits stay on (256 tiles, nesting, memory); 48 tiles of an iPhone are within them. It applies
the container's turning, mirroring and clean aperture, so the picture arrives upright and EXIF orientation is not asked
again: the two say the same, and applying both would turn twice. Thumbnails, depth maps, gain maps and the other
pictures of a burst are not decoded.
"""

from __future__ import annotations

from typing import Any

import pillow_heif
from pillow_heif import HeifFile, options

from imagemill.engine import icc
from imagemill.engine.claims import Structure, damaged
from imagemill.engine.image_fields import EXIF_FIELD, XMP_FIELD
from imagemill.engine.libvips import Image, pyvips
from imagemill.engine.port import Facts
from imagemill.engine.rare.decoder import Decoder
from imagemill.engine.rare.pixels import image_of
from imagemill.engine.steps.colour import p3_profile
from imagemill.errors import Unprocessable

options.DECODE_THREADS = 1
options.THUMBNAILS = options.DEPTH_IMAGES = options.AUX_IMAGES = False
options.DISABLE_SECURITY_LIMITS = False

_BANDS = {"L": 1, "LA": 2, "La": 2, "RGB": 3, "RGBA": 4, "RGBa": 4}
_P3_PRIMARIES = 12
"""SMPTE EG 432-1 in ITU-T H.273, with which iPhones that write no ICC profile say Display P3."""


def _opened(view: memoryview) -> Any:
    """The primary picture, not yet decoded."""
    try:
        file = HeifFile(bytes(view), convert_hdr_to_8bit=True)  # type: ignore[no-untyped-call]  # it ships none
        image = file[file.primary_index]
    except MemoryError:
        raise
    except Exception as error:  # libheif's refusals come as four kinds of exception
        raise damaged("the HEIC cannot be opened") from error
    if image.mode not in _BANDS:
        raise damaged("the HEIC holds another kind of pixels")
    return image


def _describe(view: memoryview, found: Structure) -> Facts:
    image = _opened(view)
    width, height = image.size
    bands = _BANDS[image.mode]
    profile = icc.read(data) if (data := _profile(image)) else None
    return Facts(
        format="heic",
        width=width,
        height=height,
        alpha=bands in (2, 4),
        bits=int(image.info["bit_depth"]),
        colour="b-w" if bands < 3 else "srgb",
        profile=(profile.name or profile.space) if profile is not None else None,
        whole_frame=found.whole_frame,
    )


def _profile(image: Any) -> bytes:
    """The ICC profile, or ours for Display P3 where only its numbers are named; nothing is sRGB."""
    data = image.info.get("icc_profile")
    if data:
        return bytes(data)
    named = image.info.get("nclx_profile") or {}
    return p3_profile() if named.get("color_primaries") == _P3_PRIMARIES else b""


def _open_page(view: memoryview, _page: int) -> Image:
    """Decode all of it: libheif has no other way."""
    image = _opened(view)
    profile = _profile(image)
    try:
        pixels, (width, height), bands = image.data, image.size, _BANDS[image.mode]
        stride = image.stride
    except MemoryError:
        raise
    except Exception as error:  # as above
        if "limit" in str(error).lower() or "memory" in str(error).lower():
            raise Unprocessable("The HEIC asks for more memory than a picture may.", code="too_complex") from error
        raise damaged("the HEIC ends early or cannot be decoded") from error
    if stride != width * bands or len(pixels) < stride * height:
        raise damaged("the HEIC gives another size than it said")
    opened = image_of(pixels, width, height, bands, profile=profile)
    for name, field in (("exif", EXIF_FIELD), ("xmp", XMP_FIELD)):
        if block := image.info.get(name):
            opened.set_type(pyvips.GValue.blob_type, field, bytes(block))
    return opened.unpremultiply().cast("uchar") if image.mode.endswith("a") else opened


def _prepare() -> None:
    """Touch the library, so that what it loads at its first use is loaded."""
    pillow_heif.libheif_info()


HEIC = Decoder(describe=_describe, open_page=_open_page, prepare=_prepare)
