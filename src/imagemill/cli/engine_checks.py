"""The checks of `doctor` that need the engine: workers start, and every format is written and read back.

Through the engine's own port, in a real worker: what is tried here is what a request will meet.
"""

from __future__ import annotations

import asyncio
import base64
import os
import struct
import time
import zlib
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace

from imagemill.cli.checks import Finding, ok
from imagemill.engine.divided import DividedEngine
from imagemill.engine.port import Engine, Job
from imagemill.engine.sniff import ADVICE, LABELS, RARE, READ
from imagemill.errors import ImagemillError
from imagemill.offline.sources import memory_source
from imagemill.recipe.model import Recipe
from imagemill.recipe.vocabulary import Format
from imagemill.settings import Settings
from imagemill.workers import build_engine

_SLOW_START = 1.0

_SVG = b'<svg xmlns="http://www.w3.org/2000/svg" width="16" height="16"><circle cx="8" cy="8" r="7"/></svg>'
_BMP = b"BM" + struct.pack("<IHHIIiiHHIIiiII", 58, 0, 0, 54, 40, 1, 1, 1, 24, 0, 4, 0, 0, 0, 0) + bytes(4)
_HEIC = zlib.decompress(
    base64.b85decode(
        "c-muNV30{GsVvAy&8%Pmg51nBLl8SRGck>UfzdBFwIq=N0u(b+a*CjAhJwuG5(YG&l$n#C3}U!AFfalk5HJ=&XdvJPV&%-tyfiQm"
        "Bq|Ezq%uKy8D+_aASPcyW=Sqw$+^seq5>ejKC>V>A4nGgl{quAZ~&R}e}ELpePH<W=Le9<&zu0%A@0D)!}$L{NC7ig1v5~|E+&UW"
        "pq!c$BO|KBfhHEQ=#?tVc5YAr3NV8R2E`<xQg#={gGC#Z9Do)GC+FuB<t67-0EKxO*cyOBBALYnsZd`zKrztS6`5dHgWM*bS&$10"
        "Heg7wG%_)>fIOU=k_ZYlP7TI&Tn1lFHb(#eD`P}Y"
    )
)
"""A grey square of 64 pixels; a decoder that is installed can still be one that does not load."""
_SAMPLES = {"svg": _SVG, "bmp": _BMP, "heic": _HEIC}


def engine_findings(settings: Settings) -> Iterator[Finding]:
    """Start one worker and work with it; yields the findings when all are known."""
    yield from asyncio.run(_gathered(settings))


async def _gathered(settings: Settings) -> list[Finding]:
    return [finding async for finding in _findings(settings)]


async def _findings(settings: Settings) -> AsyncIterator[Finding]:
    pool = build_engine(replace(settings, engine=replace(settings.engine, workers=1)))
    wanted = settings.engine.workers or len(os.sched_getaffinity(0))
    began = time.perf_counter()
    try:
        await pool.start()
    except (ImagemillError, OSError) as error:
        yield Finding("workers", "fail", str(error), "reinstall with `make install`; libvips comes with pyvips-binary")
        return
    try:
        yield _started(time.perf_counter() - began, wanted)
        yield ok("libvips", pool.revision.rpartition("libvips-")[2])
        yield _confined(pool.confined)
        for format_ in READ:
            yield await _round_trip(pool, Format(format_))
        for format_ in RARE:
            yield await _rare(pool, format_)
    finally:
        await pool.close()


def _started(seconds: float, wanted: int) -> Finding:
    text = f"one is ready after {seconds * 1000:.0f} ms; the server will run {wanted}"
    if seconds > _SLOW_START:
        return Finding("workers", "warn", text, "this machine is slow or busy; a killed worker is replaced as slowly")
    return ok("workers", text)


def _confined(words: tuple[str, ...]) -> Finding:
    text = ", ".join(words) or "by nothing"
    if not words:
        return Finding("confinement", "warn", text, "allow prctl and seccomp in the container, or trust your pictures")
    return ok("confinement", text)


async def _rare(engine: DividedEngine, word: str) -> Finding:
    """What becomes of a rare format here: read, written, or what to install. None of them is missing on a machine."""
    if word not in engine.reads:
        return Finding(word, "ok", f"{LABELS[word]} is not read here", ADVICE.get(word, ""))
    if word == Format.JXL.value:
        return await _round_trip(engine, Format.JXL)
    if word in _SAMPLES:
        try:
            with memory_source(_SAMPLES[word]) as source:
                await engine.verify(source)
        except ImagemillError as error:
            return Finding(word, "fail", error.sentence, "reinstall with `make install`")
    return ok(word, "read")


async def _round_trip(engine: Engine, output: Format) -> Finding:
    """Write a small picture as `output` and read it back."""
    check = output.value
    try:
        with memory_source(sample_png()) as source:
            facts = await engine.probe(source)
            made = await engine.render(source, Job(recipe=Recipe(), format=output, facts=facts))
        with memory_source(made.data) as source:
            seen = await engine.verify(source)
    except ImagemillError as error:
        return Finding(check, "fail", error.sentence, "reinstall with `make install`; libvips comes with pyvips-binary")
    if seen.format != output.value or (seen.width, seen.height) != (made.width, made.height):
        return Finding(check, "fail", f"came back as {seen.format} of {seen.width}×{seen.height}", "reinstall")
    return ok(check, "read and written")


def sample_png(side: int = 16) -> bytes:
    """Return a small PNG with a gradient, written by hand: a check must not depend on a file that may be missing."""
    rows = b"".join(b"\0" + bytes(v for x in range(side) for v in (x * 15, y * 15, 128)) for y in range(side))

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
