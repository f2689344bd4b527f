"""The index of an Ultra HDR file after its base was replaced."""

from __future__ import annotations

import io
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from tests.engine.engine_pictures import encoded, quarters
from tests.engine.ultra_hdr import parts, photo

from imagemill.engine.ultra_hdr_file import with_base


@pytest.mark.parametrize("quality", [5, 50, 100])
def test_base_and_map_are_found(quality: int) -> None:
    """Readers find the new base and the old map, whether the file became longer or shorter."""
    file, base = photo(), encoded(quarters(320, 240), "JPEG", quality=quality)
    made = with_base(file, base)
    found, light = parts(made)
    before = parts(file)[1]
    assert light is not None
    assert before is not None
    assert np.array_equal(np.asarray(found), np.asarray(Image.open(io.BytesIO(base))))
    assert np.array_equal(np.asarray(light), np.asarray(before))


def test_an_index_that_pillow_reads() -> None:
    """The Multi-Picture index names two pictures of which the second is the map."""
    image = Image.open(io.BytesIO(with_base(photo(), encoded(quarters(320, 240), "JPEG"))))
    assert image.format == "MPO"
    assert getattr(image, "n_frames", 1) == 2
    image.seek(1)
    image.load()
    assert image.size == (160, 120)


def test_the_index_counts_the_bytes_of_both_pictures() -> None:
    """Sizes and offset are those of the file that was made (CIPA DC-007): the two pictures are all of it."""
    base = encoded(quarters(320, 240), "JPEG", quality=100)
    made = with_base(photo(), base)
    index = made.index(b"MPF\0") + 4
    order = "<" if made[index : index + 2] == b"II" else ">"
    entries = made.index(struct.pack(order + "H", 0xB002), index)
    at = index + struct.unpack_from(order + "I", made, entries + 8)[0]
    (first,) = struct.unpack_from(order + "I", made, at + 4)
    second, offset = struct.unpack_from(order + "II", made, at + 16 + 4)
    assert made[index + offset :][:2] == b"\xff\xd8"
    assert first == index + offset
    assert first + second == len(made)


def test_a_plain_jpeg_has_no_map_to_keep() -> None:
    """What is not an Ultra HDR file is refused."""
    with pytest.raises(ValueError, match="index"):
        with_base(encoded(quarters(), "JPEG"), encoded(quarters(), "JPEG"))


@given(st.binary(max_size=200))
def test_any_bytes_are_refused(data: bytes) -> None:
    """Whatever it is given."""
    with pytest.raises(ValueError, match="expected"):
        with_base(b"\xff\xd8" + data, encoded(quarters(16, 16), "JPEG"))
