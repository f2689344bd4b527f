"""What holds for every row of effects: whoever adds one, and forgets a place, is told here."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image
from tests.engine.engine_pictures import encoded, made, opened, pixels_of

from imagemill.engine.cost import estimate
from imagemill.engine.geometry import lay_out
from imagemill.engine.port import Facts
from imagemill.recipe.model import Recipe
from imagemill.recipe.options.effects import EFFECTS
from imagemill.recipe.options.option import Option
from imagemill.recipe.options.reading import parse_options
from imagemill.recipe.vocabulary import Format

FREE = {"flip": "left and right are read the other way round"}
"""Effects whose example costs nothing, and why."""

each_effect = pytest.mark.parametrize("option", EFFECTS, ids=[option.name for option in EFFECTS])


@each_effect
def test_an_effect_changes_the_picture(option: Option) -> None:
    """The row's own example makes other pixels: its step stands in the order of work."""
    slope = np.linspace(20, 200, 90 * 60 * 3).reshape(60, 90, 3)
    picture = encoded(Image.fromarray((slope + np.random.default_rng(1).integers(0, 40, slope.shape)).astype(np.uint8)))
    plain, changed = (
        pixels_of(opened(made(picture, recipe, Format.PNG)))
        for recipe in (Recipe(), parse_options(option.example).recipe)
    )
    assert plain.shape != changed.shape or np.abs(plain.astype(int) - changed).mean() > 0.5


@each_effect
def test_an_effect_has_a_price(option: Option) -> None:
    """Admission reckons with it: the example costs more CPU than the picture without it."""
    facts = Facts(format="jpeg", width=4000, height=3000)
    plain, dearer = (
        estimate(facts, recipe, Format.JPEG, lay_out(facts, recipe)).cpu_seconds
        for recipe in (parse_options("w=1000").recipe, parse_options(f"w=1000,{option.example}").recipe)
    )
    assert dearer > plain or option.name in FREE
