"""What bytes are, by their first few only."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagemill.engine.sniff import KNOWN, RARE, READ, media_type, recognise, sniff
from imagemill.errors import NotAnImage

PNG = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x01\x00\x00\x00\x01\x08\x00\x00\x00\x00\x00\x00\x00\x00"

BMP = b"BM" + bytes(12) + (40).to_bytes(4, "little") + bytes(36)


def ftyp(major: bytes, *compatible: bytes) -> bytes:
    """The first box of an ISO media file."""
    content = major + b"\x00\x00\x00\x00" + b"".join(compatible)
    return (len(content) + 8).to_bytes(4, "big") + b"ftyp" + content + bytes(16)


@pytest.mark.parametrize(
    ("head", "word"),
    [
        (b"\xff\xd8\xff\xe0\x00\x10JFIF", "jpeg"),
        (b"\xff\xd8\xff\xdb\x00\x43", "jpeg"),
        (b"\xff\xd8\xff\xee\x00\x0eAdobe", "jpeg"),
        (PNG, "png"),
        (b"GIF89a\x01\x00\x01\x00\x00\x00\x00", "gif"),
        (b"GIF87a\x01\x00\x01\x00\x00\x00\x00", "gif"),
        (b"RIFF\x24\x00\x00\x00WEBPVP8 ", "webp"),
        (b"RIFF\x24\x00\x00\x00WEBPVP8L", "webp"),
        (b"RIFF\x24\x00\x00\x00WEBPVP8X", "webp"),
        (b"II*\x00\x08\x00\x00\x00", "tiff"),
        (b"MM\x00*\x00\x00\x00\x08", "tiff"),
        (b"II+\x00\x08\x00\x00\x00", "tiff"),
        (b"MM\x00+\x00\x08\x00\x00", "tiff"),
        (ftyp(b"avif", b"mif1", b"miaf"), "avif"),
        (ftyp(b"mif1", b"avif"), "avif"),
        (ftyp(b"avis", b"msf1"), "avif"),
    ],
)
def test_what_is_read(head: bytes, word: str) -> None:
    """Each format that is read is told by its own signature."""
    assert sniff(head) == word


@pytest.mark.parametrize(
    ("head", "word"),
    [
        (ftyp(b"heic", b"mif1"), "heic"),
        (ftyp(b"mif1", b"heix"), "heic"),
        (BMP, "bmp"),
        (b"\x00\x00\x01\x00\x01\x00" + bytes(16), "ico"),
        (b"\xff\x0a\x00", "jxl"),
        (b"\x00\x00\x00\x0cJXL \r\n\x87\n", "jxl"),
        (b"\xff\x4f\xff\x51\x00", "jp2"),
        (b"%PDF-1.7", "pdf"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "svg"),
        (b"\xef\xbb\xbf<?xml version='1.0'?>\n<svg/>", "svg"),
        (b"<?xml version='1.0'?><!-- a <b> comment --><!DOCTYPE svg PUBLIC 'a' 'b'>\n<svg>", "svg"),
        (b"<!DOCTYPE svg [<!ENTITY a 'b'>]><s:svg xmlns:s='x'>", "svg"),
        ("\ufeff<?xml version='1.0' encoding='utf-16'?><svg>".encode("utf-16-le"), "svg"),
        ("\ufeff<svg>".encode("utf-16-be"), "svg"),
        (b"<html><svg></svg></html>", None),
        (b"<!doctype html><svg>", None),
        (b"<svgish>", None),
        (b"text <svg>", None),
        (b"<!--" + bytes(5000), None),
        (b"BM" + bytes(20), None),
        (b"\x00\x00\x01\x00\x00\x00" + bytes(16), None),
    ],
)
def test_what_has_its_own_workers(head: bytes, word: str | None) -> None:
    """A rare format is known, and read only where the caller says that it is."""
    assert recognise(head) == word
    if word is not None:
        assert sniff(head, (*READ, word)) == word
        with pytest.raises(NotAnImage):
            sniff(head)


@pytest.mark.parametrize(
    ("word", "registered"), [("jpeg", "image/jpeg"), ("svg", "image/svg+xml"), ("pdf", "application/pdf")]
)
def test_a_format_has_its_registered_media_type(word: str, registered: str) -> None:
    """What an original is said to be when it is fetched again."""
    assert media_type(word) == registered


def test_advice_says_what_is_read_here() -> None:
    """The sentence lists what this installation reads, or says what to install."""
    with pytest.raises(NotAnImage, match=r"reads JPEG, PNG, GIF, WebP, AVIF, TIFF, SVG and BMP here"):
        sniff(b"8BPS\x00\x01", (*READ, "svg", "bmp"))
    with pytest.raises(NotAnImage, match=r"pip install 'imagemill\[heic\]'"):
        sniff(ftyp(b"heic", b"mif1"))


@pytest.mark.parametrize(
    ("head", "named"),
    [
        (b"", "empty"),
        (ftyp(b"heic", b"mif1"), "HEIC"),
        (ftyp(b"mif1", b"heic"), "HEIC"),
        (ftyp(b"isom", b"mp42"), "video"),
        (BMP, "BMP"),
        (b"\x00\x00\x01\x00\x01\x00" + bytes(16), "ICO"),
        (b"\x00\x00\x02\x00\x01\x00" + bytes(16), "CUR"),
        (b"\xff\x0a\x00", "JPEG XL"),
        (b"\x00\x00\x00\x0cjP  \r\n\x87\n", "JPEG 2000"),
        (b"%PDF-1.7", "PDF"),
        (b"\x1f\x8b\x08\x00", "svgz"),
        (b"8BPS\x00\x01", "PSD"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "SVG"),
        (b"\xef\xbb\xbf<?xml version='1.0'?>\n<svg/>", "SVG"),
        (b"<!doctype html><html>", "web page"),
        (b"P6\n2 2\n255\n", "PPM"),
        (b"2 2\n1 2\n3 4\n", "not an image"),
        (b"RIFF\x24\x00\x00\x00WEBPJUNK", "not an image"),
        (b"RIFF\x24\x00\x00\x00WAVEfmt ", "not an image"),
        (b"\xff\xd8\xff\xd8\xff\xe0", "not an image"),
        (b"\xff\xd8", "not an image"),
        (b"\x89PNG\r\n\x1a\n", "not an image"),
        (b"GIF89", "not an image"),
    ],
)
def test_what_is_not_read(head: bytes, named: str) -> None:
    """Anything else is refused with a word for what it looks like."""
    with pytest.raises(NotAnImage, match=named) as caught:
        sniff(head)
    assert caught.value.code == "not_an_image"


@given(st.binary(max_size=300))
def test_any_bytes_are_told_or_refused(head: bytes) -> None:
    """No bytes make the sniffer fail in another way."""
    with suppress(NotAnImage):
        assert sniff(head, KNOWN) in KNOWN


def test_files_of_other_formats_under_our_names_stop_here(corpus: Path) -> None:
    """Every file of the confusion set is refused, whatever it is called (D10), or is what a rare worker looks at."""
    folder = corpus / "hostile" / "confusion"
    names = sorted(path.name for path in folder.iterdir())
    assert len(names) > 20
    for name in names:
        with pytest.raises(NotAnImage):
            sniff((folder / name).read_bytes()[:4096])
    rare = {name: recognise((folder / name).read_bytes()[:4096]) for name in names}
    assert {name for name, word in rare.items() if word is not None and word not in RARE} == set()
