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
from imagemill.recipe.options.layers import MAX_LAYERS
from imagemill.recipe.scaling import PLAIN_ADJUST, PLAIN_OUTPUT, PLAIN_RESIZE
from imagemill.recipe.vocabulary import Anchor, Blend, Dynamic, Fit, Format, Metadata, Profile

T = TypeVar("T")
Values = dict[str, Any]
"""Typed values by canonical option name; each was read by its row, so its type is the row's."""

_RESIZE = frozenset({"w", "h", "ar", "fit", "g", "enlarge", "dpr"})
_ADJUST = frozenset({"bri", "con", "sat", "hue", "gam", "grayscale", "sepia", "invert", "normalize", "duotone"})
_OUTPUT = frozenset({"fm", "q", "max_bytes", "lossless", "anim", "meta", "icc", "hdr"})
LAYER_NAMES = ("wm", *(f"wm{number}" for number in range(2, MAX_LAYERS + 1)))


def build(values: Values) -> Recipe:
    """Return the recipe that `values` say; a stated number of `dpr` is not in it, the caller folds it."""
    get = values.get
    names = values.keys()
    return Recipe(
        page=get("page", 0),
        trim=get("trim"),
        crop=get("crop"),
        resize=PLAIN_RESIZE if _RESIZE.isdisjoint(names) else _resize(values),
        flip=get("flip"),
        rotate=get("rot", 0),
        blur=get("blur"),
        sharpen=get("sharpen"),
        pixelate=get("pixelate"),
        adjust=PLAIN_ADJUST if _ADJUST.isdisjoint(names) else _adjust(values),
        redact=get("redact"),
        pad=get("pad"),
        background=get("bg"),
        radius=get("radius"),
        mask=get("mask"),
        layers=_layers(values),
        output=PLAIN_OUTPUT if _OUTPUT.isdisjoint(names) else _output(values),
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


def _adjust(values: Values) -> Adjust:
    get = values.get
    return Adjust(
        brightness=get("bri", 0),
        contrast=get("con", 0),
        saturation=get("sat", 0),
        hue=get("hue", 0),
        gamma=get("gam", 1),
        grayscale=get("grayscale", False),
        sepia=get("sepia", False),
        invert=get("invert", False),
        normalize=get("normalize", False),
        duotone=get("duotone"),
    )


def _output(values: Values) -> Output:
    get = values.get
    return Output(
        format=get("fm", Format.AUTO),
        quality=get("q"),
        max_bytes=get("max_bytes"),
        lossless=get("lossless", False),
        animate=get("anim", True),
        metadata=get("meta", Metadata.NONE),
        profile=get("icc", Profile.SRGB),
        dynamic=get("hdr", Dynamic.SDR),
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
