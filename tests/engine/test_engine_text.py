"""Words on a picture: their size, place, colour and font, and that they are text and nothing else."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from tests.engine.engine_pictures import Array, encoded, frames_of, made, opened, pixels_of
from tests.engine.test_worker_engine import stored
from tests.engine.worker_pools import running

from imagemill.engine.fonts import FOLDER, MOST, UnfitFont, available, check_texts
from imagemill.engine.geometry import Size
from imagemill.engine.pool import COMMAND
from imagemill.engine.port import Job
from imagemill.engine.steps.text import load_fonts, words
from imagemill.errors import InvalidRequest
from imagemill.recipe.model import Place, Recipe, TextLayer
from imagemill.recipe.options import parse_options
from imagemill.recipe.vocabulary import Anchor, Format
from imagemill.recipe.wording import to_base64url

CANVAS = encoded(Image.new("RGB", (400, 200), (255, 255, 255)))


def written(text: str, options: str = "", data: bytes = CANVAS) -> Array:
    """The picture with this text on it."""
    recipe = parse_options(f"text64={to_base64url(text)}{options}").recipe
    return pixels_of(opened(made(data, recipe)))


def ink_box(pixels: Array) -> tuple[int, int, int, int]:
    """Left, top, right, bottom (both inclusive) of what is not white."""
    rows, columns = np.nonzero((pixels < 250).any(axis=2))
    return int(columns.min()), int(rows.min()), int(columns.max()), int(rows.max())


@pytest.mark.parametrize("size", [10, 24, 60, 100])
def test_the_size_is_that_of_css(size: int) -> None:
    """`textsize` is the em square: a capital letter of DejaVu Sans is 0.729 of it high."""
    _, top, _, bottom = ink_box(written("H", f",textsize={size}"))
    assert bottom - top + 1 == pytest.approx(0.729 * size, abs=2)


@pytest.mark.parametrize("pos", ["nw", "n", "ne", "w", "center", "e", "sw", "s", "se"], ids=lambda pos: pos)
def test_words_keep_half_their_size_from_the_edges(pos: str) -> None:
    """Nine places; what the letters reach, not their line, stands there."""
    left, top, right, bottom = ink_box(written("Hill", f",textsize=40,textpos={pos}"))
    across = "w" if pos.endswith("w") else "e" if pos.endswith("e") else ""
    down = "n" if pos[0] == "n" else "s" if pos[0] == "s" else ""
    assert {"w": left - 20, "e": 399 - right - 20, "": (left + right - 399) // 2}[across] == pytest.approx(0, abs=1)
    assert {"n": top - 20, "s": 199 - bottom - 20, "": (top + bottom - 199) // 2}[down] == pytest.approx(0, abs=1)


def test_words_have_their_colour() -> None:
    """Black unless said; the inside of a letter has exactly the colour."""
    assert (written("▇", ",textsize=60")[100, 200] == 0).all()
    assert tuple(written("▇", ",textsize=60,textcolor=ff8000")[100, 200]) == (255, 128, 0)


def test_colour_and_opacity_both_make_words_fainter() -> None:
    """Half clear by the colour, and once more by textop."""
    assert written("▇", ",textsize=60,textcolor=00000080")[100, 200] == pytest.approx((127,) * 3, abs=1)
    assert written("▇", ",textsize=60,textcolor=00000080,textop=50")[100, 200] == pytest.approx((191,) * 3, abs=1)


@pytest.mark.parametrize("text", ["<b>x</b>", "a & b", "&amp;", "<", "</span>", "\"'", "%s %n", "\\0"])
def test_markup_is_text(text: str) -> None:
    """What Pango would take for markup is drawn letter by letter."""
    stand_in = "".join("▇" if not one.isspace() else one for one in text)
    assert words(TextLayer(text=text), Size(400, 200)) is not None
    widths = [
        ink_box(written(one, ",textsize=12"))[2] - ink_box(written(one, ",textsize=12"))[0]
        for one in text
        if one.strip()
    ]
    left, _, right, _ = ink_box(written(text, ",textsize=12"))
    assert right - left >= sum(widths)
    assert len(stand_in) == len(text)


def test_a_line_feed_begins_a_line() -> None:
    """Two lines are more than twice as high as one."""
    _, top, _, bottom = ink_box(written("H\nH", ",textsize=40"))
    assert bottom - top > 2 * 29


def test_long_text_is_wrapped_to_the_canvas() -> None:
    """Between words where it can, inside a word where it must."""
    for text in ("many words that go on and on and on", "a" * 40):
        left, top, right, bottom = ink_box(written(text, ",textsize=30"))
        assert left >= 14
        assert right <= 400 - 14
        assert bottom - top > 30


def test_text_that_runs_over_is_cut_at_the_canvas() -> None:
    """A picture keeps its size, whatever is written on it."""
    assert written("word " * 100, ",textsize=60").shape == (200, 400, 3)


@pytest.mark.parametrize("text", ["אבג 11111", "ابت 11111"])
def test_hebrew_and_arabic_run_from_right_to_left(text: str) -> None:
    """What comes last stands left."""
    pixels = written(text, ",textsize=40")
    left, top, _, bottom = ink_box(pixels)
    ones = written("11111", ",textsize=40")
    own = ink_box(ones)
    width = own[2] - own[0]
    crop = ones[own[1] : own[3] + 1, own[0] : own[2] + 1]
    columns = pixels[top : bottom + 1, left : left + width + 1]
    found = [
        np.abs(columns[row : row + len(crop)].astype(int) - crop).mean() for row in range(len(columns) - len(crop) + 1)
    ]
    assert min(found) < 12


@pytest.mark.parametrize(
    "letters", ["Iñtërnâtiônàl", "Ελληνικά", "Кириллица", "Հայերեն", "ქართული", "עברית", "العربية", "€ ₽ © ™ ★ ♥"]
)
@pytest.mark.parametrize("font", ["DejaVuSans", "DejaVuSans-Bold"])
def test_the_fonts_have_these_letters(letters: str, font: str) -> None:
    """Latin, Greek, Cyrillic, Armenian, Georgian, Hebrew, Arabic and common signs: none is a box with digits."""
    missing = words(TextLayer(text="\U0001f600", font=font), Size(400, 200))
    assert missing is not None
    for letter in letters.replace(" ", ""):
        drawn = words(TextLayer(text=letter, font=font), Size(400, 200))
        assert drawn is not None
        assert (drawn[1].width, drawn[1].height) != (missing[1].width, missing[1].height)


def test_bold_is_bolder() -> None:
    """The two fonts are two."""
    thin, bold = written("Hill", ",textsize=40"), written("Hill", ",textsize=40,textfont=DejaVuSans-Bold")
    assert (bold < 128).sum() > 1.2 * (thin < 128).sum()


@pytest.mark.parametrize("text", [" ", "\n", "\u200b", "   \n "])
def test_nothing_visible_is_nothing_drawn(text: str) -> None:
    """Spaces leave the picture as it is."""
    assert (written(text) == 255).all()


def test_every_frame_has_the_words() -> None:
    """Of an animation too."""
    frames = [Image.new("RGB", (120, 60), (shade, 255, 255)) for shade in (200, 220, 255)]
    base = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:], duration=80)
    for frame in frames_of(made(base, parse_options("text=HH,textsize=40,lossless=1").recipe, Format.WEBP)):
        assert ink_box(np.where(pixels_of(frame) < 100, 0, 255).astype(np.uint8))[2] > 60


# --- what is refused -----------------------------------------------------------------------------------------------


def test_an_unknown_font_names_those_there_are() -> None:
    """400 with the list."""
    with pytest.raises(InvalidRequest, match="DejaVuSans, DejaVuSans-Bold") as caught:
        check_texts(parse_options("text=a,textfont=Comic-Sans").recipe)
    assert caught.value.code == "unknown_font"
    assert caught.value.faults[0].option == "textfont"
    with pytest.raises(InvalidRequest, match="Comic-Sans"):
        written("a", ",textfont=Comic-Sans")


@pytest.mark.parametrize(("letters", "size"), [(1024, 400), (3, 4000), (32, 1025)])
def test_letters_that_cover_a_picture_many_times_are_refused(letters: int, size: int) -> None:
    """Before anything is decoded; the sentence says which size would do."""
    with pytest.raises(InvalidRequest, match="textsize: expected at most"):
        check_texts(Recipe(layers=(TextLayer(text="a" * letters, size=size),)))


@pytest.mark.parametrize(
    "layer",
    [
        TextLayer(text="W\n" * 512, size=176),
        TextLayer(text="e" + "\u0301" * 500, size=250),
        TextLayer(text="WO", size=4000),
        TextLayer(text="".join(map(chr, range(0x400, 0x400 + 40))), size=890),
        TextLayer(text="\u202e\u2066\u200f" * 100 + "x", size=300),
    ],
    ids=["lines", "marks", "huge", "letters", "directions"],
)
def test_the_largest_texts_are_drawn_or_refused(layer: TextLayer) -> None:
    """Nothing larger than the canvas is kept, and what cannot be drawn is the caller's error, not a broken picture."""
    for canvas in (Size(4000, 4000), Size(60, 8192)):
        try:
            drawn = words(layer, canvas)
        except InvalidRequest:
            continue
        assert drawn is None or (drawn[1].width <= canvas.width and drawn[1].height <= canvas.height)


@given(text=st.text(st.characters(exclude_categories=("Cc", "Cs", "Zl", "Zp")), min_size=1, max_size=60))
@settings(max_examples=80, deadline=None)
def test_any_text_can_be_drawn(text: str) -> None:
    """No sequence of characters breaks the drawing or escapes the canvas."""
    drawn = words(TextLayer(text=text, place=Place(gravity=Anchor.SOUTH_EAST)), Size(200, 100))
    if drawn is not None:
        box = drawn[1]
        assert 0 <= box.left <= box.left + box.width <= 200
        assert 0 <= box.top <= box.top + box.height <= 100


# --- fonts ---------------------------------------------------------------------------------------------------------


def test_our_fonts_come_with_their_licence() -> None:
    """The files are named as the fonts are, small enough to ship, and the licence stands beside them."""
    files = list(FOLDER.glob("*.ttf"))
    assert {path.stem for path in files} == set(available()) == {"DejaVuSans", "DejaVuSans-Bold"}
    assert sum(path.stat().st_size for path in files) < 1_000_000
    assert "Permission is hereby granted" in (FOLDER / "LICENSE-DejaVu.txt").read_text()


def other_font(folder: Path, name: str = "DejaVuOwns") -> Path:
    """A copy of our font under another PostScript name of the same length, as an operator's own."""
    assert len(name) == len("DejaVuSans")
    data = (FOLDER / "DejaVuSans-Bold.ttf").read_bytes()
    for coding in ("utf-16-be", "ascii"):
        data = data.replace("DejaVuSans-Bold".encode(coding), f"{name}-Bold".encode(coding))
    path = folder / f"{name.lower()}.ttf"
    path.write_bytes(data)
    return path


def test_a_folder_of_fonts_adds_to_ours(tmp_path: Path) -> None:
    """By PostScript name, whatever the file is called; other files there are no matter."""
    other_font(tmp_path)
    (tmp_path / "readme.txt").write_text("fonts")
    assert set(available(str(tmp_path))) == {"DejaVuSans", "DejaVuSans-Bold", "DejaVuOwns-Bold"}
    check_texts(parse_options("text=a,textfont=DejaVuOwns-Bold").recipe, str(tmp_path))


def test_a_folder_of_fonts_is_read_with_care(tmp_path: Path) -> None:
    """No folder, no font, a name twice, too many: each is a sentence, for the start of the server."""
    with pytest.raises(UnfitFont, match="cannot be read"):
        available(str(tmp_path / "none"))
    for name, data in (("junk", b"no font"), ("short", (FOLDER / "DejaVuSans.ttf").read_bytes()[:40]), ("empty", b"")):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "a.ttf").write_bytes(data)
        with pytest.raises(UnfitFont, match=r"a\.ttf"):
            available(str(folder))
    twice = tmp_path / "twice"
    twice.mkdir()
    (twice / "b.ttf").write_bytes((FOLDER / "DejaVuSans.ttf").read_bytes())
    with pytest.raises(UnfitFont, match="another font"):
        available(str(twice))
    many = tmp_path / "many"
    many.mkdir()
    for number in range(MOST - 1):
        other_font(many, f"DejaVuNo{number:02}")
    with pytest.raises(UnfitFont, match="at most 6"):
        available(str(many))


def test_loading_fonts_leaves_the_environment_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fontconfig is told of our configuration for a moment only: programs started later have their own."""
    monkeypatch.setenv("FONTCONFIG_FILE", "/somewhere/else")
    assert load_fonts() == load_fonts()
    assert os.environ["FONTCONFIG_FILE"] == "/somewhere/else"


def test_a_confined_worker_writes_in_every_size_and_font(tmp_path: Path) -> None:
    """It can open no file by then: its letters are those of this process, to the byte, job after job."""
    other_font(tmp_path)
    jobs = [
        f"text64={to_base64url(text)},textsize={size},textfont={font},textcolor=c00"
        for size, text in ((7, "Hello"), (24, "Ελλάδα, Россия"), (61, "שלום"), (133, "العربية ★"))
        for font in ("DejaVuSans", "DejaVuSans-Bold", "DejaVuOwns-Bold")
    ]

    async def scene() -> None:
        async with running(command=COMMAND, workers=1, fonts=str(tmp_path)) as pool:
            with stored(tmp_path / "canvas.png", CANVAS) as source:
                facts = await pool.probe(source)
                for options in (*jobs, *reversed(jobs)):
                    recipe = parse_options(options).recipe
                    result = await pool.render(source, Job(recipe=recipe, format=Format.PNG, facts=facts))
                    if "Owns" in options:
                        bold = parse_options(options.replace("DejaVuOwns-Bold", "DejaVuSans-Bold")).recipe
                        assert result.data == made(CANVAS, bold).data
                    else:
                        assert result.data == made(CANVAS, recipe).data

    asyncio.run(scene())


def test_the_machines_own_fonts_are_not_looked_at() -> None:
    """A sign that our fonts lack is a box with its number, on every machine: never another font's drawing."""
    box = words(TextLayer(text="\u6f22", size=40), Size(400, 200))
    other = words(TextLayer(text="\u5b57", size=40), Size(400, 200))
    assert box is not None
    assert other is not None
    assert abs(box[1].width - other[1].width) <= 2
    assert abs(box[1].height - other[1].height) <= 2
