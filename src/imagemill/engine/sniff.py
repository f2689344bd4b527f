"""What the bytes are, told from their first 64, before any decoder sees them.

The first of three gates against format confusion (threat D10; the others are the loaders called by name and the
operations blocked in `libvips`). The name and the declared media type are never asked. Pure: no pyvips here, so the
server may call it in its own process.
"""

from __future__ import annotations

import re
from collections.abc import Collection

from imagemill.errors import NotAnImage

READ = ("jpeg", "png", "gif", "webp", "avif", "tiff")
"""The formats that every installation reads, in the raster workers."""

RARE = ("svg", "heic", "jxl", "bmp", "ico", "jp2", "pdf")
"""The formats that have their own workers; which of them are read depends on what is installed (`rare.readable`)."""

KNOWN = frozenset((*READ, *RARE))
"""All words that `recognise` may answer."""

LABELS = {
    "jpeg": "JPEG",
    "png": "PNG",
    "gif": "GIF",
    "webp": "WebP",
    "avif": "AVIF",
    "tiff": "TIFF",
    "svg": "SVG",
    "heic": "HEIC",
    "jxl": "JPEG XL",
    "bmp": "BMP",
    "ico": "ICO",
    "jp2": "JPEG 2000",
    "pdf": "PDF",
}
"""How people write each word."""

_MEDIA_TYPES = {"svg": "image/svg+xml", "ico": "image/vnd.microsoft.icon", "pdf": "application/pdf"}

HEAD_BYTES = 4096
"""As many bytes as `sniff` may want; 64 decide most formats, an SVG may begin with a comment."""

ADVICE = {
    "heic": "It needs the extra `heic`: pip install 'imagemill[heic]'.",
    "jxl": "It needs the extra `jxl`: pip install 'imagemill[jxl]'.",
    "jp2": "It needs a libvips that was built with OpenJPEG.",
    "pdf": "It needs a libvips that was built with PDFium or Poppler.",
    "svg": "It needs a libvips that was built with librsvg.",
    "gzip": "An SVG in gzip (.svgz) must be unpacked first.",
}
"""What to do about a format that is not read here."""

_AVIF_BRANDS = frozenset((b"avif", b"avis"))
_HEIC_BRANDS = frozenset((b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"hevm", b"hevs", b"mif1", b"msf1"))
_MOST_BRANDS = 64  # a real file names fewer than ten

_TIFF_SIGNS = frozenset((b"II*\x00", b"MM\x00*", b"II+\x00", b"MM\x00+"))  # byte order, then classic or BigTIFF

_FOREIGN = (
    (b"%!PS", "PostScript"),
    (b"8BPS", "PSD"),
    (b"BM", "BMP"),
    (b"\x00\x00\x01\x00", "ICO"),
    (b"\x00\x00\x02\x00", "CUR, a mouse pointer"),
    (b"qoif", "QOI"),
    (b"PK\x03\x04", "ZIP"),
    (b"\x1f\x8b", "gzip"),
    (b"\x7fELF", "a program"),
    (b"\x00asm", "a program"),
    (b"\x76\x2f\x31\x01", "OpenEXR"),
    (b"#?RADIANCE", "Radiance HDR"),
    (b"SIMPLE  =", "FITS"),
    (b"\x89HDF\r\n\x1a\n", "HDF5"),
    (b"MATLAB ", "MATLAB"),
    (b"P1\n", "PBM"),
    (b"P2\n", "PGM"),
    (b"P3\n", "PPM"),
    (b"P4\n", "PBM"),
    (b"P5\n", "PGM"),
    (b"P6\n", "PPM"),
    (b"Pf\n", "PFM"),
    (b"PF\n", "PFM"),
)

_RARE_SIGNS = (
    (b"\xff\x0a", "jxl"),
    (b"\x00\x00\x00\x0cJXL \r\n\x87\n", "jxl"),
    (b"\x00\x00\x00\x0cjP  \r\n\x87\n", "jp2"),
    (b"\xff\x4f\xff\x51", "jp2"),
    (b"%PDF-", "pdf"),
)
_BMP_HEADERS = frozenset((12, 16, 40, 52, 56, 64, 108, 124))  # bytes of the information header, by version
_PROLOGUE = re.compile(  # what may stand before the root element (XML 1.0 section 2.8); the parser looks closer later
    r"""(?:\s+|<\?.*?\?>|<!--.*?-->|<!DOCTYPE[^<>\[]*(?:\[.*?\]\s*)?>)*+<(?:[A-Za-z_][\w.-]*:)?svg[\s/>]""",
    re.DOTALL,
)


def sniff(head: bytes, reads: Collection[str] = READ) -> str:
    """Return the format of the file that starts with `head` (its first 64 to 4096 bytes), one of `reads`.

    Raises NotAnImage (code `not_an_image`), naming what it looks like where that can be told, and what is read.
    """
    word = recognise(head)
    if word in reads:
        return str(word)
    raise NotAnImage(_refusal(head, word, reads))


def media_type(word: str) -> str:
    """Return the registered media type of a format, one of `KNOWN`."""
    return _MEDIA_TYPES.get(word, f"image/{word}")


def recognise(head: bytes) -> str | None:
    """Return the word of `KNOWN` for a file that starts with `head`, read here or not; None for any other."""
    return _common(head) or _rare(head)


def _common(head: bytes) -> str | None:
    """One of the formats that every installation reads."""
    if _is_jpeg(head):
        return "jpeg"
    if head[:8] == b"\x89PNG\r\n\x1a\n" and len(head) >= 33 and head[12:16].isalpha():
        return "png"
    if head[:6] in (b"GIF87a", b"GIF89a") and len(head) >= 13:
        return "gif"
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP" and head[12:16] in (b"VP8 ", b"VP8L", b"VP8X"):
        return "webp"
    if head[:4] in _TIFF_SIGNS and len(head) >= 8:
        return "tiff"
    return "avif" if _brands(head) & _AVIF_BRANDS else None


def _rare(head: bytes) -> str | None:
    """One of the formats that have their own workers."""
    for sign, word in _RARE_SIGNS:
        if head.startswith(sign):
            return word
    if head[:2] == b"BM" and int.from_bytes(head[14:18], "little") in _BMP_HEADERS:
        return "bmp"
    if head[:4] == b"\x00\x00\x01\x00" and head[4:6] != b"\x00\x00" and len(head) >= 22:
        return "ico"
    if _brands(head) & _HEIC_BRANDS:
        return "heic"
    return "svg" if _is_svg(head) else None


def _is_svg(head: bytes) -> bool:
    """Whether the first element is `svg`, whatever stands before it; in UTF-8, or UTF-16 with its mark."""
    for mark, encoding in ((b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be"), (b"\xef\xbb\xbf", "utf-8")):
        if head.startswith(mark):
            return _PROLOGUE.match(head[len(mark) : HEAD_BYTES].decode(encoding, "replace")) is not None
    text = head[:HEAD_BYTES]
    return text.lstrip(b" \t\r\n").startswith(b"<") and _PROLOGUE.match(text.decode("latin-1")) is not None


def _is_jpeg(head: bytes) -> bool:
    """Start of image and then the marker of a segment that may stand first (ITU T.81 B.2)."""
    return len(head) >= 4 and head[:3] == b"\xff\xd8\xff" and (head[3] >= 0xDB or 0xC0 <= head[3] <= 0xCF)


def _brands(head: bytes) -> frozenset[bytes]:
    """The major and compatible brands of an ISO media file (ISO/IEC 14496-12 4.3), or none."""
    if head[4:8] != b"ftyp" or len(head) < 16:
        return frozenset()
    size = int.from_bytes(head[:4], "big")
    if size < 16 or size % 4:
        return frozenset()
    end = min(size, len(head), 16 + 4 * _MOST_BRANDS)
    compatible = {bytes(head[at : at + 4]) for at in range(16, end - 3, 4)}
    return frozenset(compatible | {bytes(head[8:12])})


def _refusal(head: bytes, word: str | None, reads: Collection[str]) -> str:
    """The sentence for bytes that are none of ours."""
    labels = [LABELS[name] for name in LABELS if name in reads]
    reading = f"Imagemill reads {', '.join(labels[:-1])} and {labels[-1]} here."
    if not head:
        return f"The file is empty. {reading}"
    name = LABELS[word] if word is not None else _looks_like(head)
    if name is None:
        return f"These bytes are not an image that this installation reads. {reading}"
    advice = ADVICE.get(word or name)
    return f"This looks like {name}, which this installation does not read. {advice or reading}"


def _looks_like(head: bytes) -> str | None:
    """A word for a format known but not read; only for the sentence, nothing is decided by it."""
    if _brands(head):
        return "a video or another ISO media file"
    for magic, word in _FOREIGN:
        if head.startswith(magic):
            return word
    text = head[:512].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if text.startswith((b"<!doctype html", b"<html", b"<?xml", b"<script")):
        return "a web page or another XML text"
    return None
