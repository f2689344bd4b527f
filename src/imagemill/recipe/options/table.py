"""The grammar as a table: one row for each option of the contract, in the order of the canonical text.

A row says everything about its option: how it is called, which values it takes and how they are read, the words an
error uses for what was expected, how a recipe says it back, and which capability carries it out. `docs/options.md` is
written from it, and a test walks it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from imagemill.recipe import spelling
from imagemill.recipe.colours import read_colour, read_opaque, write_colour
from imagemill.recipe.model import (
    Background,
    Colour,
    DerivedBackground,
    ImageLayer,
    Recipe,
    SearchedQuality,
    TextLayer,
)
from imagemill.recipe.spelling import (
    Reader,
    decimal,
    encoded,
    first_of,
    is_plain,
    one_of,
    switch,
    to_base64url,
    whole,
    write_length,
    write_number,
)
from imagemill.recipe.vocabulary import Anchor, Blend, Dynamic, Fit, Flip, Format, Mask, Metadata, Profile

MAX_LAYERS = 4
"""Image layers of one picture; each is another original to fetch and decode (threats A3)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """One row. `read` raises ValueError; `write` gives the canonical value, "" where the recipe does not say it.

    `write` takes a Recipe, or the layer that the row belongs to. `key` is the name under which the value is gathered:
    the row's own name but for the `…64` spellings, which say the same thing as their plain brother.
    """

    name: str
    values: str
    read: Reader[Any]
    write: Callable[[Any], str] = lambda _: ""
    aliases: tuple[str, ...] = ()
    default: str = ""
    example: str
    row: str
    about: str = ""
    key: str = ""

    def __post_init__(self) -> None:
        """An option is gathered under its own name unless it says otherwise."""
        if not self.key:
            object.__setattr__(self, "key", self.name)


# --- readers and writers of one row only ---------------------------------------------------------------------------

_FITS = {fit.value: fit for fit in Fit} | {
    "scale-down": Fit.INSIDE,
    "limit": Fit.INSIDE,
    "max": Fit.INSIDE,
    "crop": Fit.COVER,
    "pad": Fit.CONTAIN,
    "stretch": Fit.FILL,
}
_FORMATS = {fmt.value: fmt for fmt in Format} | {"jpg": Format.JPEG}
_FLIPS = {flip.value: flip for flip in Flip} | {"vh": Flip.BOTH}
_TARGETS = {"low": 50.0, "good": 75.0, "best": 85.0}
_target = first_of(one_of(_TARGETS), decimal(1, 100))
_quality = whole(1, 100)
_wide_share = decimal(0.1, 100)


def _read_quality(text: str) -> int | SearchedQuality:
    if text == "auto":
        return SearchedQuality()
    return SearchedQuality(_target(text[5:])) if text.startswith("auto:") else _quality(text)


def _write_quality(recipe: Recipe) -> str:
    quality = recipe.output.quality
    if isinstance(quality, SearchedQuality):
        return "auto" if quality.target is None else f"auto:{write_number(quality.target)}"
    return "" if quality is None else str(quality)


def _read_background(text: str) -> Background:
    return DerivedBackground(text) if text in ("auto", "blur") else read_colour(text)


def _write_background(recipe: Recipe) -> str:
    background = recipe.background
    if isinstance(background, Colour):
        return write_colour(background)
    return "" if background is None else background.how


def _read_duotone(text: str) -> tuple[str, str]:
    dark, _, light = text.partition(":")
    return read_opaque(dark), read_opaque(light)


def _read_download(text: str) -> str | bool:
    return True if text == "1" else spelling.read_file_name(text)


def _read_scale(text: str) -> float:
    if not text.endswith("p"):
        raise ValueError(text)
    return _wide_share(text[:-1])


def _write_fit(recipe: Recipe) -> str:
    resize = recipe.resize
    two = resize.ratio is not None or (resize.width is not None and resize.height is not None)
    return "" if resize.fit is (Fit.COVER if two else Fit.INSIDE) else resize.fit.value


def _ratio(recipe: Recipe) -> str:
    ratio = recipe.resize.ratio
    return "" if ratio is None else f"{write_number(ratio.across)}:{write_number(ratio.down)}"


def _maybe(number: float | None) -> str:
    return "" if number is None else write_number(number)


def _unless(default: float, number: float) -> str:
    return "" if number == default else write_number(number)


def _flag(value: bool) -> str:
    return "1" if value else ""


def _plain(text: str) -> str:
    return text if is_plain(text) else ""


def _coded(text: str) -> str:
    return "" if is_plain(text) else to_base64url(text)


# --- the rows ------------------------------------------------------------------------------------------------------

_SIZE = "1…8192 or a percent size such as 50p (0.1p…1000p)"

OPTIONS: tuple[Option, ...] = (
    Option(
        name="w",
        aliases=("width",),
        values=f"{_SIZE}, or auto",
        read=spelling.read_width,
        write=lambda r: "" if r.resize.width is None else write_length(r.resize.width),
        default="from the aspect ratio",
        example="w=300",
        row="T3",
        about="Width; `auto` takes the client's width hint, snapped up to the ladder.",
    ),
    Option(
        name="h",
        aliases=("height",),
        values=_SIZE,
        read=spelling.read_size,
        write=lambda r: "" if r.resize.height is None else write_length(r.resize.height),
        default="from the aspect ratio",
        example="h=50p",
        row="T3",
        about="Height. Percent is of the picture after orientation and crop.",
    ),
    Option(
        name="ar",
        values="a ratio such as 16:9, between 1:100 and 100:1",
        read=spelling.read_ratio,
        write=_ratio,
        example="w=640,ar=16:9",
        row="T3",
        about="Aspect ratio, with `w` or `h`; implies `fit=cover`.",
    ),
    Option(
        name="fit",
        values="inside, cover, contain, fill or outside (scale-down, limit, max, crop, pad, stretch)",
        read=one_of(_FITS),
        write=_write_fit,
        default="cover where both sides are given, else inside",
        example="w=300,h=200,fit=contain",
        row="T3",
        about="How the picture meets the box; `scale-down` `limit` `max` = inside, `crop` = cover, `pad` = contain, "
        "`stretch` = fill. With one side every fit means the same.",
    ),
    Option(
        name="g",
        aliases=("gravity",),
        values="center, n, ne, e, se, s, sw, w, nw, attention, entropy, faces or fp:X:Y with X and Y 0…1",
        read=spelling.read_gravity,
        write=lambda r: "" if r.resize.gravity is None else spelling.write_gravity(r.resize.gravity),
        default="the original's focal point, else center",
        example="w=300,h=300,g=attention",
        row="T3",
        about="What must stay visible (`cover`), or where the picture stands (`contain`). Also `top`, `top-left`, "
        "`north` …; `auto` and `smart` = attention, `face` = faces.",
    ),
    Option(
        name="enlarge",
        values="0 or 1",
        read=switch,
        write=lambda r: _flag(r.resize.enlarge),
        default="0",
        example="w=2000,enlarge=1",
        row="T3",
        about="Whether the picture may become larger than it is.",
    ),
    Option(
        name="dpr",
        values="0.1…5 with at most three places, or auto",
        read=spelling.read_dpr,
        write=lambda r: "" if r.resize.dpr is None else "auto",
        default="1",
        example="w=300,dpr=2",
        row="T3",
        about="Device pixels for each CSS pixel. Scales width, height, pad, radius, blur, pixelate, text size and the "
        "offsets of layers; `auto` takes the client's hint (1, 1.5, 2 or 3).",
    ),
    Option(
        name="crop",
        values="X:Y:W:H, each in pixels or as a percent such as 25p",
        read=spelling.read_region,
        write=lambda r: "" if r.crop is None else spelling.write_region(r.crop),
        example="crop=10:10:50p:50p",
        row="T3",
        about="A region of the upright original, before resizing.",
    ),
    Option(
        name="trim",
        values="0…255",
        read=whole(0, 255),
        write=lambda r: _maybe(r.trim),
        example="trim=10",
        row="T3",
        about="Cut off a border of one colour; the number is how far it may differ.",
    ),
    Option(
        name="pad",
        values="1 to 4 numbers of pixels 0…8192 (T:R:B:L, shortened as in CSS)",
        read=spelling.read_pad,
        write=lambda r: "" if r.pad is None else spelling.write_pad(r.pad),
        example="w=300,pad=10:20",
        row="T3",
        about="Room around the picture, filled with `bg`.",
    ),
    Option(
        name="bg",
        aliases=("background",),
        values="3, 4, 6 or 8 hex digits without #, a CSS colour name, auto, blur or transparent",
        read=_read_background,
        write=_write_background,
        default="white where alpha cannot be kept",
        example="w=300,h=300,fit=contain,bg=fff8e0",
        row="T3",
        about="What shows behind the picture; `auto` is its main colour, `blur` a blurred copy.",
    ),
    Option(
        name="radius",
        values="1 to 4 numbers of pixels 0…8192, or max",
        read=spelling.read_radius,
        write=lambda r: "" if r.radius is None else spelling.write_radius(r.radius),
        example="w=300,radius=12",
        row="T3",
        about="Rounded corners from the top left, shortened as in CSS. Not together with `mask`.",
    ),
    Option(
        name="mask",
        values="circle or ellipse",
        read=one_of({mask.value: mask for mask in Mask}),
        write=lambda r: "" if r.mask is None else r.mask.value,
        example="w=200,h=200,mask=circle",
        row="T3",
        about="A shape cut out of the result.",
    ),
    Option(
        name="rot",
        aliases=("rotate",),
        values="degrees -360…360 with at most three places",
        read=decimal(-360, 360),
        write=lambda r: _unless(0, r.rotate),
        default="0",
        example="rot=90",
        row="T5",
        about="Turn clockwise; corners are filled with `bg`.",
    ),
    Option(
        name="flip",
        values="h, v or hv",
        read=one_of(_FLIPS),
        write=lambda r: "" if r.flip is None else r.flip.value,
        example="flip=h",
        row="T5",
        about="Mirror, before `rot`; `hv` is the same as `rot=180`.",
    ),
    Option(
        name="blur",
        values="0.3…100",
        read=decimal(0.3, 100),
        write=lambda r: _maybe(r.blur),
        example="blur=5",
        row="T5",
        about="Gaussian blur; the number is its sigma in pixels.",
    ),
    Option(
        name="sharpen",
        values="0.3…100",
        read=decimal(0.3, 100),
        write=lambda r: _maybe(r.sharpen),
        example="sharpen=1",
        row="T5",
        about="Sharpen; the number is the sigma in pixels.",
    ),
    Option(
        name="pixelate",
        values="2…256",
        read=whole(2, 256),
        write=lambda r: _maybe(r.pixelate),
        example="pixelate=16",
        row="T5",
        about="Square blocks of one colour; the number is their side.",
    ),
    *(
        Option(
            name=name,
            values="-100…100 with at most three places",
            read=decimal(-100, 100),
            write=lambda r, field=field: _unless(0, getattr(r.adjust, field)),  # type: ignore[misc]  # field is bound per row
            default="0",
            example=f"{name}=20",
            row="T5",
            about=about,
        )
        for name, field, about in (
            ("bri", "brightness", "Brightness."),
            ("con", "contrast", "Contrast."),
            ("sat", "saturation", "Saturation; -100 is grey."),
        )
    ),
    Option(
        name="hue",
        values="degrees -360…360 with at most three places",
        read=decimal(-360, 360),
        write=lambda r: _unless(0, r.adjust.hue),
        default="0",
        example="hue=90",
        row="T5",
        about="Turn every hue.",
    ),
    Option(
        name="gam",
        values="0.1…9 with at most three places",
        read=decimal(0.1, 9),
        write=lambda r: _unless(1, r.adjust.gamma),
        default="1",
        example="gam=1.4",
        row="T5",
        about="Gamma; above 1 is lighter.",
    ),
    *(
        Option(
            name=name,
            aliases=aliases,
            values="0 or 1",
            read=switch,
            write=lambda r, name=name: _flag(getattr(r.adjust, name)),  # type: ignore[misc]  # name is bound per row
            default="0",
            example=f"{name}=1",
            row="T5",
            about=about,
        )
        for name, aliases, about in (
            ("grayscale", ("greyscale", "gray"), "Shades of grey."),
            ("sepia", (), "Shades of brown."),
            ("invert", (), "The negative."),
            ("normalize", (), "Stretch the tones over the whole range."),
        )
    ),
    Option(
        name="duotone",
        values="two colours of 6 hex digits, RRGGBB:RRGGBB",
        read=_read_duotone,
        write=lambda r: "" if r.adjust.duotone is None else ":".join(r.adjust.duotone),
        example="duotone=1b1464:fff200",
        row="T5",
        about="Dark and light in two colours.",
    ),
    Option(
        name="redact",
        values="blur or pixelate, then X:Y:W:H of 1 to 32 areas or faces",
        read=spelling.read_redaction,
        write=lambda r: "" if r.redact is None else spelling.write_redaction(r.redact),
        example="redact=blur:10:10:200:80",
        row="T5",
        about="Make areas of the upright original unreadable.",
    ),
)
"""Rows about the picture, in canonical order; `LAYERS`, `WORDS`, `OUTPUT` and `REQUEST` follow."""

LAYERS: tuple[Option, ...] = (
    Option(
        name="wm",
        values="the key of an image in the store (wm64 where it holds / , or &)",
        read=spelling.read_key,
        write=lambda layer: _plain(layer.key),
        example="wm=logo.png",
        row="T6",
        about="A watermark; `wm2`, `wm3` and `wm4` are further ones, with `wm2pos` and so on.",
    ),
    Option(
        name="wm64",
        key="wm",
        values="base64url of a key",
        read=encoded(spelling.read_key),
        write=lambda layer: _coded(layer.key),
        example="wm64=YnJhbmQvbG9nby5wbmc",
        row="T6",
        about="The same for a key with `/`, `,` or `&`; the second is `wm264`.",
    ),
    Option(
        name="wmpos",
        values="center, n, ne, e, se, s, sw, w or nw",
        read=spelling.read_place,
        write=lambda layer: "" if layer.place.gravity is Anchor.SOUTH_EAST else layer.place.gravity.value,
        default="se",
        example="wm=logo.png,wmpos=nw",
        row="T6",
        about="Where it stands.",
    ),
    Option(
        name="wmx",
        values="-8192…8192",
        read=whole(-8192, 8192),
        write=lambda layer: _unless(0, layer.place.x),
        default="0",
        example="wm=logo.png,wmx=16",
        row="T6",
        about="Offset to the right in pixels.",
    ),
    Option(
        name="wmy",
        values="-8192…8192",
        read=whole(-8192, 8192),
        write=lambda layer: _unless(0, layer.place.y),
        default="0",
        example="wm=logo.png,wmy=-16",
        row="T6",
        about="Offset downwards in pixels.",
    ),
    Option(
        name="wmscale",
        values="a percent size such as 25p (0.1p…100p)",
        read=_read_scale,
        write=lambda layer: "" if layer.scale is None else f"{write_number(layer.scale)}p",
        default="its own size",
        example="wm=logo.png,wmscale=25p",
        row="T6",
        about="Its width as a share of the result's.",
    ),
    Option(
        name="wmop",
        values="0…100 with at most three places",
        read=decimal(0, 100),
        write=lambda layer: _unless(100, layer.place.opacity),
        default="100",
        example="wm=logo.png,wmop=60",
        row="T6",
        about="Opacity in percent.",
    ),
    Option(
        name="wmtile",
        values="0 or 1",
        read=switch,
        write=lambda layer: _flag(layer.tile),
        default="0",
        example="wm=logo.png,wmtile=1",
        row="T6",
        about="Repeat it over the whole picture.",
    ),
    Option(
        name="wmblend",
        values="normal, multiply, screen, overlay, darken or lighten",
        read=one_of({blend.value: blend for blend in Blend}),
        write=lambda layer: "" if layer.blend is Blend.NORMAL else layer.blend.value,
        default="normal",
        example="wm=logo.png,wmblend=multiply",
        row="T6",
        about="How it meets what is below it.",
    ),
)
"""Rows of an image layer; `write` takes an ImageLayer. They stand four times, numbered from the second."""

WORDS: tuple[Option, ...] = (
    Option(
        name="text",
        values="1…1024 bytes of text (text64 where it holds / , or &)",
        read=spelling.read_text,
        write=lambda layer: _plain(layer.text),
        example="text=Hello",
        row="T6",
        about="Words on the picture.",
    ),
    Option(
        name="text64",
        key="text",
        values="base64url of 1…1024 bytes of text",
        read=encoded(spelling.read_text),
        write=lambda layer: _coded(layer.text),
        example="text64=SGVsbG8sIHdvcmxk",
        row="T6",
        about="The same for any text.",
    ),
    Option(
        name="textpos",
        values="center, n, ne, e, se, s, sw, w or nw",
        read=spelling.read_place,
        write=lambda layer: "" if layer.place.gravity is Anchor.CENTER else layer.place.gravity.value,
        default="center",
        example="text=Hello,textpos=s",
        row="T6",
        about="Where they stand.",
    ),
    Option(
        name="textsize",
        values="1…4000",
        read=whole(1, 4000),
        write=lambda layer: _unless(24, layer.size),
        default="24",
        example="text=Hello,textsize=48",
        row="T6",
        about="Height of the letters in pixels.",
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
        read=spelling.read_name,
        write=lambda layer: layer.font or "",
        default="the built-in font",
        example="text=Hello,textfont=Open-Sans",
        row="T6",
        about="Their font.",
    ),
    Option(
        name="textop",
        values="0…100 with at most three places",
        read=decimal(0, 100),
        write=lambda layer: _unless(100, layer.place.opacity),
        default="100",
        example="text=Hello,textop=80",
        row="T6",
        about="Opacity in percent.",
    ),
)
"""Rows of the words; `write` takes a TextLayer."""

OUTPUT: tuple[Option, ...] = (
    Option(
        name="fm",
        aliases=("format", "f"),
        values="auto, jpeg (jpg), png, webp, avif, gif, tiff, jxl, best or source",
        read=one_of(_FORMATS),
        write=lambda r: "" if r.output.format is Format.AUTO else r.output.format.value,
        default="auto",
        example="fm=webp",
        row="T2",
        about="Format of the result; `auto` follows the client's Accept header, `source` is the original's own.",
    ),
    Option(
        name="q",
        aliases=("quality",),
        values="1…100, auto, or auto:N with N 1…100, low, good or best",
        read=_read_quality,
        write=_write_quality,
        default="76",
        example="q=60",
        row="T7",
        about="Quality on JPEG's scale (table below); `auto:N` searches for N in SSIMULACRA2 (`low` 50, `good` 75, "
        "`best` 85). Nothing in PNG, GIF and lossless results.",
    ),
    Option(
        name="max_bytes",
        values="1000…100000000",
        read=whole(1000, 100_000_000),
        write=lambda r: _maybe(r.output.max_bytes),
        example="max_bytes=50000",
        row="T7",
        about="The result is no larger; wins over `q`.",
    ),
    Option(
        name="lossless",
        values="0 or 1",
        read=switch,
        write=lambda r: _flag(r.output.lossless),
        default="0",
        example="fm=webp,lossless=1",
        row="T2",
        about="Every pixel exact; not with `fm=jpeg`, `fm=gif` or `max_bytes`.",
    ),
    Option(
        name="anim",
        values="0 or 1",
        read=switch,
        write=lambda r: "0" if not r.output.animate and not r.page else "",
        default="1",
        example="anim=0",
        row="T2",
        about="Whether an animation stays one.",
    ),
    Option(
        name="page",
        values="0…9999",
        read=whole(0, 9999),
        write=lambda r: _unless(0, r.page),
        default="0",
        example="page=2",
        row="T2",
        about="Which page or frame, from 0; a page after the first is a still picture.",
    ),
    Option(
        name="meta",
        values="none, copyright, all or all+gps",
        read=one_of({meta.value: meta for meta in Metadata}),
        write=lambda r: "" if r.output.metadata is Metadata.NONE else r.output.metadata.value,
        default="none",
        example="meta=copyright",
        row="T4",
        about="What of EXIF, IPTC and XMP survives; `all` is all but GPS.",
    ),
    Option(
        name="icc",
        values="srgb, keep or p3",
        read=one_of({profile.value: profile for profile in Profile}),
        write=lambda r: "" if r.output.profile is Profile.SRGB else r.output.profile.value,
        default="srgb",
        example="icc=p3",
        row="T4",
        about="Colour space of the result.",
    ),
    Option(
        name="hdr",
        values="sdr or keep",
        read=one_of({dynamic.value: dynamic for dynamic in Dynamic}),
        write=lambda r: "" if r.output.dynamic is Dynamic.SDR else r.output.dynamic.value,
        default="sdr",
        example="hdr=keep",
        row="T4",
        about="Standard dynamic range, or the HDR gain map kept.",
    ),
)
"""Rows about the bytes; `write` takes a Recipe."""

REQUEST: tuple[Option, ...] = (
    Option(
        name="p",
        aliases=("preset", "t"),
        values="a preset's name of 1…64 letters, digits, -, _ and .",
        read=spelling.read_name,
        example="p=card",
        row="T10",
        about="A preset; options beside it override it.",
    ),
    Option(
        name="dl",
        values="1, or a file name of 1…255 bytes (dl64 where it holds , or &)",
        read=_read_download,
        default="inline",
        example="dl=holiday.jpg",
        row="E10",
        about="Download instead of showing; changes a header, never the variant.",
    ),
    Option(
        name="dl64",
        key="dl",
        values="base64url of a file name of 1…255 bytes",
        read=encoded(spelling.read_file_name),
        default="inline",
        example="dl64=YSwgYi5qcGc",
        row="E10",
        about="The same for any file name.",
    ),
)
"""Rows about the request, never part of a recipe."""

ALL: tuple[Option, ...] = (*OPTIONS, *LAYERS, *WORDS, *OUTPUT, *REQUEST)
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
    items = [f"{option.name}={text}" for option in OPTIONS if (text := option.write(recipe))]
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
