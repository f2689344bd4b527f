"""Attacks that no file of the corpus makes, drawn by code, through the confined workers: refused, and nobody is hurt.

Each of them once broke a worker, took minutes, or was answered with an error of ours (threats D5, D9, D13, D16).
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import struct
import zlib
from collections.abc import Callable, Coroutine, Iterator
from typing import TypeVar

import pytest
from tests.engine.tiff_files import SHORT, Page, tiff

from imagemill.engine import icc
from imagemill.engine.findings import MAX_DELAYS, Findings
from imagemill.engine.port import Job, Source
from imagemill.engine.rare.svg_style import nesting, within_file
from imagemill.errors import ImagemillError
from imagemill.recipe.model import Pixels, Recipe, Resize
from imagemill.recipe.vocabulary import Format
from imagemill.settings import Settings
from imagemill.workers import build_engine

T = TypeVar("T")


def svg(body: str, *, encoding: str = "") -> bytes:
    """A drawing of 90×60 with `body` in it, which says that it is in `encoding`."""
    head = f'<?xml version="1.0" encoding="{encoding}"?>' if encoding else ""
    text = f'{head}<svg xmlns="http://www.w3.org/2000/svg" width="90" height="60">{body}</svg>'
    return text.encode(encoding or "utf-8")


def chunk(kind: bytes, data: bytes) -> bytes:
    """A chunk of a PNG."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width: int, height: int, *between: bytes) -> bytes:
    """A black PNG of one bit a pixel, with chunks between its header and its pixels."""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0))
    rows = zlib.compress(bytes((width // 8 + 2) * min(height, 1_000_000)), 9)
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(between) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def fields(count: int, pages: int = 1) -> bytes:
    """A TIFF whose pages have many fields that nobody knows."""
    unknown: dict[int, tuple[int, list[int]] | None] = {tag: (SHORT, [1]) for tag in range(40_000, 40_000 + count)}
    return tiff(*[Page(tags=unknown)] * pages)


def icon_of(picture: bytes) -> bytes:
    """An icon that holds one PNG."""
    return struct.pack("<HHHBBBBHHII", 0, 1, 1, 16, 16, 0, 0, 1, 32, len(picture), 22) + picture


def late_header() -> bytes:
    """A PNG whose first chunk is another, with a small size where the header's should be."""
    whole = png(5000, 5000)
    return whole[:8] + chunk(b"tEXt", struct.pack(">II", 16, 16) + b"x\0y") + whole[8:]


def flat_bitmap() -> bytes:
    """A bitmap of 49 megapixels that leaves all of them out: it only jumps over them."""
    header = struct.pack("<IiiHHIIiiII", 40, 7000, 7000, 1, 8, 1, 0, 0, 0, 0, 0)
    body = header + bytes(1024) + b"\0\2\xff\xff" * 700 + b"\0\1"
    return b"BM" + struct.pack("<IHHI", 14 + len(body), 0, 0, 14 + 40 + 1024) + body


def frames(count: int) -> bytes:
    """A GIF of many frames of one pixel."""
    frame = b"," + struct.pack("<HHHHB", 0, 0, 1, 1, 0) + b"\x02\x02\x44\x01\x00"
    return b"GIF89a" + struct.pack("<HHBBB", 10, 10, 0x80, 0, 0) + bytes(6) + frame * count + b";"


REFUSED: dict[str, tuple[str, Callable[[], bytes]]] = {
    "brackets in a style sheet": (
        "too_complex",
        lambda: svg(f"<style>{':not(' * 5000}a{')' * 5000}{{fill:red}}</style><rect width='9' height='9'/>"),
    ),
    "an encoding of several bytes": ("damaged", lambda: svg("<text>x</text>", encoding="shift_jis")),
    "an encoding no XML has": ("damaged", lambda: svg("", encoding="utf-8").replace(b"utf-8", b"cp037")),
    "an encoding that is a program": ("damaged", lambda: svg("", encoding="utf-8").replace(b"utf-8", b"zlib_codec")),
    "a picture one pixel wide": ("too_many_pixels", lambda: png(1, 50_000_000)),
    "a picture one pixel high": ("too_many_pixels", lambda: png(50_000_000, 1)),
    "a directory of thousands of fields": ("damaged", lambda: fields(4000)),
    "hundreds of fields on each of hundreds of pages": ("too_complex", lambda: fields(700, 200)),
    "an icon whose picture hides its size": ("damaged", lambda: icon_of(late_header())),
}

ENDLESS = (
    "url(" + " " * 500_000 + "#",
    "url(x" * 200_000,
    "url( " * 200_000,
    "url('" * 200_000,
    r"\75 " * 250_000,
    "@import " * 120_000,
    "([{" * 300_000,
)


class Workers:
    """The engine of the program, on a loop of its own."""

    def __init__(self) -> None:
        self._runner = asyncio.Runner()
        self.engine = build_engine(Settings())
        self._runner.run(self.engine.start())

    def ask(self, data: bytes, work: Callable[[Source], Coroutine[None, None, T]]) -> T:
        """Run `work` with `data` open; whatever it ends with, no worker may have been lost."""
        descriptor = os.memfd_create("original")
        try:
            os.write(descriptor, data)
            source = Source(descriptor=descriptor, size=len(data), digest=hashlib.sha256(data).hexdigest())
            return self._runner.run(work(source))
        finally:
            os.close(descriptor)
            assert self.engine.stats().kills == {}

    def close(self) -> None:
        """Stop the workers."""
        self._runner.run(self.engine.close())
        self._runner.close()


@pytest.fixture(scope="module")
def workers() -> Iterator[Workers]:
    """One pair of pools for all attacks: the same workers live through all of them."""
    running = Workers()
    yield running
    running.close()


@pytest.mark.parametrize("name", REFUSED)
def test_an_attack_is_refused_by_a_worker_that_lives_on(name: str, workers: Workers) -> None:
    """The refusal names the reason, twice, and no worker is lost over it."""
    code, make = REFUSED[name]
    data = make()
    for _ in range(2):
        with pytest.raises(ImagemillError) as caught:
            workers.ask(data, workers.engine.verify)
        assert caught.value.code == code, caught.value.sentence


@pytest.mark.parametrize("sheet", ENDLESS, ids=lambda sheet: sheet[:6])
def test_a_broken_style_sheet_is_read_in_one_pass(sheet: str) -> None:
    """Nothing of it leads outside; to look for its end again from every beginning would take minutes."""
    assert "url(x" not in within_file(sheet)
    assert nesting(sheet) >= 0


def test_letters_written_as_escapes_lead_nowhere_either() -> None:
    """Escapes of letters are letters, in imports and addresses alike; other escapes stay."""
    sheet = r"@\69mport 'file:///etc/passwd'; .a{fill:u\72 l(http://127.0.0.1/)} .\31 st{fill:ur\l(#b)}"
    assert within_file(sheet) == r" .a{fill:none} .\31 st{fill:url(#b)}"


@pytest.mark.parametrize("encoding", ["windows-1251", "koi8-r", "iso-8859-2", "iso-8859-15", "utf-16"])
def test_a_drawing_in_an_older_encoding_is_read(encoding: str, workers: Workers) -> None:
    """The codecs of the usual alphabets are loaded before a worker may open no file."""
    data = svg("<text y='20'>A</text>", encoding=encoding)
    assert workers.ask(data, workers.engine.verify).width == 90


def test_no_number_of_frames_fills_an_answer(workers: Workers) -> None:
    """The delays of a hundred thousand frames are not all told."""

    async def told(source: Source) -> Findings:
        return await workers.engine.inspect(source, await workers.engine.probe(source))

    found = workers.ask(frames(100_000), told)
    assert (found.pages, len(found.delays)) == (100_000, MAX_DELAYS)


def test_a_large_bitmap_of_little_is_decoded_in_little(workers: Workers) -> None:
    """A few thousand bytes that stand for 49 megapixels take no more than their samples twice."""

    async def made(source: Source) -> int:
        facts = await workers.engine.probe(source)
        recipe = Recipe(resize=Resize(width=Pixels(64)))
        return (await workers.engine.render(source, Job(recipe=recipe, format=Format.PNG, facts=facts))).peak_bytes

    assert workers.ask(flat_bitmap(), made) < 400 * 2**20


def test_a_profile_of_overlapping_tables_is_none() -> None:
    """A hundred tags that each claim nearly all of a profile would be written a hundred times as large."""
    table = b"mft1" + bytes(4) + bytes([3, 3, 2, 0]) + bytes(36 + 2 * 3 * 256 + 24 + 100_000)
    start = 132 + 12 * 99
    tags = b"".join(struct.pack(">4sII", b"A2B" + bytes([tag]), start, len(table) - tag) for tag in range(99))
    head = bytearray(128)
    head[:4] = struct.pack(">I", start + len(table))
    head[12:20], head[36:40] = b"mntrRGB ", b"acsp"
    assert icc.read(bytes(head) + struct.pack(">I", 99) + tags + table) is None
    one = bytes(head) + struct.pack(">I", 99) + tags[:12] * 99 + table
    assert icc.read(one) is not None
