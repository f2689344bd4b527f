"""What is told of a picture, and that anyone can check it."""

from __future__ import annotations

import base64
import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from tests.engine.engine_pictures import LIMITS, encoded, made, opened, quarters, sized
from tests.engine.reference_pictures import HASHES, rgba_of

from imagemill import demo
from imagemill.engine.findings import (
    MAX_BLOCK_BYTES,
    MAX_BYTES,
    MAX_FIELDS,
    REVISION,
    Findings,
    bounded,
    decode_findings,
    encode_findings,
)
from imagemill.engine.inspect import inspect
from imagemill.engine.inspection import estimate_inspection
from imagemill.engine.probe import probe
from imagemill.engine.summaries.blurhash import blurhash
from imagemill.engine.summaries.perceptual_hash import perceptual_hash
from imagemill.engine.summaries.pixels import Pixels
from imagemill.engine.summaries.thumbhash import thumbhash
from imagemill.errors import ImagemillError
from imagemill.recipe.model import Recipe
from imagemill.recipe.options.reading import parse_options
from imagemill.recipe.vocabulary import Format

ROOT = Path(__file__).parents[2]

SAMPLES = sorted(path.name for path in demo.PHOTOS.iterdir() if path.suffix in (".jpg", ".png", ".gif"))


def told(data: bytes) -> Findings:
    """Inspect as the worker does."""
    return inspect(data, probe(data, LIMITS), LIMITS)


def pixels_of(image: Image.Image) -> Pixels:
    """A picture of Pillow's as the summaries take it."""
    return Pixels.from_rgba(*image.size, image.convert("RGBA").tobytes())


@pytest.mark.parametrize("name", [name for name in HASHES if name.startswith(("noise", "blocks"))])
def test_a_small_picture_has_the_hashes_of_the_references(name: str) -> None:
    """Up to 100x100 nothing is scaled: BlurHash, ThumbHash and perceptual hash are those of the file's own pixels."""
    width, height, rgba = rgba_of(name)
    found = told(encoded(Image.frombytes("RGBA", (width, height), rgba).convert("RGB")))
    assert found.blurhash == HASHES[name]["blurhash"]
    assert found.thumbhash == HASHES[name]["thumbhash"]
    assert found.perceptual_hash == HASHES[name]["phash"]


@pytest.mark.parametrize("name", SAMPLES)
def test_the_hashes_are_those_of_a_variant_that_anyone_can_fetch(name: str) -> None:
    """The options that the page names, on white where it is transparent (but for the ThumbHash)."""
    words = "w=100,h=100,fit=inside,anim=0,fm=png"
    assert f"`{words}`" in (ROOT / "docs" / "info.md").read_text(encoding="utf-8")
    data = (demo.PHOTOS / name).read_bytes()
    found = told(data)
    seen = pixels_of(opened(made(data, parse_options(words).recipe)))
    opaque = pixels_of(opened(made(data, parse_options(f"{words},bg=fff").recipe)))
    assert found.thumbhash == base64.b64encode(thumbhash(seen)).decode()
    assert found.blurhash == blurhash(opaque)
    assert found.perceptual_hash == perceptual_hash(opaque)


def test_the_same_picture_in_another_size_and_format_looks_alike() -> None:
    """Few bits of the perceptual hash turn; another picture has many."""

    def bits(one: Findings, other: Findings) -> int:
        return (int(one.perceptual_hash, 16) ^ int(other.perceptual_hash, 16)).bit_count()

    data = (demo.PHOTOS / "rocket.jpg").read_bytes()
    found = told(data)
    for fmt in (Format.JPEG, Format.WEBP, Format.AVIF):
        assert bits(found, told(made(data, Recipe(resize=sized(300)), fmt).data)) <= 6
    assert bits(found, told((demo.PHOTOS / "chelsea.png").read_bytes())) > 16


@pytest.mark.parametrize("orientation", range(1, 9))
def test_what_is_told_is_of_the_upright_picture(orientation: int) -> None:
    """Sizes, and the hash that knows the shape; the file's own word is told as well."""
    turns = {
        1: (),
        2: (Image.Transpose.FLIP_LEFT_RIGHT,),
        3: (Image.Transpose.ROTATE_180,),
        4: (Image.Transpose.FLIP_TOP_BOTTOM,),
        5: (Image.Transpose.TRANSPOSE,),
        6: (Image.Transpose.ROTATE_90,),
        7: (Image.Transpose.TRANSVERSE,),
        8: (Image.Transpose.ROTATE_270,),
    }
    upright = quarters(96, 48)
    stored = upright
    for turn in turns[orientation]:
        stored = stored.transpose(turn)
    exif = Image.Exif()
    exif[0x0112] = orientation
    found = told(encoded(stored, "PNG", exif=exif))
    plain = told(encoded(upright, "PNG"))
    assert (found.width, found.height, found.orientation) == (96, 48, orientation)
    assert (found.thumbhash, found.blurhash) == (plain.thumbhash, plain.blurhash)


def test_an_animation_tells_its_frames() -> None:
    """Delays in milliseconds, loops, and the colours of the first frame."""
    frames = [Image.new("RGB", (30, 20), colour) for colour in ("red", "blue")]
    found = told(encoded(frames[0], "GIF", save_all=True, append_images=frames[1:], duration=[100, 250], loop=3))
    assert (found.animated, found.pages, found.delays) == (True, 2, (100, 250))
    assert found.dominant == "#ff0000"


def test_transparency_counts_where_it_is_known() -> None:
    """Colours are of what is visible; BlurHash is of the picture on white, as a JPEG of it would be."""
    image = Image.new("RGBA", (40, 40), (0, 0, 0, 0))
    image.paste((200, 30, 30, 255), (0, 0, 20, 40))
    found = told(encoded(image))
    assert found.alpha is True
    assert found.average == "#c81e1e"
    assert [swatch.colour for swatch in found.palette] == ["#c81e1e"]
    on_white = Image.new("RGBA", (40, 40), "white")
    on_white.alpha_composite(image)
    assert found.blurhash == blurhash(pixels_of(on_white))


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA", "P", "I;16", "1"])
def test_every_kind_of_pixels_is_told(mode: str) -> None:
    """Grey, palette, one bit, sixteen: the same picture, nearly the same colour."""
    image = Image.new("L", (50, 40), 128)
    image = Image.new("I;16", (50, 40), 128 * 257) if mode == "I;16" else image.convert(mode)
    found = told(encoded(image))
    expected = {"1": ("#000000", "#ffffff", "#7f7f7f", "#808080")}.get(mode, ("#808080",))
    assert found.dominant in expected


def test_the_preview_is_a_tiny_picture_of_it() -> None:
    """A WebP of 16 pixels and a few hundred bytes, with the same colours."""
    found = told(encoded(quarters(400, 200)))
    head, _, data = found.preview.partition(",")
    assert head == "data:image/webp;base64"
    tiny = Image.open(io.BytesIO(base64.b64decode(data)))
    assert tiny.size == (16, 8)
    assert len(data) < 700
    red, green, blue = tiny.convert("RGB").getpixel((2, 2))  # type: ignore[misc]  # three bands give three numbers
    assert red > 180
    assert green < 90 > blue


def test_what_is_told_twice_is_told_alike() -> None:
    """The same bytes give the same findings, to the byte of their JSON."""
    data = (demo.PHOTOS / "coffee.png").read_bytes()
    assert encode_findings(told(data)) == encode_findings(told(data))


def test_findings_survive_their_journey() -> None:
    """From the worker to the server, and into the record and out of it."""
    found = told((demo.PHOTOS / "astronaut.jpg").read_bytes())
    assert decode_findings(encode_findings(found)) == found


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("average", "red"),
        ("blurhash", "<script>alert(1)</script>"),
        ("thumbhash", "no base64!"),
        ("perceptual_hash", "zz"),
        ("preview", "https://evil.example/x.webp"),
        ("format", "jp\neg"),
        ("width", 0),
        ("revision", REVISION + 1),
        ("exif", {"a b": 1}),
        ("exif", {"A": "x" * 5000}),
        ("xmp", {f"n{n}": 1 for n in range(MAX_FIELDS + 1)}),
    ],
)
def test_what_no_worker_tells_is_not_believed(field: str, value: object) -> None:
    """A worker that was taken over cannot slip anything else into an answer or a record."""
    import json

    sound = json.loads(encode_findings(told(encoded(quarters()))))
    with pytest.raises(ValueError, match=r"."):
        decode_findings(json.dumps({**sound, "revision": REVISION, field: value}).encode())


@given(st.lists(st.tuples(st.text(max_size=30), st.text(max_size=3000)), max_size=400))
def test_a_block_has_room_for_so_much(fields: list[tuple[str, str]]) -> None:
    """Whatever a picture says, a block stays within its bounds, so that all findings do."""
    block = bounded(fields)
    assert len(block) <= MAX_FIELDS
    assert sum(len(name) + len(str(value)) for name, value in block.items()) <= MAX_BLOCK_BYTES
    assert 5 * MAX_BLOCK_BYTES < MAX_BYTES


def test_a_damaged_picture_has_no_findings() -> None:
    """As it has no variant."""
    data = encoded(quarters(), "JPEG")
    facts = probe(data, LIMITS)
    with pytest.raises(ImagemillError) as caught:
        inspect(data[: len(data) // 2], facts, LIMITS)
    assert caught.value.code == "damaged"


def test_an_inspection_of_a_photograph_is_cheap() -> None:
    """The estimate by which it is admitted: a JPEG of 12 MP is read reduced, a tenth of a second at most."""
    data = encoded(Image.new("RGB", (4000, 3000), "gray"), "JPEG")
    assert estimate_inspection(probe(data, LIMITS), LIMITS).cpu_seconds < 0.1


def test_attack_files_are_told_or_refused(corpus: Path) -> None:
    """Every hostile file: findings within the bounds, or one of our errors; nothing else comes out."""
    outcomes = {"told": 0, "refused": 0}
    for path in sorted((corpus / "hostile").rglob("*")):
        if not path.is_file() or path.stat().st_size > 3_000_000:
            continue
        data = path.read_bytes()
        try:
            found = told(data)
        except ImagemillError:
            outcomes["refused"] += 1
        else:
            assert decode_findings(encode_findings(found)) == found, path.name
            outcomes["told"] += 1
    assert outcomes["told"] > 20
    assert outcomes["refused"] > 100
