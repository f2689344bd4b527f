"""What headers claim, read before any decoder."""

from __future__ import annotations

import struct
import zlib
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.cpu import cpu_seconds

from imagemill.engine.claims import Structure
from imagemill.engine.limits import Limits
from imagemill.engine.sniff import sniff
from imagemill.engine.structure import check_frames, examine
from imagemill.errors import NotAnImage, Unprocessable

LIMITS = Limits()


def png(width: int, height: int, *, interlaced: bool = False, first: bytes = b"") -> bytes:
    """A PNG that ends after its header."""
    content = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, int(interlaced))
    return (
        b"\x89PNG\r\n\x1a\n" + first + struct.pack(">I", 13) + content + struct.pack(">I", zlib.crc32(content))
    ).ljust(6000, b"\0")


def jpeg(width: int, height: int, *, code: int = 0xC0, scans: int = 1, of: int = 3) -> bytes:
    """A JPEG of headers, empty scans and filler; each scan holds `of` of three components."""
    frame = struct.pack(">BBHBHHB", 0xFF, code, 17, 8, height, width, 3) + bytes(9)
    scan = struct.pack(">BBHB", 0xFF, 0xDA, 6 + 2 * of, of) + bytes(2 * of + 3) + b"\x12\xff\x00\x34" * 1000
    return b"\xff\xd8\xff\xe0\x00\x04ab\xff\xff" + frame[1:] + scan * scans + b"\xff\xd9"


def gif(frames: int, width: int = 10, height: int = 10, *, left: int = 0) -> bytes:
    """A GIF of tiny frames."""
    frame = struct.pack("<BHHHHB", 0x2C, left, 0, 1, 1, 0) + b"\x02\x02\x4c\x01\x00"
    control = b"\x21\xf9\x04\x00\x00\x00\x00\x00"
    return b"GIF89a" + struct.pack("<HHBBB", width, height, 0x80, 0, 0) + bytes(6) + (control + frame) * frames + b";"


def read(data: bytes, limits: Limits = LIMITS) -> Structure:
    """Sniff and examine."""
    return examine(memoryview(data), sniff(data[:4096]), limits)


def test_png_header() -> None:
    """Size and interlacing come from IHDR, which may come a little late."""
    assert read(png(640, 480)) == Structure(width=640, height=480)
    assert read(png(640, 480, interlaced=True)).whole_frame
    assert read(png(640, 480, first=b"\x00\x00\x00\x03aaAa123" + bytes(4))).width == 640


def test_jpeg_header() -> None:
    """A baseline JPEG of one scan streams; one of several scans, or progressive, is held whole."""
    assert read(jpeg(640, 480)) == Structure(width=640, height=480)
    assert read(jpeg(640, 480, scans=3, of=1)) == Structure(width=640, height=480, whole_frame=True, scans=3)
    assert read(jpeg(640, 480, code=0xC2, scans=2)) == Structure(width=640, height=480, whole_frame=True, scans=2)


def test_a_jpeg_of_twelve_bits_is_refused_by_name() -> None:
    """It is not damaged, and no decoder is asked."""
    data = jpeg(640, 480).replace(struct.pack(">HB", 17, 8), struct.pack(">HB", 17, 12))
    with pytest.raises(NotAnImage, match="12 bits"):
        read(data)


def test_gif_header() -> None:
    """The canvas grows to hold its frames, and frames are counted."""
    assert read(gif(3)) == Structure(width=10, height=10, frames=3, whole_frame=True)
    assert read(gif(1, left=40)).width == 41


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (png(0, 10), "damaged"),
        (png(2**31 - 1, 2**31 - 1), "too_many_pixels"),
        (png(2**31 - 1, 1), "too_many_pixels"),
        (png(10_001, 10_000), "too_many_pixels"),
        (png(7072, 7072, interlaced=True), "too_many_pixels"),
        (png(9000, 9000)[:100], "too_many_pixels"),
        (jpeg(65500, 65500), "too_many_pixels"),
        (jpeg(7072, 7072, code=0xC2), "too_many_pixels"),
        (jpeg(640, 480, code=0xC2, scans=101), "too_complex"),
        (jpeg(640, 0), "damaged"),
        (b"\xff\xd8\xff\xe0\x00\x04ab\xff\xd9", "damaged"),
        (b"\xff\xd8\xff\xe0\x00\x04ab\x00\x00\x00", "damaged"),
        (b"\xff\xd8\xff\xe0\xff\xff", "damaged"),
        (gif(1, 65535, 65535), "too_many_pixels"),
        (gif(0), "damaged"),
        (b"RIFF\x16\x00\x00\x00WEBPVP8X\x0a\x00\x00\x00\x00\x00\x00\x00\xff\xff\xff\xff\xff\xff", "too_many_pixels"),
        (b"RIFF\x16\x00\x00\x00WEBPVP8 \x0a\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00", "damaged"),
        (b"\x00\x00\x00\x18ftypavif\x00\x00\x00\x00avifmif1" + bytes(40), "damaged"),
    ],
)
def test_refusals(data: bytes, code: str) -> None:
    """Canvases over the limits, filler, too many scans and headers without sense are refused by name."""
    with pytest.raises(Unprocessable) as caught:
        read(data)
    assert caught.value.code == code


def test_at_the_limit_is_taken() -> None:
    """100 megapixels that stream and 100 scans are still taken."""
    assert read(png(10_000, 10_000)).width == 10_000
    assert read(jpeg(640, 480, code=0xC2, scans=100)).scans == 100


@pytest.mark.parametrize(("frames", "side", "taken"), [(200, 1000, True), (201, 10, False), (100, 1500, False)])
def test_frames(frames: int, side: int, taken: bool) -> None:  # a column of the table
    """An animation may have 200 frames and 200 megapixels in all."""
    if taken:
        check_frames(frames, side, side, LIMITS)
        return
    with pytest.raises(Unprocessable, match="anim=0"):
        check_frames(frames, side, side, LIMITS)


@given(
    st.sampled_from([png(64, 48), jpeg(64, 48, code=0xC2, scans=3), gif(4), b"RIFF\x40\0\0\0WEBPVP8X" + bytes(64)]),
    st.binary(min_size=1, max_size=40),
    st.integers(min_value=0, max_value=120),
    st.integers(min_value=10, max_value=400),
)
def test_damage_is_refused_in_our_words(data: bytes, noise: bytes, at: int, length: int) -> None:
    """Overwritten or cut headers give a structure or one of our errors."""
    broken = (data[:at] + noise + data[at + len(noise) :])[:length]
    with suppress(NotAnImage, Unprocessable):
        assert read(broken).width > 0


BOMBS = {
    "bomb_png": {
        "gray1_20000x20000.png": "too_many_pixels",
        "rgba8_12000x12000.png": "too_many_pixels",
        "interlaced_16bit_8000.png": "too_many_pixels",
        "ihdr_max.png": "too_many_pixels",
        "ihdr_wide_1px.png": "too_many_pixels",
        "ihdr_zero.png": "damaged",
    },
    "bomb_jpeg": {
        "sof_65500_gray.jpg": "too_many_pixels",
        "progressive_30000.jpg": "too_many_pixels",
        "progressive_7000_49mp.jpg": "too_many_pixels",
        "progressive_many_scans_4000.jpg": "too_complex",
        "progressive_many_scans_7000.jpg": "too_complex",
        "progressive_repeated_scan_1500.jpg": "too_complex",
    },
    "bomb_webp": {"vp8l_flat_16383x16383.webp": "too_many_pixels", "vp8l_flat_7000x7000.webp": "too_many_pixels"},
    "bomb_anim": {
        "gif_8000_frames_10000x10000.gif": "too_many_pixels",
        "gif_screen_65535.gif": "too_many_pixels",
        "gif_frame_outside_canvas.gif": "too_many_pixels",
        "gif_no_images.gif": "damaged",
        "webp_canvas_2^24.webp": "too_many_pixels",
        "webp_4000_frames_16384.webp": "too_many_pixels",
    },
    "bomb_heif": {
        "avif_ispe_30000.avif": "too_many_pixels",
        "avif_ispe_max.avif": "too_many_pixels",
        "avif_grid_256x256_one_tile.avif": "too_many_pixels",
        "avif_ispe_zero.avif": "damaged",
    },
}


@pytest.mark.parametrize("folder", list(BOMBS))
def test_bombs_stop_at_their_headers(corpus: Path, folder: str) -> None:
    """Every bomb that lies about its size is refused from its header, in well under 50 ms of CPU (D1-D7)."""
    for name, code in BOMBS[folder].items():
        data = (corpus / "hostile" / folder / name).read_bytes()
        with cpu_seconds() as spent, pytest.raises(Unprocessable) as caught:
            read(data)
        assert caught.value.code == code, name
        assert spent.seconds < 0.05, name
