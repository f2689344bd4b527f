"""The rows of the picture's frame: its size, shape, place and ground (capability T3)."""

from __future__ import annotations

from imagemill.recipe import measures
from imagemill.recipe.colours import read_colour, write_colour
from imagemill.recipe.measures import write_length
from imagemill.recipe.model import Background, Colour, DerivedBackground, Recipe
from imagemill.recipe.options.option import Option, flag, maybe
from imagemill.recipe.spelling import one_of, switch, whole, write_number
from imagemill.recipe.vocabulary import Fit, Mask

_FITS = {fit.value: fit for fit in Fit} | {
    "scale-down": Fit.INSIDE,
    "limit": Fit.INSIDE,
    "max": Fit.INSIDE,
    "crop": Fit.COVER,
    "pad": Fit.CONTAIN,
    "stretch": Fit.FILL,
}


def _read_background(text: str) -> Background:
    return DerivedBackground(text) if text in ("auto", "blur") else read_colour(text)


def _write_background(recipe: Recipe) -> str:
    background = recipe.background
    if isinstance(background, Colour):
        return write_colour(background)
    return "" if background is None else background.how


def _write_fit(recipe: Recipe) -> str:
    resize = recipe.resize
    two = resize.ratio is not None or (resize.width is not None and resize.height is not None)
    return "" if resize.fit is (Fit.COVER if two else Fit.INSIDE) else resize.fit.value


def _ratio(recipe: Recipe) -> str:
    ratio = recipe.resize.ratio
    return "" if ratio is None else f"{write_number(ratio.across)}:{write_number(ratio.down)}"


_SIZE = "1…8192 or a percent size such as 50p (0.1p…1000p)"

FRAME: tuple[Option, ...] = (
    Option(
        name="w",
        aliases=("width",),
        values=f"{_SIZE}, or auto",
        read=measures.read_width,
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
        read=measures.read_size,
        write=lambda r: "" if r.resize.height is None else write_length(r.resize.height),
        default="from the aspect ratio",
        example="h=50p",
        row="T3",
        about="Height. Percent is of the picture after orientation and crop.",
    ),
    Option(
        name="ar",
        values="a ratio such as 16:9, between 1:100 and 100:1",
        read=measures.read_ratio,
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
        read=measures.read_gravity,
        write=lambda r: "" if r.resize.gravity is None else measures.write_gravity(r.resize.gravity),
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
        write=lambda r: flag(r.resize.enlarge),
        default="0",
        example="w=2000,enlarge=1",
        row="T3",
        about="Whether the picture may become larger than it is.",
    ),
    Option(
        name="dpr",
        values="0.1…5 with at most three places, or auto",
        read=measures.read_dpr,
        write=lambda r: "" if r.resize.dpr is None else "auto",
        default="1",
        example="w=300,dpr=2",
        row="T3",
        about="Device pixels for each CSS pixel. Scales width, height, pad, radius, blur, pixelate, text size and the "
        "offsets of layers; `auto` takes the client's hint (1, 1.5, 2 or 3).",
    ),
    Option(
        name="crop",
        field="crop",
        values="X:Y:W:H, each in pixels or as a percent such as 25p, W and H above 0",
        read=measures.read_region,
        write=lambda r: "" if r.crop is None else measures.write_region(r.crop),
        example="crop=10:10:50p:50p",
        row="T3",
        about="A region of the upright original, before resizing; with `trim` beside it, of what that leaves.",
    ),
    Option(
        name="trim",
        field="trim",
        values="0…255",
        read=whole(0, 255),
        write=lambda r: maybe(r.trim),
        example="trim=10",
        row="T3",
        about="Cut off a border of one colour; the number is how far it may differ.",
    ),
    Option(
        name="pad",
        field="pad",
        values="1 to 4 numbers of pixels 0…8192 (T:R:B:L, shortened as in CSS)",
        read=measures.read_pad,
        write=lambda r: "" if r.pad is None else measures.write_pad(r.pad),
        example="w=300,pad=10:20",
        row="T3",
        about="Room around the picture, filled with `bg`.",
    ),
    Option(
        name="bg",
        field="background",
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
        field="radius",
        values="1 to 4 numbers of pixels 0…8192, or max",
        read=measures.read_radius,
        write=lambda r: "" if r.radius is None else measures.write_radius(r.radius),
        example="w=300,radius=12",
        row="T3",
        about="Rounded corners from the top left, shortened as in CSS. Not together with `mask`.",
    ),
    Option(
        name="mask",
        field="mask",
        values="circle, ellipse, triangle, triangle-180, pentagon, pentagon-180, hexagon, square, star or heart",
        read=one_of({mask.value: mask for mask in Mask}),
        write=lambda r: "" if r.mask is None else r.mask.value,
        example="w=200,h=200,mask=circle",
        row="T3",
        about="A shape cut out of the result, as large as fits, in its middle; `square` stands on a corner.",
    ),
)
"""Rows about size, shape and ground of the picture, in canonical order; `write` takes a Recipe."""
