"""Estimates of what a job costs."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.cpu import cpu_seconds

from imagemill.engine.cost import Estimate, check_affordable, estimate
from imagemill.engine.geometry import lay_out
from imagemill.engine.port import Facts
from imagemill.engine.settings import EngineSettings
from imagemill.errors import Unprocessable
from imagemill.recipe.model import Output, Pixels, Recipe, Resize
from imagemill.recipe.vocabulary import Format

PHOTO = Facts(format="jpeg", width=4000, height=3000)
SETTINGS = EngineSettings()


def cost(facts: Facts, width: int | None, fmt: Format = Format.JPEG, *, output: Output | None = None) -> Estimate:
    """The estimate for one width."""
    recipe = Recipe(resize=Resize(width=None if width is None else Pixels(width)), output=output or Output())
    return estimate(facts, recipe, fmt, lay_out(facts, recipe))


def test_a_thumbnail_costs_tens_of_milliseconds() -> None:
    """12 MP to 720 px: what was measured, within a factor of two."""
    assert 0.015 < cost(PHOTO, 720).cpu_seconds < 0.06
    assert cost(PHOTO, 720).peak_bytes < 60_000_000


def test_more_pixels_and_dearer_formats_cost_more() -> None:
    """The order of costs is the measured one."""
    assert cost(PHOTO, 400).cpu_seconds < cost(PHOTO, 800).cpu_seconds < cost(PHOTO, 3000).cpu_seconds
    seconds = [cost(PHOTO, 1600, fmt).cpu_seconds for fmt in (Format.JPEG, Format.WEBP, Format.PNG, Format.AVIF)]
    assert seconds == sorted(seconds)
    assert cost(PHOTO, 1600, Format.GIF).cpu_seconds > seconds[-1]
    lossless = cost(PHOTO, 1600, Format.AVIF, output=Output(lossless=True))
    assert lossless.cpu_seconds > cost(PHOTO, 1600, Format.AVIF).cpu_seconds


def test_a_deep_picture_under_a_profile_costs_its_conversion() -> None:
    """From 16 bits a profile costs a tenth of a second a megapixel of the result: 12 MP are more than a second."""
    plain = Facts(format="png", width=4000, height=3000, bits=16)
    under = replace(plain, profile="Display P3")
    assert cost(under, None).cpu_seconds - cost(plain, None).cpu_seconds > 1.0


def test_every_frame_costs() -> None:
    """A film costs its frames, a still of it one."""
    film = Facts(format="gif", width=400, height=300, pages=100, animated=True, whole_frame=True)
    assert cost(film, 200, Format.GIF).cpu_seconds > 50 * cost(film, 200, Format.JPEG).cpu_seconds / 4
    assert cost(film, 200, Format.GIF, output=Output(animate=False)).cpu_seconds < 0.05


@pytest.mark.parametrize(
    ("facts", "fits"),
    [
        (Facts(format="jpeg", width=10_000, height=10_000), True),
        (Facts(format="jpeg", width=7000, height=7000, whole_frame=True), True),
        (Facts(format="png", width=10_000, height=10_000), True),
        (Facts(format="avif", width=6000, height=5000, whole_frame=True), True),
        (Facts(format="avif", width=7000, height=7000, whole_frame=True), False),
        (Facts(format="avif", width=6000, height=5000, whole_frame=True, bits=10), False),
        (Facts(format="webp", width=10_000, height=10_000), False),
    ],
)
def test_what_does_not_fit_is_refused_before_it_is_decoded(facts: Facts, fits: bool) -> None:  # a column
    """Decoders that hold the whole picture are refused by what they would hold."""
    asked = cost(facts, 720)
    if fits:
        check_affordable(asked, SETTINGS)
        return
    with pytest.raises(Unprocessable, match="memory") as caught:
        check_affordable(asked, SETTINGS)
    assert caught.value.code == "too_complex"


def test_what_cannot_be_done_in_time_is_refused_before_it_is_decoded() -> None:
    """An estimate is believed beyond doubt: twice the limit. Below that the limit itself decides."""
    check_affordable(Estimate(15.9, 0), SETTINGS)
    with pytest.raises(Unprocessable, match="CPU-seconds") as caught:
        check_affordable(Estimate(16.1, 0), SETTINGS)
    assert caught.value.code == "too_complex"


def test_estimating_is_cheap() -> None:
    """A layout and its cost take well under a millisecond."""
    cost(PHOTO, 720)
    with cpu_seconds() as spent:
        for width in range(700, 800):
            cost(PHOTO, width)
    assert spent.seconds / 100 < 0.001
