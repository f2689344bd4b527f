"""Watermarks: their size, place, colours, blending, repetition, on stills and on every frame."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from tests.engine.engine_pictures import (
    BLUE,
    GREEN,
    LIMITS,
    RED,
    YELLOW,
    Array,
    encoded,
    frames_of,
    opened,
    pixels_of,
    quarters,
)
from tests.engine.test_worker_engine import stored

from imagemill.engine.cost import estimate
from imagemill.engine.geometry import Size, lay_out
from imagemill.engine.placement import layer_size, place_of
from imagemill.engine.port import Facts, Job
from imagemill.engine.probe import probe
from imagemill.engine.render import Encoded, render
from imagemill.errors import ImagemillError, Unprocessable
from imagemill.recipe.model import ImageLayer, Place
from imagemill.recipe.options import parse_options
from imagemill.recipe.vocabulary import Anchor, Blend, Format
from imagemill.settings import Settings
from imagemill.workers import build_engine

WHITE = (255, 255, 255)


def laid(options: str, base: bytes, *layers: bytes, fmt: Format = Format.PNG) -> Encoded:
    """`base` with the options, whose wm, wm2… are `layers` in this order, whatever keys they name."""
    facts = tuple(probe(layer, LIMITS) for layer in layers)
    job = Job(recipe=parse_options(options).recipe, format=fmt, facts=probe(base, LIMITS), layers=facts)
    return render(base, job, LIMITS, layers=layers)


def seen(options: str, base: bytes, *layers: bytes, mode: str = "RGB") -> Array:
    """The pixels of that."""
    return pixels_of(opened(laid(options, base, *layers)), mode)


def plain(colour: Sequence[int], width: int, height: int, mode: str = "RGB") -> bytes:
    """A picture of one colour."""
    return encoded(Image.new(mode, (width, height), tuple(colour)))


def where(pixels: Array, colour: Sequence[int]) -> tuple[int, int, int, int]:
    """Left, top, width and height of what has this colour."""
    rows, columns = np.nonzero((np.abs(pixels.astype(int) - np.array(colour)) <= 2).all(axis=2))
    return int(columns.min()), int(rows.min()), int(np.ptp(columns)) + 1, int(np.ptp(rows)) + 1


CANVAS = plain(WHITE, 120, 80)
LOGO = plain(RED, 20, 10)


@pytest.mark.parametrize(
    ("options", "box"),
    [
        ("wm=l", (100, 70, 20, 10)),
        ("wm=l,wmpos=nw", (0, 0, 20, 10)),
        ("wm=l,wmpos=n", (50, 0, 20, 10)),
        ("wm=l,wmpos=ne", (100, 0, 20, 10)),
        ("wm=l,wmpos=w", (0, 35, 20, 10)),
        ("wm=l,wmpos=center", (50, 35, 20, 10)),
        ("wm=l,wmpos=e", (100, 35, 20, 10)),
        ("wm=l,wmpos=sw", (0, 70, 20, 10)),
        ("wm=l,wmpos=s", (50, 70, 20, 10)),
        ("wm=l,wmx=-8,wmy=-6", (92, 64, 20, 10)),
        ("wm=l,wmpos=nw,wmx=5,wmy=7", (5, 7, 20, 10)),
        ("wm=l,wmpos=nw,wmx=50p,wmy=12.5p", (60, 10, 20, 10)),
        ("wm=l,wmx=-50p,wmy=-10p", (40, 62, 20, 10)),
        ("wm=l,wmpos=nw,wmx=-5,wmy=-7", (0, 0, 15, 3)),
        ("wm=l,wmx=12", (112, 70, 8, 10)),
        ("wm=l,wmscale=50p", (60, 50, 60, 30)),
        ("wm=l,wmscale=100p", (0, 20, 120, 60)),
        ("wm=l,wmx=-10,dpr=2,w=60", (80, 70, 20, 10)),
        ("pad=10,wm=l", (120, 90, 20, 10)),
    ],
)
def test_a_layer_stands_where_it_was_put(options: str, box: tuple[int, int, int, int]) -> None:
    """Gravity, offsets to the right and downwards, scale and padding put it there; what is outside is cut off."""
    assert where(seen(options, CANVAS, LOGO), RED) == box


def test_a_layer_beside_the_picture_changes_nothing() -> None:
    """Offsets may push it out of sight."""
    assert (seen("wm=l,wmx=20", CANVAS, LOGO) == 255).all()
    assert (seen("wm=l,wmpos=nw,wmy=-8192", CANVAS, LOGO) == 255).all()


@pytest.mark.parametrize(
    ("layer", "canvas", "scale", "expected"),
    [
        ((20, 10), (120, 80), None, (20, 10)),
        ((200, 100), (120, 80), None, (120, 60)),
        ((100, 200), (120, 80), None, (40, 80)),
        ((120, 80), (120, 80), None, (120, 80)),
        ((20, 10), (120, 80), 25, (30, 15)),
        ((10, 40), (120, 80), 100, (20, 80)),
        ((4000, 1), (120, 80), 10, (12, 1)),
        ((20, 10), (3, 2), 0.1, (1, 1)),
    ],
)
def test_a_layer_is_never_larger_than_the_canvas(
    layer: tuple[int, int], canvas: tuple[int, int], scale: float | None, expected: tuple[int, int]
) -> None:
    """Its own pixels or a share of the canvas's width, made smaller in its own shape until it fits."""
    facts = Facts(format="png", width=layer[0], height=layer[1])
    size = layer_size(ImageLayer(key="l", scale=scale), facts, Size(*canvas))
    assert (size.width, size.height) == expected


@given(
    layer=st.tuples(st.integers(1, 9000), st.integers(1, 9000)),
    canvas=st.tuples(st.integers(1, 8192), st.integers(1, 8192)),
    scale=st.none() | st.floats(0.1, 100),
    anchor=st.sampled_from([anchor for anchor in Anchor if len(anchor.value) < 3 or anchor is Anchor.CENTER]),
)
@settings(deadline=None)
def test_without_offsets_a_layer_is_always_whole(
    layer: tuple[int, int], canvas: tuple[int, int], scale: float | None, anchor: Anchor
) -> None:
    """Whatever the sizes, its box lies inside the canvas."""
    facts = Facts(format="png", width=layer[0], height=layer[1])
    size = layer_size(ImageLayer(key="l", scale=scale), facts, Size(*canvas))
    box = place_of(Place(gravity=anchor), size, Size(*canvas))
    assert min(box.left, box.top) >= 0
    assert box.left + box.width <= canvas[0]
    assert box.top + box.height <= canvas[1]


def test_opacity_mixes_with_what_is_below() -> None:
    """Half of red on white is pink."""
    assert seen("wm=l,wmop=50", CANVAS, LOGO)[75, 110] == pytest.approx((255, 127, 127), abs=1)


def test_a_layer_keeps_its_transparency() -> None:
    """Where it is clear the picture shows; where it is half clear both do."""
    logo = Image.new("RGBA", (20, 10), (0, 0, 255, 0))
    logo.paste((0, 0, 255, 128), (10, 0, 20, 10))
    pixels = seen("wm=l", CANVAS, encoded(logo))
    assert tuple(pixels[75, 105]) == WHITE
    assert pixels[75, 115] == pytest.approx((127, 127, 255), abs=1)


BLENDS: dict[Blend, Callable[[float, float], float]] = {
    # W3C Compositing and Blending Level 1, section 9.1: of what is below and what is over it, 0 to 1.
    Blend.NORMAL: lambda _below, over: over,
    Blend.MULTIPLY: lambda below, over: below * over,
    Blend.SCREEN: lambda below, over: below + over - below * over,
    Blend.OVERLAY: lambda below, over: 2 * below * over if below <= 0.5 else 1 - 2 * (1 - below) * (1 - over),
    Blend.DARKEN: min,
    Blend.LIGHTEN: max,
}


@pytest.mark.parametrize("blend", Blend)
@pytest.mark.parametrize("alphas", [(255, 255), (255, 140), (90, 255), (90, 140), (0, 140)])
def test_blend_modes_are_those_of_css(blend: Blend, alphas: tuple[int, int]) -> None:
    """Every mode over opaque and transparent pictures, within one level of the specification's formula."""
    rng = np.random.default_rng(5)
    below = rng.integers(0, 256, (16, 16, 4), dtype=np.uint8)
    over = rng.integers(0, 256, (16, 16, 4), dtype=np.uint8)
    below[..., 3], over[..., 3] = alphas
    files = [encoded(Image.fromarray(pixels, "RGBA")) for pixels in (below, over)]
    result = seen(f"wm=l,wmblend={blend.value}", *files, mode="RGBA") / 255
    cb, ab, cs, sa = below[..., :3] / 255, alphas[0] / 255, over[..., :3] / 255, alphas[1] / 255
    mixed = (1 - ab) * cs + ab * np.vectorize(BLENDS[blend])(cb, cs)
    alpha = sa + ab * (1 - sa)
    expected = (sa * mixed + (1 - sa) * ab * cb) / alpha
    assert np.abs(result[..., 3] - alpha).max() < 1.5 / 255
    assert np.abs(result[..., :3] - expected).max() < 2.5 / 255


def test_layers_lie_over_each_other_in_their_order() -> None:
    """wm2 is on wm, and text would be on both."""
    pixels = seen("wm=a,wmpos=center,wm2=b,wm2pos=center", CANVAS, plain(RED, 40, 40), plain(BLUE, 20, 20))
    assert tuple(pixels[40, 60]) == BLUE
    assert tuple(pixels[40, 45]) == RED


@pytest.mark.parametrize(("pos", "x", "y"), [("se", 0, 0), ("nw", 3, 2), ("center", -7, 50)])
def test_tiles_repeat_from_where_one_would_stand(pos: str, x: int, y: int) -> None:
    """Everywhere, whole from edge to edge, in step with the single one."""
    logo = encoded(quarters(16, 12))
    single = place_of(Place(gravity=Anchor(pos), x=x, y=y), Size(16, 12), Size(120, 80))
    pixels = seen(f"wm=l,wmtile=1,wmpos={pos},wmx={x},wmy={y}", CANVAS, logo)
    tile = pixels_of(quarters(16, 12))
    rows, columns = np.mgrid[0:80, 0:120]
    assert (pixels == tile[(rows - single.top) % 12, (columns - single.left) % 16]).all()


def test_a_tile_of_one_pixel_fills_the_picture() -> None:
    """The smallest tile of all."""
    assert (seen("wm=l,wmtile=1,wmop=100", CANVAS, plain(GREEN, 1, 1)) == GREEN).all()


def test_a_layer_is_turned_upright() -> None:
    """A logo from a camera held sideways: EXIF orientation 6 is a quarter turn clockwise."""
    exif = Image.Exif()
    exif[0x0112] = 6
    logo = encoded(quarters(80, 40), "JPEG", quality=95, exif=exif)
    pixels = seen("wm=l,wmpos=nw", CANVAS, logo)
    corners = [pixels[4, 4], pixels[4, 36], pixels[76, 4], pixels[76, 36]]
    wanted = (BLUE, RED, YELLOW, GREEN)
    assert all(np.abs(corner.astype(int) - colour).max() < 12 for corner, colour in zip(corners, wanted, strict=True))


@pytest.mark.parametrize("mode", ["L", "LA", "P", "1"])
def test_a_layer_of_any_mode_is_laid(mode: str) -> None:
    """Grey, grey with alpha, palette, black and white: the same black square."""
    logo = encoded(Image.new("RGB", (20, 10)).convert(mode))
    assert where(seen("wm=l", CANVAS, logo), (0, 0, 0)) == (100, 70, 20, 10)


def test_a_grey_picture_takes_a_coloured_layer() -> None:
    """The result has colours then."""
    assert where(seen("wm=l", plain((200,), 120, 80, "L"), LOGO), RED) == (100, 70, 20, 10)


def test_a_layer_in_ink_comes_in_the_results_colours() -> None:
    """A CMYK logo is converted like any original."""
    red = encoded(Image.new("CMYK", (20, 10), (0, 255, 255, 0)), "JPEG", quality=95)
    pixel = seen("wm=l", CANVAS, red)[75, 110].astype(int)
    assert pixel[0] > 180
    assert max(pixel[1:]) < 80


def test_in_a_wide_result_picture_and_layer_have_one_red() -> None:
    """With icc=p3 both are converted, so a red logo on a red picture cannot be seen."""
    pixels = pixels_of(opened(laid("wm=l,icc=p3", plain(RED, 60, 60), LOGO)))
    assert np.ptp(pixels.reshape(-1, 3).astype(int), axis=0).max() <= 1
    assert tuple(pixels[0, 0]) != RED


def test_a_layer_on_a_clear_place_shows() -> None:
    """On a transparent picture the layer brings its own alpha, and the rest stays clear."""
    pixels = seen("wm=l", plain((0, 0, 0, 0), 120, 80, "RGBA"), LOGO, mode="RGBA")
    assert tuple(pixels[75, 110]) == (*RED, 255)
    assert pixels[10, 10, 3] == 0


def test_a_layer_lies_over_a_mask() -> None:
    """The order of work: masks before layers, so a logo in the corner of a circle is whole."""
    pixels = seen("mask=circle,wm=l", CANVAS, LOGO, mode="RGBA")
    assert tuple(pixels[79, 119]) == (*RED, 255)
    assert pixels[79, 0, 3] == 0


def test_an_opaque_picture_stays_opaque() -> None:
    """A photo with a logo gets no alpha channel: WebP would pay for it."""
    assert opened(laid("wm=l", CANVAS, LOGO)).mode == "RGB"


@pytest.mark.parametrize("fmt", [Format.WEBP, Format.GIF])
def test_every_frame_has_the_layer(fmt: Format) -> None:
    """An animation's frames all get it, of a still and of an animated logo, whose first frame counts."""
    frames = [Image.new("RGB", (60, 40), (shade, shade, shade)) for shade in (0, 90, 180)]
    base = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:], duration=80)
    moving = [Image.new("RGB", (12, 8), colour) for colour in (RED, BLUE)]
    logo = encoded(moving[0], "GIF", save_all=True, append_images=moving[1:], duration=80)
    made = frames_of(laid("wm=l,lossless=1", base, logo, fmt=fmt))
    assert len(made) == 3
    for frame in made:
        assert frame.getpixel((55, 36)) == pytest.approx((*RED, 255), abs=8)
        assert frame.getpixel((20, 10)) != (*RED, 255)


def test_a_large_layer_is_decoded_reduced() -> None:
    """A photo as a stamp: the estimate of the work, too, is nearer to a small one than to a full decode."""
    photo = encoded(quarters(2400, 1600), "JPEG", quality=90)
    pixels = seen("wm=l,wmscale=25p", CANVAS, photo)
    assert np.abs(pixels[62, 92].astype(int) - RED).max() < 12
    assert np.abs(pixels[78, 118].astype(int) - YELLOW).max() < 12


def test_a_damaged_layer_is_named() -> None:
    """The picture is fine, its second watermark is not: the error says which."""
    broken = encoded(quarters(200, 200), "JPEG")[:900]
    with pytest.raises(Unprocessable, match="wm2") as caught:
        laid("wm=a,wm2=b", CANVAS, LOGO, broken)
    assert caught.value.code == "damaged"


def test_a_layer_that_is_another_file_by_now_is_refused() -> None:
    """The facts speak of a PNG; what came is a JPEG."""
    job = Job(
        recipe=parse_options("wm=l").recipe,
        format=Format.PNG,
        facts=probe(CANVAS, LIMITS),
        layers=(probe(LOGO, LIMITS),),
    )
    with pytest.raises(ImagemillError, match="not the one"):
        render(CANVAS, job, LIMITS, layers=[encoded(quarters(), "JPEG")])


def test_layers_are_part_of_the_estimate() -> None:
    """Each costs its decoding once and its blending on every frame; a tile costs as much as the canvas is large."""
    base = Facts(format="jpeg", width=4000, height=3000)
    logo = Facts(format="png", width=200, height=100, alpha=True)

    def seconds(options: str, *layers: Facts, facts: Facts = base) -> float:
        recipe = parse_options(options).recipe
        return estimate(facts, recipe, Format.WEBP, lay_out(facts, recipe), layers).cpu_seconds

    bare, one = seconds("_"), seconds("wm=l", logo)
    assert bare < one < seconds("wm=l,wm2=l", logo, logo) < seconds("wm=l,wmtile=1", logo)
    assert seconds("wm=l", Facts(format="avif", width=6000, height=4000)) > one + 0.5
    moving = Facts(format="gif", width=400, height=300, pages=50, animated=True)
    assert seconds("wm=l,wmtile=1", logo, facts=moving) > seconds("_", facts=moving) + 50 * 0.0005


def test_a_drawn_logo_is_sharp_at_any_size(tmp_path: Path) -> None:
    """An SVG of 12 pixels is drawn at the size at which it is laid, by the workers of rare formats."""
    logo = (
        b'<svg xmlns="http://www.w3.org/2000/svg" width="12" height="6">'
        b'<rect width="6" height="6" fill="#f00"/><rect x="6" width="6" height="6" fill="#00f"/></svg>'
    )

    async def scene() -> None:
        engine = build_engine(Settings.load(environ={"IMAGEMILL_ENGINE__WORKERS": "1"}))
        await engine.start()
        try:
            with stored(tmp_path / "canvas.png", CANVAS) as canvas, stored(tmp_path / "logo.svg", logo) as mark:
                facts, own = await engine.probe(canvas), await engine.probe(mark)
                recipe = parse_options("wm=l,wmscale=100p").recipe
                job = Job(recipe=recipe, format=Format.PNG, facts=facts, layers=(own,))
                made = await engine.render(canvas, job, [mark])
        finally:
            await engine.close()
        pixels = pixels_of(Image.open(io.BytesIO(made.data)))
        assert where(pixels, RED) == (0, 20, 60, 60)
        assert where(pixels, BLUE) == (60, 20, 60, 60)

    asyncio.run(scene())
