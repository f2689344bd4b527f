"""From the values of single options to a recipe, before `dpr` and the normal form."""

from __future__ import annotations

from typing import Any, TypeVar

from imagemill.recipe.model import (
    Adjust,
    Colour,
    Hinted,
    ImageLayer,
    Layer,
    Output,
    Place,
    Recipe,
    Resize,
    TextLayer,
)
from imagemill.recipe.options.effects import EFFECTS
from imagemill.recipe.options.frame import FRAME
from imagemill.recipe.options.layers import MAX_LAYERS
from imagemill.recipe.options.output import OUTPUT
from imagemill.recipe.scaling import PLAIN_ADJUST, PLAIN_OUTPUT, PLAIN_RESIZE
from imagemill.recipe.vocabulary import Anchor, Blend, Fit

T = TypeVar("T")
Values = dict[str, Any]
"""Typed values by canonical option name; each was read by its row, so its type is the row's."""

_RESIZE = frozenset({"w", "h", "ar", "fit", "g", "enlarge", "dpr"})
LAYER_NAMES = ("wm", *(f"wm{number}" for number in range(2, MAX_LAYERS + 1)))


_FIELDS = {row.key: row.field.rpartition(".")[::2] for row in (*FRAME, *EFFECTS, *OUTPUT) if row.field}
"""Of each option that fills a field as it is: the part of the recipe, empty for the recipe itself, and the field."""


def build(values: Values) -> Recipe:
    """Return the recipe that `values` say; a stated number of `dpr` is not in it, the caller folds it."""
    parts: dict[str, dict[str, Any]] = {"": {}, "adjust": {}, "output": {}}
    for name, value in values.items():
        if name in _FIELDS:
            part, field = _FIELDS[name]
            parts[part][field] = value
    return Recipe(
        resize=PLAIN_RESIZE if _RESIZE.isdisjoint(values) else _resize(values),
        adjust=Adjust(**parts["adjust"]) if parts["adjust"] else PLAIN_ADJUST,
        layers=_layers(values),
        output=Output(**parts["output"]) if parts["output"] else PLAIN_OUTPUT,
        **parts[""],
    )


def _resize(values: Values) -> Resize:
    get = values.get
    width, height, ratio = get("w"), get("h"), get("ar")
    two = ratio is not None or (width is not None and height is not None)
    dpr = get("dpr")
    return Resize(
        width=width,
        height=height,
        ratio=ratio,
        fit=get("fit") or (Fit.COVER if two else Fit.INSIDE),
        gravity=get("g"),
        enlarge=get("enlarge", False),
        dpr=dpr if isinstance(dpr, Hinted) else None,
    )


def _layers(values: Values) -> tuple[Layer, ...]:
    layers: list[Layer] = [_image(values, name) for name in LAYER_NAMES if name in values]
    if "text" in values:
        layers.append(_words(values))
    return tuple(layers)


def _image(values: Values, name: str) -> ImageLayer:
    get = values.get
    place = Place(
        gravity=get(f"{name}pos", Anchor.SOUTH_EAST),
        x=get(f"{name}x", 0),
        y=get(f"{name}y", 0),
        opacity=get(f"{name}op", 100),
    )
    return ImageLayer(
        key=values[name],
        place=place,
        scale=get(f"{name}scale"),
        tile=get(f"{name}tile", False),
        blend=get(f"{name}blend", Blend.NORMAL),
    )


def _words(values: Values) -> TextLayer:
    get = values.get
    return TextLayer(
        text=values["text"],
        place=Place(gravity=get("textpos", Anchor.CENTER), opacity=get("textop", 100)),
        size=get("textsize", 24),
        colour=get("textcolor", Colour("000000ff")),
        font=get("textfont"),
    )
