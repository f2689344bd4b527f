"""Words as a picture: drawn by Pango with one of our fonts, wrapped to the canvas, in a colour with opacity.

`textsize` is what CSS calls `font-size`: the em square in pixels, of which a capital letter takes about 0.73. Words
keep half of it as distance from the edges of the canvas, and lines are broken where they would come nearer to the left
or right one. What is written is text, never markup: Pango is given it escaped.
"""

from __future__ import annotations

import os
from html import escape

from imagemill.engine import libvips
from imagemill.engine.fonts import DEFAULT, FOLDER, available, check_font
from imagemill.engine.geometry import Box, Size
from imagemill.engine.libvips import Image, pyvips
from imagemill.engine.placement import check_room, place_of, text_margin, text_too_large, wrap_width
from imagemill.errors import Fault, InvalidRequest, shown
from imagemill.recipe.model import TextLayer
from imagemill.recipe.vocabulary import Anchor

_ALIGN = {
    Anchor.NORTH_WEST: "low",
    Anchor.WEST: "low",
    Anchor.SOUTH_WEST: "low",
    Anchor.NORTH_EAST: "high",
    Anchor.EAST: "high",
    Anchor.SOUTH_EAST: "high",
}
_WRITTEN = '<span lang="en" insert_hyphens="false">{}</span>'
"""Our own markup around the escaped text: Pango would shape letters by the machine's language, and add hyphens."""
_NOTHING = "no text to render"
_CONFIGURATION = "FONTCONFIG_FILE"


_loaded: dict[str, None] = {}
"""Names of the fonts that this process has open; libvips keeps one set of them for all."""


def load_fonts(folder: str = "") -> tuple[str, ...]:
    """Load our fonts and those of `folder` into libvips for this process; return the names of all that are loaded.

    To be called before confinement: each font is drawn with once all are known (each new one lets go of the others), so
    that its file is open from then on. fontconfig reads its configuration at its first word, so the environment names
    ours meanwhile. Empty where libvips has no Pango. Raises UnfitFont.
    """
    libvips.start()
    missing = {name: path for name, path in available(folder).items() if name not in _loaded}
    before = os.environ.get(_CONFIGURATION)
    os.environ[_CONFIGURATION] = str(FOLDER / "fonts.conf")
    try:
        for name, path in missing.items():
            pyvips.Image.text("Ag", font=_described(name, 16), fontfile=str(path), dpi=72)
            _loaded[name] = None
        for name in _loaded:
            pyvips.Image.text("Ag", font=_described(name, 16), dpi=72)
    except pyvips.Error:
        return ()
    finally:
        if before is None:
            del os.environ[_CONFIGURATION]
        else:
            os.environ[_CONFIGURATION] = before
    return tuple(_loaded)


def words(layer: TextLayer, canvas: Size) -> tuple[Image, Box] | None:
    """Return `layer` drawn for `canvas` (8 bits, RGBA, in memory) and where it stands there.

    None where nothing of it is visible (spaces). Raises InvalidRequest for a font that is not loaded, for text too
    large to draw, and where libvips cannot draw text (`not_installed`).
    """
    names = tuple(_loaded) or load_fonts()
    if not names:
        raise InvalidRequest(
            "This installation does not draw text. It needs a libvips with Pango, such as that of pyvips-binary.",
            code="not_installed",
            faults=(Fault("text", "nothing, as text cannot be drawn here", shown(layer.text)),),
        )
    font = layer.font or DEFAULT
    check_font(font, names)
    check_room(layer)
    ink = _ink(layer, font, canvas.width)
    if ink is None:
        return None
    box = place_of(layer.place, Size(ink.width, ink.height), canvas, text_margin(layer.size))
    ink, box = _seen(ink, box, canvas)
    red, green, blue, alpha = layer.colour.rgba
    opacity = alpha / 255 * layer.place.opacity / 100
    cover = ink if opacity == 1 else (ink * opacity + 0.5).cast("uchar")
    drawn = ink.new_from_image([red, green, blue]).copy(interpretation="srgb").bandjoin(cover).copy_memory()
    return drawn, box


def _seen(ink: Image, box: Box, canvas: Size) -> tuple[Image, Box]:
    """What of the letters lies on the canvas: long text in large letters reaches far beyond it."""
    left, top = max(0, box.left), max(0, box.top)
    right = min(canvas.width, box.left + box.width)
    bottom = min(canvas.height, box.top + box.height)
    seen = Box(left, top, max(1, right - left), max(1, bottom - top))
    return ink.crop(left - box.left, top - box.top, seen.width, seen.height), seen


def _ink(layer: TextLayer, font: str, width: int) -> Image | None:
    """How much of each pixel the letters cover, 0…255, no larger than the letters reach."""
    try:
        return pyvips.Image.text(
            _WRITTEN.format(escape(layer.text, quote=False)),
            font=_described(font, layer.size),
            dpi=72,
            width=wrap_width(layer.size, width),
            wrap="word-char",
            align=_ALIGN.get(layer.place.gravity, "centre"),
        )
    except pyvips.Error as error:
        if _NOTHING in str(error):
            return None
        raise text_too_large("a size at which the text can be drawn", layer) from error


def _described(name: str, size: int) -> str:
    """What Pango calls a font of `size` pixels; the comma ends the family, so that no name reads as a style."""
    return f"{name}, {size}px"
