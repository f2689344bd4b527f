"""One scale of quality for all encoders."""

from __future__ import annotations

import pytest

from imagemill.recipe.quality import DEFAULT_QUALITY, EQUAL_LOOKS, JXL_DISTANCES, encoder_quality
from imagemill.recipe.vocabulary import Format


def test_the_anchor_of_the_contract() -> None:
    """76 is WebP 82 and AVIF 65, and JPEG's own scale."""
    assert DEFAULT_QUALITY == 76
    assert encoder_quality(76, Format.WEBP) == 82
    assert encoder_quality(76, Format.AVIF) == 65
    assert encoder_quality(76, Format.JPEG) == 76


@pytest.mark.parametrize("fmt", [Format.JPEG, Format.WEBP, Format.AVIF, Format.TIFF])
def test_more_is_never_less(fmt: Format) -> None:
    """The encoder's value rises with `q`, from 1 to 100, and stays inside."""
    values = [encoder_quality(quality, fmt) for quality in range(1, 101)]
    assert values == sorted(values)
    assert (values[0], values[-1]) == (1, 100)
    assert len(set(values)) > 70


@pytest.mark.parametrize("point", EQUAL_LOOKS)
def test_the_points_of_the_table_are_met(point: tuple[int, int, int]) -> None:
    """At a point the value is the table's, not an interpolation's."""
    jpeg, webp, avif = point
    assert (encoder_quality(jpeg, Format.WEBP), encoder_quality(jpeg, Format.AVIF)) == (webp, avif)


def test_every_encoder_has_a_value_at_the_same_points() -> None:
    """The table in the docs has one line for each point, with a value for every format."""
    assert [point[0] for point in JXL_DISTANCES] == [point[0] for point in EQUAL_LOOKS]
