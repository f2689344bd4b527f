"""An SVG is read and written anew before the renderer sees it: what stays, what goes, what is refused."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest
from tests.engine.engine_pictures import encoded, quarters

from imagemill.engine.geometry import Box
from imagemill.engine.rare.svg_cost import Node, drawn_elements
from imagemill.engine.rare.svg_document import MOST_BYTES, read_svg
from imagemill.errors import ImagemillError, Unprocessable

NAMESPACE = 'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"'


def svg(content: str = "", attributes: str = 'width="20" height="10"', before: str = "") -> bytes:
    """A small document."""
    return f"{before}<svg {NAMESPACE} {attributes}>{content}</svg>".encode()


def written(content: str) -> str:
    """What the renderer would get of some content."""
    return read_svg(svg(content)).at(20, 10).decode()


@pytest.mark.parametrize(
    ("attributes", "size"),
    [
        ('width="20" height="10"', (20, 10)),
        ('width="1in" height="2.54cm"', (96, 96)),
        ('width="10mm" height="72pt"', (38, 96)),
        ('width="20.5" height="10.4"', (21, 10)),
        ('width="0.2" height="0.2"', (1, 1)),
        ('viewBox="0 0 40 30"', (40, 30)),
        ('viewBox="0,0 , 40 30"', (40, 30)),
        ('width="80" viewBox="0 0 40 30"', (80, 60)),
        ('height="60" viewBox="0 0 40 30"', (80, 60)),
        ('width="100%" height="100%" viewBox="0 0 40 30"', (40, 30)),
        ('viewBox="0 0 40960 20480"', (8192, 4096)),
        ("", (300, 150)),
        ('width="50"', (50, 150)),
        ('width="-5" height="NaN"', (300, 150)),
        ('width="1e999" viewBox="0 0 0 inf"', (300, 150)),
    ],
)
def test_the_size_is_a_browsers(attributes: str, size: tuple[int, int]) -> None:
    """Width and height, else the view box, else 300 by 150; what is no number counts as missing."""
    document = read_svg(svg(attributes=attributes))
    assert (document.width, document.height) == size


@pytest.mark.parametrize(
    "content",
    [
        "<script>x()</script>",
        "<SCRIPT>x()</SCRIPT>",
        '<s:script xmlns:s="http://www.w3.org/2000/svg">x()</s:script>',
        "<foreignObject><div>x()</div></foreignObject>",
        '<rect onload="x()"/>',
        '<rect ONCLICK="x()"/>',
        '<a xlink:href="javascript:x()"><rect/></a>',
        '<image href="http://x()/a.png"/>',
        '<image href="file:///x()"/>',
        '<image href="x().png"/>',
        '<use href="x().svg#a"/>',
        '<image href="data:image/svg+xml,x()"/>',
        '<image href="data:text/html,x()"/>',
        '<rect fill="url(http://x()/a.svg#b)"/>',
        '<style>@import "x()";</style>',
        '<style>@im<!-- -->port "x()";</style>',
        "<style>a{b:url(http://x())}</style>",
        '<set attributeName="href" to="x()"/>',
        '<animate onbegin="x()"/>',
        "<metadata>x()</metadata>",
        '<xi:include xmlns:xi="http://www.w3.org/2001/XInclude" href="x()"/>',
        "<?xml-stylesheet href='x()'?>",
        "<!-- x() -->",
        '<g xml:base="http://x()/"/>',
    ],
)
def test_what_acts_or_leaves_the_file_is_not_passed_on(content: str) -> None:
    """Scripts, handlers, foreign pages, animations and outside references never reach the renderer (D12, D13)."""
    assert "x()" not in written(content)


@pytest.mark.parametrize(
    "content",
    [
        '<rect width="5" height="5" fill="url(#g)"/>',
        '<use xlink:href="#a" x="3"/>',
        '<text x="1">a &amp; b &lt; c</text>',
        '<rect style="fill:red"/>',
        '<path d="M0 0&#10;L5 5"/>',
    ],
)
def test_what_a_picture_needs_is_passed_on(content: str) -> None:
    """Shapes, paint and references within the file stay as they are."""
    assert content.removesuffix("/>") in written(content)


def test_a_style_sheet_stays_but_for_what_leaves_the_file() -> None:
    """Selectors are text; only outside references are taken out."""
    assert "g&gt;rect{fill:url(#a)}" in written("<style><![CDATA[@import 'a';g>rect{fill:url(#a)}]]></style>")


def test_a_picture_inside_stays_where_it_is_small() -> None:
    """PNG, JPEG, GIF and WebP in data URIs, told by their bytes and not by what they are called."""
    data = base64.b64encode(encoded(quarters(), "PNG")).decode()
    kept = f'href="data:image/jpeg;base64,{data}"'
    assert kept in written(f"<image {kept}/>")


def test_pictures_inside_are_counted() -> None:
    """Many large ones together are too much."""
    data = base64.b64encode(encoded(quarters().resize((4000, 3000)), "PNG")).decode()
    image = f'<image href="data:image/png;base64,{data}"/>'
    with pytest.raises(Unprocessable, match="megapixels"):
        read_svg(svg(image * 2))


@pytest.mark.parametrize(
    ("data", "code", "words"),
    [
        (svg(before='<!DOCTYPE svg [<!ENTITY a "b">]>'), "too_complex", "entities"),
        (svg(before='<!DOCTYPE svg [<!ENTITY % a SYSTEM "http://127.0.0.1/">%a;]>'), "too_complex", "entities"),
        (svg(before='<!DOCTYPE svg [<!ENTITY a SYSTEM "file:///etc/passwd">]>'), "too_complex", "entities"),
        (b"<svg" + b" " * MOST_BYTES, "too_complex", "bytes"),
        (svg("<g>" * 300 + "</g>" * 300), "too_complex", "nested"),
        (svg("<g/>" * 60_000), "too_complex", "elements"),
        (svg("<g " + " ".join(f'a{n}="1"' for n in range(300)) + "/>"), "too_complex", "attributes"),
        (svg("<g>"), "damaged", "well-formed"),
        (b"<html/>", "damaged", "first element"),
        (svg(before='<?xml version="1.0" encoding="nothing"?>'), "damaged", "line 1|encoding"),
        (svg(before='<?xml version="1.0"?> ') + b"\xff\xfe", "damaged", "well-formed"),
        (b"", "damaged", "line 1|root"),
    ],
)
def test_what_is_refused(data: bytes, code: str, words: str) -> None:
    """Documents that would cost too much, and those that are none."""
    with pytest.raises(Unprocessable, match=words) as refusal:
        read_svg(data)
    assert refusal.value.code == code


def test_use_is_counted_as_often_as_it_draws() -> None:
    """2 KB of nested `use` are 10⁹ elements (D9)."""
    levels = "".join(
        f'<g id="l{n}">' + "".join(f'<use href="#l{n - 1}"/>' for _ in range(10)) + "</g>" for n in range(1, 10)
    )
    with pytest.raises(Unprocessable, match="draws more than"):
        read_svg(svg(f'<rect id="l0"/>{levels}'))


def test_paint_is_counted_too() -> None:
    """Masks and patterns in masks and patterns multiply like `use`."""
    levels = "".join(f'<mask id="l{n}">' + f'<rect mask="url(#l{n - 1})"/>' * 10 + "</mask>" for n in range(1, 10))
    with pytest.raises(Unprocessable, match="draws more than"):
        read_svg(svg(f'<mask id="l0"><rect/></mask>{levels}'))


def test_a_circle_of_references_ends() -> None:
    """What refers to itself is counted once, as renderers draw it."""
    nodes = [Node(children=[1]), Node(children=[2]), Node(references=["a", "a"])]
    assert drawn_elements(nodes, {"a": 1}, 1000) == 3
    assert drawn_elements([Node(references=["b"] * 5), Node()], {"b": 1}, 1000) == 6


def test_long_chains_do_not_exhaust_the_stack() -> None:
    """Ten thousand elements that use each other one by one are ten thousand."""
    nodes = [Node(references=[str(n + 1)]) for n in range(10_000)] + [Node()]
    assert drawn_elements(nodes, {str(n): n for n in range(10_001)}, 100_000) == 10_001


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "iso-8859-1"])
def test_other_encodings_come_out_as_utf_8(encoding: str) -> None:
    """What the renderer gets has one encoding, whatever the document had."""
    mark = "" if encoding == "utf-8" else f'<?xml version="1.0" encoding="{encoding}"?>'
    data = f"{mark}<svg {NAMESPACE}><text>wörd</text></svg>".encode(encoding)
    assert "wörd" in read_svg(data).at(10, 10).decode("utf-8")


def test_a_part_is_shown_through_a_root_of_ours() -> None:
    """The wanted size and part stand outside of the document, where nothing in it can change them."""
    document = read_svg(svg('<rect id="a"/>', 'width="20" height="10" viewBox="0 0 200 100"'))
    text = document.at(512, 256, Box(10, 5, 10, 5)).decode()
    assert text.startswith('<svg xmlns="http://www.w3.org/2000/svg" width="512" height="256" viewBox="10 5 10 5"')
    assert 'viewBox="0 0 200 100"' in text
    assert text.count("<svg") == text.count("</svg>") == 2


def test_every_hostile_svg_is_cleaned_or_refused(corpus: Path) -> None:
    """Nothing of the corpus passes an address, a script or an entity on."""
    files = sorted((corpus / "hostile").glob("svg_*/*")) + sorted((corpus / "hostile" / "bomb_svg").glob("*.svg"))
    assert len(files) > 40
    for path in files:
        try:
            text = read_svg(path.read_bytes()).at(10, 10).decode().lower()
        except ImagemillError:
            continue
        ours = text.replace("http://www.w3.org/", "")
        assert not any(word in ours for word in ("http:", "file:", "javascript", "<script", "/etc/passwd", "<!")), path
