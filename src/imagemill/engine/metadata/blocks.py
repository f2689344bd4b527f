"""Where a file keeps its metadata: libvips' fields for most formats, the file itself for TIFF and GIF."""

from __future__ import annotations

from imagemill.engine.metadata.exif import read_exif
from imagemill.engine.metadata.iptc import read_iptc
from imagemill.engine.metadata.text import safe_text
from imagemill.engine.metadata.values import Metadata
from imagemill.engine.metadata.xmp import MAX_PACKET, read_xmp
from imagemill.engine.steps.load import Image
from imagemill.engine.work import Buffer

MAX_TEXTS = 100

EXIF_FIELD = "exif-data"
XMP_FIELD = "xmp-data"
IPTC_FIELD = "iptc-data"

_GIF_XMP = b"\x21\xff\x0bXMP DataXMP"
_GIF_TRAILER = b"\x01\xff\xfe\xfd"


def read_metadata(data: Buffer, kind: str, header: Image) -> Metadata:
    """Return the metadata of a file of format `kind`; `header` is the file as libvips opened it, not decoded."""
    exif = read_exif(memoryview(data)) if kind == "tiff" else read_exif(_blob(header, EXIF_FIELD))
    packet = _gif_packet(memoryview(data)) if kind == "gif" else _blob(header, XMP_FIELD)
    return Metadata(exif, read_iptc(_blob(header, IPTC_FIELD)), read_xmp(packet), _texts(header))


def _blob(image: Image, name: str) -> bytes:
    return bytes(image.get(name)) if image.get_typeof(name) else b""


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


def _gif_packet(view: memoryview) -> bytes:
    """Return the packet of the XMP extension: plain text up to the trailer that leads block readers out of it.

    libvips does not read it (XMP specification part 3, section 1.1.2).
    """
    data = bytes(view[: 2 * MAX_PACKET])
    start = data.find(_GIF_XMP)
    end = data.find(_GIF_TRAILER, start) if start >= 0 else -1
    return data[start + len(_GIF_XMP) : end] if end >= 0 else b""
