"""What an original is, from its header, and whether all of it is there."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image
from tests.cpu import cpu_seconds
from tests.engine.engine_pictures import LIMITS, encoded, quarters

from imagemill.engine.port import Facts
from imagemill.engine.probe import probe, verify
from imagemill.errors import ImagemillError, NotAnImage, Unprocessable


@pytest.mark.parametrize(
    ("mode", "fmt", "options", "expected"),
    [
        ("RGB", "JPEG", {}, Facts(format="jpeg", width=240, height=160)),
        ("RGB", "JPEG", {"progressive": True}, Facts(format="jpeg", width=240, height=160, whole_frame=True)),
        ("L", "JPEG", {}, Facts(format="jpeg", width=240, height=160, colour="b-w")),
        ("CMYK", "JPEG", {}, Facts(format="jpeg", width=240, height=160, colour="cmyk")),
        ("RGBA", "PNG", {}, Facts(format="png", width=240, height=160, alpha=True)),
        ("LA", "PNG", {}, Facts(format="png", width=240, height=160, alpha=True, colour="b-w")),
        ("1", "PNG", {}, Facts(format="png", width=240, height=160, bits=1, colour="b-w")),
        ("RGB", "WEBP", {}, Facts(format="webp", width=240, height=160)),
        ("RGBA", "WEBP", {"lossless": True}, Facts(format="webp", width=240, height=160, alpha=True)),
        ("RGB", "AVIF", {}, Facts(format="avif", width=240, height=160, whole_frame=True)),
    ],
)
def test_facts(mode: str, fmt: str, options: dict[str, object], expected: Facts) -> None:
    """Probing and verifying tell the same, from the file alone."""
    image = quarters().convert(mode)
    if "A" in mode:
        image.putalpha(128)
    data = encoded(image, fmt, **options)
    assert probe(data, LIMITS) == verify(data, LIMITS) == expected


def test_the_profile_is_named(corpus: object) -> None:
    """A sound profile is told by its name, an unsound one not at all."""
    from pathlib import Path

    assert isinstance(corpus, Path)
    assert probe((corpus / "clean/icc/display_p3.jpg").read_bytes(), LIMITS).profile == "sP3"
    assert probe((corpus / "hostile/icc/garbage.jpg").read_bytes(), LIMITS).profile is None


@pytest.mark.parametrize("fmt", ["JPEG", "PNG", "WEBP", "GIF", "AVIF"])
def test_a_file_cut_anywhere_is_not_verified(fmt: str) -> None:
    """Each of many cuts is refused; only the last bytes of a PNG, after its pixels, may be missing."""
    rng = np.random.default_rng(7)
    whole = encoded(Image.fromarray(rng.integers(0, 256, (96, 128, 3), dtype=np.uint8)), fmt)
    for share in (0.0, 0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99):
        with pytest.raises((Unprocessable, NotAnImage)):
            verify(whole[: int(len(whole) * share)], LIMITS)
    assert verify(whole, LIMITS).width == 128


def test_a_progressive_picture_is_verified_too() -> None:
    """A cut in the last scan is found."""
    rng = np.random.default_rng(8)
    image = Image.fromarray(rng.integers(0, 256, (200, 200, 3), dtype=np.uint8))
    whole = encoded(image, "JPEG", progressive=True)
    with pytest.raises(ImagemillError):
        verify(whole[: len(whole) - 50], LIMITS)


def test_probing_reads_headers_only() -> None:
    """A picture of 20 megapixels is probed in a few milliseconds."""
    data = encoded(Image.new("RGB", (5000, 4000)), "JPEG")
    probe(data, LIMITS)
    with cpu_seconds() as spent:
        probe(data, LIMITS)
    assert spent.seconds < 0.01
