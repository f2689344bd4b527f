"""Random recipes inside the grammar's ranges, and random spellings of one meaning."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any, TypeVar

from hypothesis import strategies as st

from imagemill.recipe.bounds import scaled_faults
from imagemill.recipe.canonical import normalise
from imagemill.recipe.measures import SEARCHING
from imagemill.recipe.model import (
    Adjust,
    Colour,
    DerivedBackground,
    FocalPoint,
    Hinted,
    ImageLayer,
    Layer,
    Output,
    Pad,
    Percent,
    Pixels,
    Place,
    Radius,
    Ratio,
    Recipe,
    Redaction,
    Region,
    Resize,
    SearchedQuality,
    TextLayer,
)
from imagemill.recipe.scaling import scaled
from imagemill.recipe.vocabulary import Anchor, Blend, Dynamic, Fit, Flip, Format, Mask, Metadata, Obscure, Profile

T = TypeVar("T")
Draw = Callable[[st.SearchStrategy[Any]], Any]


def thousandths(low: float, high: float) -> st.SearchStrategy[float]:
    """Numbers with at most three places; whole ones often."""
    exact = st.integers(round(low * 1000), round(high * 1000)).map(lambda number: number / 1000)
    whole = st.integers(-int(-low // 1), int(high)).map(float)
    return st.one_of(exact, whole).filter(lambda number: low <= number <= high)


def maybe(strategy: st.SearchStrategy[T]) -> st.SearchStrategy[T | None]:
    """Mostly nothing: most recipes say little."""
    return st.one_of(st.none(), st.none(), strategy)


pixels = st.integers(1, 8192).map(Pixels)
percents = thousandths(0.1, 1000).map(Percent)
places = st.sampled_from([anchor for anchor in Anchor if anchor not in SEARCHING])
focal_points = st.builds(FocalPoint, thousandths(0, 1), thousandths(0, 1))
colours = st.integers(0, 0xFFFFFFFF).map(lambda number: Colour(f"{number:08x}"))
offsets = st.one_of(st.integers(0, 65535).map(Pixels), thousandths(0, 99.999).map(Percent))
extents = st.one_of(st.integers(1, 65535).map(Pixels), thousandths(0.001, 100).map(Percent))
regions = st.builds(Region, left=offsets, top=offsets, width=extents, height=extents)
room = st.integers(0, 8192)
words = st.text(st.characters(exclude_categories=("Cs", "Cc", "Zl", "Zp")), min_size=1, max_size=40)
keys = st.text("abcXYZ09-_. ,&=é界", min_size=1, max_size=30).filter(lambda key: key.strip(".") != "")

resizes = st.builds(
    Resize,
    width=maybe(st.one_of(pixels, percents, st.builds(Hinted))),
    height=maybe(st.one_of(pixels, percents)),
    ratio=maybe(st.builds(Ratio, st.integers(1, 100), st.integers(1, 100))),
    fit=st.sampled_from(Fit),
    gravity=maybe(st.one_of(st.sampled_from(Anchor), focal_points)),
    enlarge=st.booleans(),
    dpr=maybe(st.builds(Hinted)),
)
adjustments = st.builds(
    Adjust,
    brightness=thousandths(-100, 100),
    contrast=thousandths(-100, 100),
    saturation=thousandths(-100, 100),
    hue=thousandths(-720, 720),
    gamma=thousandths(0.1, 9),
    grayscale=st.booleans(),
    sepia=st.booleans(),
    invert=st.booleans(),
    normalize=st.booleans(),
    duotone=maybe(st.tuples(colours, colours).map(lambda two: (two[0].hex8[:6], two[1].hex8[:6]))),
)
redactions = st.one_of(
    st.builds(Redaction, how=st.sampled_from(Obscure), areas=st.lists(regions, max_size=4).map(tuple)),
    st.builds(Redaction, how=st.sampled_from(Obscure), faces=st.just(True)),
)
image_layers = st.builds(
    ImageLayer,
    key=keys,
    place=st.builds(
        Place,
        gravity=places,
        x=st.one_of(st.integers(-8192, 8192), st.builds(Percent, thousandths(-100, 100))),
        y=st.integers(-8192, 8192),
        opacity=thousandths(0, 100),
    ),
    scale=maybe(thousandths(0.1, 100)),
    tile=st.booleans(),
    blend=st.sampled_from(Blend),
)
text_layers = st.builds(
    TextLayer,
    text=words,
    place=st.builds(Place, gravity=places, opacity=thousandths(0, 100)),
    size=st.integers(1, 4000),
    colour=colours,
    font=maybe(st.text("abcXYZ09-_.", min_size=1, max_size=64)),
)
qualities = st.one_of(st.integers(1, 100), st.builds(SearchedQuality), st.builds(SearchedQuality, thousandths(1, 100)))


@st.composite
def outputs(draw: Draw) -> Output:
    """Outputs without the two contradictions of `lossless`."""
    lossless = draw(st.booleans())
    formats = [fmt for fmt in Format if not (lossless and fmt in (Format.JPEG, Format.GIF))]
    return Output(
        format=draw(st.sampled_from(formats)),
        quality=draw(maybe(qualities)),
        max_bytes=None if lossless else draw(maybe(st.integers(1000, 100_000_000))),
        lossless=lossless,
        animate=draw(st.booleans()),
        metadata=draw(st.sampled_from(Metadata)),
        profile=draw(st.sampled_from(Profile)),
        dynamic=draw(st.sampled_from(Dynamic)),
    )


@st.composite
def _recipes(draw: Draw) -> Recipe:
    radius = draw(maybe(st.one_of(st.just(Radius(None)), st.builds(Radius, st.tuples(room, room, room, room)))))
    layers: list[Layer] = draw(st.lists(image_layers, max_size=4))
    layers += draw(st.lists(text_layers, max_size=1))
    return Recipe(
        page=draw(st.one_of(st.just(0), st.integers(0, 9999))),
        trim=draw(maybe(st.integers(0, 255))),
        crop=draw(maybe(regions)),
        resize=draw(resizes),
        flip=draw(maybe(st.sampled_from(Flip))),
        rotate=draw(st.one_of(st.just(0.0), thousandths(-720, 720))),
        blur=draw(maybe(thousandths(0.3, 100))),
        sharpen=draw(maybe(thousandths(0.3, 100))),
        pixelate=draw(maybe(st.integers(2, 256))),
        adjust=draw(st.one_of(st.just(Adjust()), adjustments)),
        redact=draw(maybe(redactions)),
        pad=draw(maybe(st.builds(Pad, top=room, right=room, bottom=room, left=room))),
        background=draw(maybe(st.one_of(colours, st.sampled_from(["auto", "blur"]).map(DerivedBackground)))),
        radius=radius,
        mask=draw(maybe(st.sampled_from(Mask))) if radius is None else None,
        layers=tuple(layers),
        output=draw(st.one_of(st.just(Output()), outputs())),
    )


def _in_range(recipe: Recipe) -> bool:
    """Whether the ratio left both sides in the grammar's range, also once `dpr=auto` is settled, at 1 at least."""
    normal = normalise(recipe)
    return not any(scaled_faults(normal)) and not any(scaled_faults(normalise(scaled(normal, 1))))


recipes = _recipes().filter(_in_range)
"""Recipes that the grammar can say, not yet in normal form."""


def coded(text: str) -> str:
    """The text in base64url without padding."""
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


@st.composite
def meanings(draw: Draw) -> list[list[list[str]]]:
    """One meaning: for each of its parts the ways to write it, each way a list of items."""
    number = draw(st.integers(1, 255))
    side = st.integers(1, 3000)
    width, height = draw(side), draw(side)
    one, two = draw(room), draw(room)
    degrees = draw(st.integers(0, 359))
    grey = draw(st.integers(0, 15)) * 17
    text = draw(words)
    parts: list[list[list[str]]] = [
        [
            [f"{width}x{height}"],
            [f"w={width}", f"h={height}"],
            [f"width={width}", f"height={height}"],
            [f"w=0{width}", f"h={height}"],
        ],
        draw(
            st.sampled_from(
                [
                    [["fit=cover"], ["fit=crop"], []],
                    [["fit=inside"], ["fit=max"], ["fit=limit"], ["fit=scale-down"]],
                    [["fit=contain"], ["fit=pad"]],
                    [["fit=fill"], ["fit=stretch"]],
                ]
            )
        ),
        draw(
            st.sampled_from(
                [
                    [["g=n"], ["gravity=top"], ["g=north"], ["g=fp:0.5:0"]],
                    [["g=attention"], ["gravity=smart"], ["g=auto"]],
                    [["g=center"], ["g=centre"], ["g=fp:0.50:0.5"]],
                    [["g=faces"], ["g=face"]],
                ]
            )
        ),
        [[f"pad={one}:{two}"], [f"pad={one}:{two}:{one}:{two}"], [f"pad={one}:{two}:{one}"]],
        [[f"radius={two}"], [f"radius={two}:{two}"], [f"radius={two}:{two}:{two}:{two}"]],
        [[f"bg={grey:02x}{grey:02x}{grey:02x}"], [f"background={grey // 17:X}{grey // 17:x}{grey // 17:X}f"]],
        [[f"rot={degrees}"], [f"rotate={degrees - 360}"], [f"rot={degrees}.000"]],
        [["flip=hv", "hue=-30"], ["flip=vh", "hue=330"]],
        [["grayscale=1"], ["gray=1"], ["greyscale=1"]],
        [["fm=jpg"], ["format=jpeg"], ["f=jpg"]],
        [["q=auto:good"], ["quality=auto:75"], ["q=auto:75.0"]],
        [[f"blur={number / 10 + 1}"], [f"blur={number / 10 + 1:.3f}"]],
        [[f"text64={coded(text)}"], *([[f"text={text}"]] if not set(text) & set(",&/") else [])],
        [[], ["enlarge=0"]],
        [[], ["page=0"], ["page=00"]],
        [[], ["anim=1"]],
        [[], ["dpr=1"], ["dpr=1.0"]],
        [[], ["meta=none", "icc=srgb", "hdr=sdr"]],
        [[], ["bri=0"], ["bri=-0"], ["gam=1", "con=0", "sat=0.000"]],
        [[], ["crop=0:0:100p:100p"], ["crop=0p:0:100p:100.0p"]],
        [[], ["lossless=0"], ["sepia=0"], ["invert=0"], ["normalize=0"]],
        [[], ["dl=1"], ["dl=x.jpg"]],
    ]
    return parts


@st.composite
def spellings(draw: Draw) -> tuple[str, str]:
    """Two spellings of one meaning, in any order and with any separators."""
    parts = draw(meanings())
    return draw(_spelled(parts)), draw(_spelled(parts))


@st.composite
def _spelled(draw: Draw, parts: list[list[list[str]]]) -> str:
    items = [item for ways in parts for item in draw(st.sampled_from(ways))]
    items = draw(st.permutations(items))
    items.sort(key=lambda item: "=" in item)  # `WxH` may only stand first
    text = ""
    for index, item in enumerate(items):
        text += ("" if index == 0 else draw(st.sampled_from(",&"))) + item
    return text
