"""BlurHash, ThumbHash and the perceptual hash are those of the references; the palette is that of the picture."""

from __future__ import annotations

import base64

import pytest
from tests.engine.reference_pictures import HASHES, rgba_of

from imagemill.engine.summaries.blurhash import blurhash
from imagemill.engine.summaries.palette import average, palette
from imagemill.engine.summaries.perceptual_hash import perceptual_hash
from imagemill.engine.summaries.pixels import Pixels
from imagemill.engine.summaries.thumbhash import thumbhash

EDGE_OF_CHANCE = ("plain", "across", "down")
"""Where most of the 64 sums are zero, what the reference answers is its rounding errors (ThumbHash: in plain ones)."""


@pytest.mark.parametrize("name", HASHES)
def test_the_blurhash_is_that_of_the_reference(name: str) -> None:
    """Our 28 characters are woltapp's."""
    assert blurhash(Pixels.from_rgba(*rgba_of(name))) == HASHES[name]["blurhash"]


@pytest.mark.parametrize("name", [name for name in HASHES if not name.startswith("plain")])
def test_the_thumbhash_is_that_of_the_reference(name: str) -> None:
    """Our bytes are evanw's."""
    assert thumbhash(Pixels.from_rgba(*rgba_of(name))) == base64.b64decode(HASHES[name]["thumbhash"])


@pytest.mark.parametrize("name", [name for name in HASHES if not name.startswith(EDGE_OF_CHANCE)])
def test_the_perceptual_hash_is_that_of_the_reference(name: str) -> None:
    """Our 64 bits are imagehash's."""
    assert perceptual_hash(Pixels.from_rgba(*rgba_of(name))) == HASHES[name]["phash"]


def test_a_picture_too_large_for_a_thumbhash_is_refused() -> None:
    """101 pixels are one more than the reference takes."""
    with pytest.raises(ValueError, match="100x100"):
        thumbhash(Pixels.from_rgba(101, 1, bytes(404)))


def test_pixels_need_all_their_bytes() -> None:
    """A byte too few is told, not read past."""
    with pytest.raises(ValueError, match="expected 16 bytes"):
        Pixels.from_rgba(2, 2, bytes(15))


def test_the_palette_of_flat_areas_is_their_colours_with_their_shares() -> None:
    """Half red, a third green, a sixth blue: these three, and no colour that nobody sees."""
    row = bytes((200, 30, 30, 255)) * 3 + bytes((30, 160, 40, 255)) * 2 + bytes((20, 40, 220, 255))
    found = palette(Pixels.from_rgba(6, 10, row * 10))
    assert [colour for colour, _ in found] == ["#c81e1e", "#1ea028", "#1428dc"]
    assert [share for _, share in found] == [0.5, pytest.approx(1 / 3, abs=1e-4), pytest.approx(1 / 6, abs=1e-4)]


def test_a_palette_has_at_most_five_colours_whose_shares_are_the_whole() -> None:
    """Even of noise; the most frequent comes first, and twice the same picture gives twice the same."""
    pixels = Pixels.from_rgba(*rgba_of("noise 100x75"))
    found = palette(pixels)
    shares = [share for _, share in found]
    assert len(found) == 5
    assert sum(shares) == pytest.approx(1, abs=1e-3)
    assert shares == sorted(shares, reverse=True)
    assert found == palette(pixels)


def test_what_is_transparent_has_no_colour() -> None:
    """Invisible green neither tints the average nor stands in the palette."""
    row = bytes((200, 30, 30, 255)) + bytes((0, 255, 0, 0)) * 9
    pixels = Pixels.from_rgba(10, 1, row)
    assert average(pixels) == "#c81e1e"
    assert palette(pixels) == [("#c81e1e", 1.0)]


def test_a_picture_without_a_visible_pixel_is_white() -> None:
    """What is seen of it is the page behind it."""
    pixels = Pixels.from_rgba(4, 4, bytes(64))
    assert average(pixels) == "#ffffff"
    assert palette(pixels) == [("#ffffff", 1.0)]


def test_the_average_is_the_mean_of_the_codes() -> None:
    """Two greys and their middle."""
    assert average(Pixels.from_rgba(2, 1, bytes((10, 20, 30, 255, 20, 40, 60, 255)))) == "#0f1e2d"
