"""The rows of layers: images and words that stand on the picture (capability T6)."""

from __future__ import annotations

from imagemill.recipe import measures, wording
from imagemill.recipe.colours import read_colour, write_colour
from imagemill.recipe.options.option import Option, flag, unless
from imagemill.recipe.spelling import decimal, one_of, switch, whole, write_number
from imagemill.recipe.vocabulary import Anchor, Blend
from imagemill.recipe.wording import encoded, is_plain, to_base64url

MAX_LAYERS = 4
"""Image layers of one picture; each is another original to fetch and decode (threats A3)."""

_wide_share = decimal(0.1, 100)


def _read_scale(text: str) -> float:
    if not text.endswith("p"):
        raise ValueError(text)
    return _wide_share(text[:-1])


def _plain(text: str) -> str:
    return text if is_plain(text) else ""


def _coded(text: str) -> str:
    return "" if is_plain(text) else to_base64url(text)


LAYERS: tuple[Option, ...] = (
    Option(
        name="wm",
        values="the key of an image in the store (wm64 where it holds / , or &)",
        read=wording.read_key,
        write=lambda layer: _plain(layer.key),
        example="wm=logo.png",
        row="T6",
        about="A watermark; `wm2`, `wm3` and `wm4` are further ones, with `wm2pos` and so on.",
    ),
    Option(
        name="wm64",
        key="wm",
        values="base64url of a key",
        read=encoded(wording.read_key),
        write=lambda layer: _coded(layer.key),
        example="wm64=YnJhbmQvbG9nby5wbmc",
        row="T6",
        about="The same for a key with `/`, `,` or `&`; the second is `wm264`.",
    ),
    Option(
        name="wmpos",
        values="center, n, ne, e, se, s, sw, w or nw",
        read=measures.read_place,
        write=lambda layer: "" if layer.place.gravity is Anchor.SOUTH_EAST else layer.place.gravity.value,
        default="se",
        example="wm=logo.png,wmpos=nw",
        row="T6",
        about="Where it stands on the whole result, padding included.",
    ),
    Option(
        name="wmx",
        values="-8192…8192, or a percent such as 20p (-100p…100p)",
        read=measures.read_offset,
        write=lambda layer: measures.write_offset(layer.place.x),
        default="0",
        example="wm=logo.png,wmx=16",
        row="T6",
        about="Offset to the right, negative to the left, in pixels or percent of the result's width; what is outside "
        "is cut off.",
    ),
    Option(
        name="wmy",
        values="-8192…8192, or a percent such as 20p (-100p…100p)",
        read=measures.read_offset,
        write=lambda layer: measures.write_offset(layer.place.y),
        default="0",
        example="wm=logo.png,wmy=-16",
        row="T6",
        about="Offset downwards, negative upwards, in pixels or percent of the result's height.",
    ),
    Option(
        name="wmscale",
        values="a percent size such as 25p (0.1p…100p)",
        read=_read_scale,
        write=lambda layer: "" if layer.scale is None else f"{write_number(layer.scale)}p",
        default="its own size",
        example="wm=logo.png,wmscale=25p",
        row="T6",
        about="Its width as a share of the result's; at either size it is made to fit and never cut.",
    ),
    Option(
        name="wmop",
        values="0…100 with at most three places",
        read=decimal(0, 100),
        write=lambda layer: unless(100, layer.place.opacity),
        default="100",
        example="wm=logo.png,wmop=60",
        row="T6",
        about="Opacity in percent.",
    ),
    Option(
        name="wmtile",
        values="0 or 1",
        read=switch,
        write=lambda layer: flag(layer.tile),
        default="0",
        example="wm=logo.png,wmtile=1",
        row="T6",
        about="Repeat it over the whole picture, from where it would stand alone.",
    ),
    Option(
        name="wmblend",
        values="normal, multiply, screen, overlay, darken or lighten",
        read=one_of({blend.value: blend for blend in Blend}),
        write=lambda layer: "" if layer.blend is Blend.NORMAL else layer.blend.value,
        default="normal",
        example="wm=logo.png,wmblend=multiply",
        row="T6",
        about="How it meets what is below it, as in CSS `mix-blend-mode`.",
    ),
)
"""Rows of an image layer; `write` takes an ImageLayer. They stand four times, numbered from the second."""

WORDS: tuple[Option, ...] = (
    Option(
        name="text",
        values="1…1024 bytes of text (text64 where it holds / , or &)",
        read=wording.read_text,
        write=lambda layer: _plain(layer.text),
        example="text=Hello",
        row="T6",
        about="Words on the picture, wrapped to its width; `%0A` begins a line, markup is text.",
    ),
    Option(
        name="text64",
        key="text",
        values="base64url of 1…1024 bytes of text",
        read=encoded(wording.read_text),
        write=lambda layer: _coded(layer.text),
        example="text64=SGVsbG8sIHdvcmxk",
        row="T6",
        about="The same for any text.",
    ),
    Option(
        name="textpos",
        values="center, n, ne, e, se, s, sw, w or nw",
        read=measures.read_place,
        write=lambda layer: "" if layer.place.gravity is Anchor.CENTER else layer.place.gravity.value,
        default="center",
        example="text=Hello,textpos=s",
        row="T6",
        about="Where they stand, half their size from the edges.",
    ),
    Option(
        name="textsize",
        values="1…4000",
        read=whole(1, 4000),
        write=lambda layer: unless(24, layer.size),
        default="24",
        example="text=Hello,textsize=48",
        row="T6",
        about="Size of the font in pixels, as in CSS: a capital letter is about 0.73 of it high.",
    ),
    Option(
        name="textcolor",
        values="3, 4, 6 or 8 hex digits without # or a CSS colour name",
        read=read_colour,
        write=lambda layer: "" if layer.colour.hex8 == "000000ff" else write_colour(layer.colour),
        default="black",
        example="text=Hello,textcolor=white",
        row="T6",
        about="Their colour.",
    ),
    Option(
        name="textfont",
        values="a font's name of 1…64 letters, digits, -, _ and .",
        read=wording.read_name,
        write=lambda layer: layer.font or "",
        default="the built-in font",
        example="text=Hello,textfont=DejaVuSans-Bold",
        row="T6",
        about="Their font: `DejaVuSans` (built in), `DejaVuSans-Bold`, or one of the folder `engine.fonts`.",
    ),
    Option(
        name="textop",
        values="0…100 with at most three places",
        read=decimal(0, 100),
        write=lambda layer: unless(100, layer.place.opacity),
        default="100",
        example="text=Hello,textop=80",
        row="T6",
        about="Opacity in percent.",
    ),
)
"""Rows of the words; `write` takes a TextLayer."""
