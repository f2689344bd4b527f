"""JPEG XL through libjxl: the first frame is read, upright, in 8 or 16 bits; a picture is written."""

from __future__ import annotations

from imagemill.engine import icc
from imagemill.engine.claims import Structure, damaged
from imagemill.engine.image_fields import EXIF_FIELD, PROFILE_FIELD, XMP_FIELD, block_of
from imagemill.engine.libvips import Image
from imagemill.engine.port import Facts
from imagemill.engine.rare import libjxl
from imagemill.engine.rare.decoder import Decoder
from imagemill.engine.rare.pixels import image_of
from imagemill.errors import Unprocessable


def _describe(view: memoryview, found: Structure) -> Facts:
    try:
        header = libjxl.read_header(view)
    except libjxl.JxlError as error:
        raise damaged("the JPEG XL cannot be opened") from error
    if sorted((header.width, header.height)) != sorted((found.width, found.height)):
        raise damaged("the JPEG XL gives two sizes")
    profile = icc.read(header.profile) if header.profile else None
    return Facts(
        format="jxl",
        width=header.width,
        height=header.height,
        alpha=header.alpha,
        bits=header.bits,
        colour="b-w" if header.bands < 3 else "srgb",
        profile=(profile.name or profile.space) if profile is not None else None,
        whole_frame=found.whole_frame,
    )


def _open_page(view: memoryview, _page: int) -> Image:
    try:
        header, pixels = libjxl.decode(view)
    except libjxl.JxlError as error:
        raise damaged("the JPEG XL ends early or cannot be decoded") from error
    deep = header.sample_bytes == 2
    return image_of(pixels, header.width, header.height, header.bands, profile=header.profile, deep=deep)


def _prepare() -> None:
    libjxl.load()


JXL = Decoder(describe=_describe, open_page=_open_page, prepare=_prepare)


_EXIF = b"Exif\x00\x00"


def write_jxl(image: Image, *, distance: float, effort: int) -> bytes:
    """Encode a finished picture (8 or 16 bits; its profile, EXIF and XMP are kept); raises Unprocessable."""
    profile = block_of(image, PROFILE_FIELD)
    known = icc.read(profile) if profile else None
    exif, xmp = block_of(image, EXIF_FIELD), block_of(image, XMP_FIELD)
    pixels = libjxl.JxlPixels(
        samples=bytes(image.write_to_memory()),
        width=image.width,
        height=image.height,
        bands=image.bands,
        bits=16 if image.format == "ushort" else 8,
        p3=known is not None and known.like == "p3",
        profile=profile,
        exif=exif.removeprefix(_EXIF),
        xmp=xmp,
    )
    try:
        return libjxl.encode(pixels, distance=distance, effort=effort)
    except libjxl.JxlError as error:
        raise Unprocessable("The picture cannot be written as JPEG XL.") from error
