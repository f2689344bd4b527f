"""The grammar as a table: one row for each option of the contract, in the order of the canonical text.

A row says everything about its option: how it is called, which values it takes and how they are read, the words an
error uses for what was expected, how a recipe says it back, and which capability carries it out. `docs/options.md` is
written from it, and a test walks it. The rows stand in `frame`, `effects`, `layers`, `output` and `request`.
"""

from __future__ import annotations

from dataclasses import replace

from imagemill.recipe.model import ImageLayer, Recipe, TextLayer
from imagemill.recipe.options.effects import EFFECTS
from imagemill.recipe.options.frame import FRAME
from imagemill.recipe.options.layers import LAYERS, MAX_LAYERS, WORDS
from imagemill.recipe.options.option import Option
from imagemill.recipe.options.output import OUTPUT
from imagemill.recipe.options.request import REQUEST

PICTURE: tuple[Option, ...] = (*FRAME, *EFFECTS)
"""Rows that come before the layers in a canonical text."""

ALL: tuple[Option, ...] = (*PICTURE, *LAYERS, *WORDS, *OUTPUT, *REQUEST)
"""Every row once, in the order of the documentation."""


def _numbered(option: Option, number: int) -> Option:
    """Return a layer's row for its `number`: `wmpos` becomes `wm2pos`."""
    return replace(option, name=f"wm{number}{option.name[2:]}", key=f"wm{number}{option.key[2:]}")


def _names() -> dict[str, Option]:
    rows = [*ALL, *(_numbered(option, number) for number in range(2, MAX_LAYERS + 1) for option in LAYERS)]
    return {name: option for option in rows for name in (option.name, *option.aliases)}


BY_NAME: dict[str, Option] = _names()
"""The row of each name and alias that a URL may use."""


def written(recipe: Recipe) -> list[str]:
    """Return the items `name=value` of a recipe in normal form, in canonical order."""
    items = [f"{option.name}={text}" for option in PICTURE if (text := option.write(recipe))]
    if recipe.layers:
        items += _written_layers(recipe)
    items += [f"{option.name}={text}" for option in OUTPUT if (text := option.write(recipe))]
    return items


def _written_layers(recipe: Recipe) -> list[str]:
    items: list[str] = []
    number = 0
    for layer in recipe.layers:
        if isinstance(layer, ImageLayer):
            number += 1
            prefix = "wm" if number == 1 else f"wm{number}"
            items += [f"{prefix}{row.name[2:]}={text}" for row in LAYERS if (text := row.write(layer))]
        else:
            assert isinstance(layer, TextLayer)
            items += [f"{row.name}={text}" for row in WORDS if (text := row.write(layer))]
    return items
