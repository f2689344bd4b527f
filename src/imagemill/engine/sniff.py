"""What the bytes are, told from their first 64, before any decoder sees them.

The first of three gates against format confusion (threat D10; the others are the loaders called by name and the
operations blocked in `libvips`). The name and the declared media type are never asked. Pure: no pyvips here, so the
server may call it in its own process.
"""

from __future__ import annotations

from imagemill.errors import NotAnImage

READ = ("jpeg", "png", "gif", "webp", "avif")
"""The words `sniff` may answer: the formats this installation reads."""

HEAD_BYTES = 4096
"""As many bytes as `sniff` may want; 64 decide all formats but an AVIF with a long list of brands."""

_ADVICE = "Imagemill reads JPEG, PNG, GIF, WebP and AVIF."

_AVIF_BRANDS = frozenset((b"avif", b"avis"))
_HEIC_BRANDS = frozenset((b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"hevm", b"hevs", b"mif1", b"msf1"))
_MOST_BRANDS = 64  # a real file names fewer than ten

_FOREIGN = (
    (b"II*\x00", "TIFF"),
    (b"MM\x00*", "TIFF"),
    (b"II+\x00", "TIFF"),
    (b"MM\x00+", "TIFF"),
    (b"\xff\x0a", "JPEG XL"),
    (b"\x00\x00\x00\x0cJXL \r\n\x87\n", "JPEG XL"),
    (b"\x00\x00\x00\x0cjP  \r\n\x87\n", "JPEG 2000"),
    (b"\xff\x4f\xff\x51", "JPEG 2000"),
    (b"%PDF-", "PDF"),
    (b"%!PS", "PostScript"),
    (b"8BPS", "PSD"),
    (b"BM", "BMP"),
    (b"\x00\x00\x01\x00", "ICO"),
    (b"\x00\x00\x02\x00", "CUR"),
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


def sniff(head: bytes) -> str:
    """Return the format of the file that starts with `head` (its first 64 to 4096 bytes), one of `READ`.

    Raises NotAnImage (code `not_an_image`), naming what it looks like where that can be told.
    """
    if _is_jpeg(head):
        return "jpeg"
    if head[:8] == b"\x89PNG\r\n\x1a\n" and len(head) >= 33 and head[12:16].isalpha():
        return "png"
    if head[:6] in (b"GIF87a", b"GIF89a") and len(head) >= 13:
        return "gif"
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP" and head[12:16] in (b"VP8 ", b"VP8L", b"VP8X"):
        return "webp"
    brands = _brands(head)
    if brands & _AVIF_BRANDS:
        return "avif"
    raise NotAnImage(_refusal(head, brands))


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


def _refusal(head: bytes, brands: frozenset[bytes]) -> str:
    """The sentence for bytes that are none of ours."""
    if not head:
        return f"The file is empty. {_ADVICE}"
    word = _looks_like(head, brands)
    if word is None:
        return f"These bytes are not an image that this installation reads. {_ADVICE}"
    return f"This looks like {word}, which this installation does not read. {_ADVICE}"


def _looks_like(head: bytes, brands: frozenset[bytes]) -> str | None:
    """A word for a format known but not read; only for the sentence, nothing is decided by it."""
    if brands:
        return "HEIC" if brands & _HEIC_BRANDS else "a video or another ISO media file"
    for magic, word in _FOREIGN:
        if head.startswith(magic):
            return word
    text = head[:512].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if text.startswith((b"<svg", b"<?xml", b"<!doctype svg")) and b"<svg" in head[:HEAD_BYTES].lower():
        return "SVG"
    if text.startswith((b"<!doctype html", b"<html", b"<?xml", b"<script")):
        return "a web page or another XML text"
    return None
