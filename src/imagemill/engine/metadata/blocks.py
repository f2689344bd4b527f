"""Where a file keeps its metadata: libvips' fields for most formats, the file itself for TIFF, GIF and JPEG XL."""

from __future__ import annotations

from imagemill.engine.claims import box
from imagemill.engine.image_fields import EXIF_FIELD, IPTC_FIELD, XMP_FIELD, block_of
from imagemill.engine.libvips import Image
from imagemill.engine.metadata.exif import read_exif
from imagemill.engine.metadata.iptc import read_iptc
from imagemill.engine.metadata.text import safe_text
from imagemill.engine.metadata.values import Metadata
from imagemill.engine.metadata.xmp import MAX_PACKET, read_xmp
from imagemill.engine.work import Buffer

MAX_TEXTS = 100

_GIF_XMP = b"\x21\xff\x0bXMP DataXMP"
_GIF_TRAILER = b"\x01\xff\xfe\xfd"


def read_metadata(data: Buffer, kind: str, header: Image) -> Metadata:
    """Return the metadata of a file of format `kind`; `header` is the file as libvips opened it, not decoded."""
    view = memoryview(data)
    exif: bytes | memoryview = block_of(header, EXIF_FIELD)
    packet = block_of(header, XMP_FIELD)
    if kind == "tiff":
        exif = view
    elif kind == "gif":
        packet = _gif_packet(view)
    elif kind == "jxl":
        exif, packet = _jxl_box(view, b"Exif")[4:], _jxl_box(view, b"xml ")
    return Metadata(read_exif(exif), read_iptc(block_of(header, IPTC_FIELD)), read_xmp(packet), _texts(header))


def _texts(image: Image) -> dict[str, str]:
    """Return comments; libvips calls PNG's `png-comment-<number>-<keyword>`, and those of others by the format."""
    found: dict[str, str] = {}
    for name in image.get_fields():
        keyword = ""
        if name.startswith("png-comment-"):
            keyword = name.removeprefix("png-comment-").partition("-")[2]
            if keyword.startswith(("XML:com.adobe.xmp", "Raw profile")):
                continue
        elif name in ("gif-comment", "jpeg-comment"):
            keyword = "comment"
        if keyword and len(found) < MAX_TEXTS:
            value = image.get(name)
            text = safe_text(value if isinstance(value, str) else bytes(value).decode("utf-8", "replace"))
            word = "_".join(safe_text(keyword, 79).encode("ascii", "ignore").decode().split())
            if text and word:
                found.setdefault(word, text)
    return found


def _jxl_box(view: memoryview, wanted: bytes) -> bytes:
    """Return the content of a box of a JPEG XL container (ISO/IEC 18181-2); a bare codestream has none.

    Boxes compressed with Brotli are not opened.
    """
    start, end = box(view, 0, len(view), wanted) or (0, 0)
    return bytes(view[start : min(end, start + MAX_PACKET)])


def _gif_packet(view: memoryview) -> bytes:
    """Return the packet of the XMP extension: plain text up to the trailer that leads block readers out of it.

    libvips does not read it (XMP specification part 3, section 1.1.2).
    """
    data = bytes(view[: 2 * MAX_PACKET])
    start = data.find(_GIF_XMP)
    end = data.find(_GIF_TRAILER, start) if start >= 0 else -1
    return data[start + len(_GIF_XMP) : end] if end >= 0 else b""
