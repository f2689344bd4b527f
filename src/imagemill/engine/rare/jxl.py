"""JPEG XL: the first frame, upright, 8 bits, through libjxl."""

from __future__ import annotations

from imagemill.engine import icc
from imagemill.engine.claims import Structure, damaged
from imagemill.engine.port import Facts
from imagemill.engine.rare import libjxl
from imagemill.engine.rare.decoder import Decoder
from imagemill.engine.rare.pixels import Image, image_of


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
    return image_of(pixels, header.width, header.height, header.bands, profile=header.profile)


def _prepare() -> None:
    libjxl.load()


JXL = Decoder(describe=_describe, open_page=_open_page, prepare=_prepare)
