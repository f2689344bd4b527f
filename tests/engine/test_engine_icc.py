"""Colour profiles: which are sound, and which are an old friend under another name."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import ImageCms

from imagemill.engine import icc

SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


@pytest.mark.parametrize(
    ("name", "space", "like"),
    [
        ("sRGB-v4.icc", "rgb", "srgb"),
        ("sRGB-v2-nano.icc", "rgb", "srgb"),
        ("sRGB-v2-micro.icc", "rgb", "srgb"),
        ("sRGB-v2-magic.icc", "rgb", "srgb"),
        ("DisplayP3-v4.icc", "rgb", "p3"),
        ("DisplayP3-v2-micro.icc", "rgb", "p3"),
        ("AdobeCompat-v4.icc", "rgb", None),
        ("ProPhoto-v4.icc", "rgb", None),
        ("Rec2020-v4.icc", "rgb", None),
        ("Rec709-v4.icc", "rgb", None),
        ("scRGB-v2.icc", "rgb", None),
        ("DCI-P3-v4.icc", "rgb", None),
        ("sGrey-v4.icc", "gray", "srgb"),
        ("CGATS001Compat-v2-micro.icc", "cmyk", None),
    ],
)
def test_profiles_are_told_by_their_numbers(corpus: Path, name: str, space: str, like: str | None) -> None:
    """Only what shows no difference is taken for sRGB or Display P3."""
    found = icc.read((corpus / "profiles" / name).read_bytes())
    assert found is not None
    assert (found.space, found.like) == (space, like)


def test_a_profile_has_a_printable_name() -> None:
    """The description becomes the short word of the facts."""
    found = icc.read(SRGB)
    assert found is not None
    assert "sRGB" in found.name
    assert found.like == "srgb"


def changed(at: int, value: bytes) -> bytes:
    """The sRGB profile with bytes overwritten."""
    return SRGB[:at] + value + SRGB[at + len(value) :]


@pytest.mark.parametrize(
    "profile",
    [
        b"",
        bytes(1_000_000),
        SRGB[:100],
        SRGB[:-1],
        changed(36, b"xxxx"),
        changed(12, b"link"),
        changed(16, b"XYZ "),
        changed(0, struct.pack(">I", 2**31)),
        changed(128, struct.pack(">I", 2**32 - 1)),
        changed(136, struct.pack(">I", 2**31)),
    ],
    ids=[
        *("nothing", "zeros", "a part", "a byte short", "no signature", "a link between devices", "no RGB"),
        *("too long", "too many tags", "a tag outside"),
    ],  # a profile holds the time at which it was made: its bytes are no name that two test processes agree on
)
def test_unsound_profiles_are_ignored(profile: bytes) -> None:
    """A profile that does not hold together is no profile (D16)."""
    assert icc.read(profile) is None


def test_a_table_must_fit_its_tag() -> None:
    """A grid of 255 to the power of 15 points is not in 100 bytes."""
    tag = b"mft2" + bytes(4) + bytes([15, 15, 255, 0]) + bytes(100)
    head = bytearray(changed(128, struct.pack(">I4sII", 1, b"A2B0", 144, len(tag)))[:144] + tag)
    head[0:4] = struct.pack(">I", len(head))
    assert icc.read(bytes(head)) is None


@given(st.integers(min_value=0, max_value=len(SRGB) - 1), st.binary(min_size=1, max_size=64))
def test_no_profile_makes_the_reader_fail(at: int, noise: bytes) -> None:
    """A damaged profile is read or ignored."""
    icc.read((SRGB[:at] + noise + SRGB[at + len(noise) :])[: len(SRGB)])
