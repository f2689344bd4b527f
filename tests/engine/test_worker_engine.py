"""The real worker over the real engine: what the pool's users get."""

from __future__ import annotations

import asyncio
import hashlib
import io
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from PIL import Image
from tests.engine.worker_pools import running, running_both

from imagemill.engine.limits import Limits
from imagemill.engine.pool import COMMAND
from imagemill.engine.port import Engine, Facts, Job, Source
from imagemill.errors import ImagemillError, NotAnImage, Unprocessable
from imagemill.recipe.model import Output, Pixels, Recipe, Resize
from imagemill.recipe.vocabulary import Fit, Format

SIGNATURES = {
    Format.JPEG: (0, b"\xff\xd8\xff"),
    Format.PNG: (0, b"\x89PNG\r\n\x1a\n"),
    Format.WEBP: (8, b"WEBP"),
    Format.AVIF: (4, b"ftypavif"),
    Format.GIF: (0, b"GIF8"),
}


def photo(width: int = 1200, height: int = 800) -> bytes:
    """A JPEG with some detail in it."""
    picture = Image.radial_gradient("L").resize((width, height))
    colours = Image.merge(
        "RGB", (picture, picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT), picture.point(lambda v: 255 - v))
    )
    out = io.BytesIO()
    colours.save(out, "JPEG", quality=85)
    return out.getvalue()


@contextmanager
def stored(path: Path, data: bytes) -> Iterator[Source]:
    """An original as a store hands it over: an open file."""
    path.write_bytes(data)
    descriptor = os.open(path, os.O_RDONLY)
    try:
        yield Source(descriptor=descriptor, size=len(data), digest=hashlib.sha256(data).hexdigest())
    finally:
        os.close(descriptor)


@pytest.mark.parametrize("wanted", SIGNATURES, ids=lambda wanted: wanted.value)
def test_a_photo_becomes_each_format(tmp_path: Path, wanted: Format) -> None:
    """Probe, verify and render through the worker give the right facts, size and kind of bytes."""

    async def scene() -> None:
        async with running(command=COMMAND, workers=1) as pool:
            with stored(tmp_path / "photo.jpg", photo()) as source:
                facts = await pool.probe(source)
                assert (facts.format, facts.width, facts.height) == ("jpeg", 1200, 800)
                assert await pool.verify(source) == facts
                size = Resize(width=Pixels(300), height=Pixels(300), fit=Fit.COVER)
                recipe = Recipe(resize=size, output=Output(format=wanted))
                made = await pool.render(source, Job(recipe=recipe, format=wanted, facts=facts))
            at, signature = SIGNATURES[wanted]
            assert made.data[at : at + len(signature)] == signature
            assert (made.width, made.height, made.pages) == (300, 300, 1)
            assert made.cpu_seconds > 0
            assert made.peak_bytes > 1 << 20
            assert "libvips" in pool.revision
            with Image.open(io.BytesIO(made.data)) as seen:
                assert seen.size == (300, 300)

    asyncio.run(scene())


def test_bad_bytes_are_told_apart(tmp_path: Path) -> None:
    """No image is 415's error, a damaged one 422's, an enormous one 422's with its own code; no worker is lost."""
    whole = photo()

    async def scene() -> None:
        async with running(command=COMMAND, workers=1, limits=Limits(pixels_streaming=500_000)) as pool:
            with stored(tmp_path / "a", b"hello, I am a text" * 10) as source, pytest.raises(NotAnImage):
                await pool.probe(source)
            with stored(tmp_path / "b", b"") as source, pytest.raises(NotAnImage):
                await pool.probe(source)
            with stored(tmp_path / "c", whole) as source, pytest.raises(Unprocessable) as caught:
                await pool.probe(source)
            assert caught.value.code == "too_many_pixels"
            half = photo(600, 400)
            with stored(tmp_path / "d", half[: len(half) // 2]) as source, pytest.raises(Unprocessable) as caught:
                await pool.verify(source)
            assert caught.value.code == "damaged"
            assert pool.stats().kills == {}
            assert pool.stats().jobs == {"failed": 4}

    asyncio.run(scene())


def test_the_memory_limit_holds_for_the_real_engine(tmp_path: Path) -> None:
    """A job that needs more than the setting is 422 too_complex; a smaller one on the same pool is made."""

    def task(facts: Facts, width: int) -> Job:
        recipe = Recipe(resize=Resize(width=Pixels(width), height=Pixels(width), fit=Fit.FILL, enlarge=True))
        return Job(recipe=recipe, format=Format.AVIF, facts=facts)

    async def scene() -> None:
        async with running(command=COMMAND, workers=1, memory_bytes=120 * 2**20) as pool:
            with stored(tmp_path / "photo.jpg", photo()) as source:
                facts = await pool.probe(source)
                with pytest.raises(Unprocessable) as caught:
                    await pool.render(source, task(facts, 4000))
                assert caught.value.code == "too_complex"
                assert (await pool.render(source, task(facts, 200))).width == 200

    asyncio.run(scene())


def test_a_fresh_worker_imports_little() -> None:
    """A worker loads the engine and nothing of the server: each import is paid at every replacement."""
    found = subprocess.run(
        [
            sys.executable,
            "-I",
            "-c",
            "import sys; from imagemill.engine import worker; worker.production_tasks().start(); print(*sys.modules)",
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    loaded = set(found.stdout.split())
    heavy = {
        "fastapi",
        "httpx",
        "granian",
        "asyncio",
        "structlog",
        "typer",
        "rich",
        "numpy",
        "PIL",
        "prometheus_client",
    }
    assert "pyvips" in loaded
    assert loaded & heavy == set()
    ours = {name.split(".")[1] for name in loaded if name.startswith("imagemill.")}
    assert ours == {"engine", "errors", "recipe"}


def test_confinement_fails_no_picture(corpus: Path) -> None:
    """Every file of the corpus ends in a picture or a refusal of ours, never in a surprise or a lost worker.

    A library that opens a file or loads a module at its first use would fail here, inside the filter of system calls;
    both classes of workers are tried.
    """
    files = [path for path in sorted(corpus.rglob("*")) if path.is_file()]
    formats = list(SIGNATURES)
    outcomes: Counter[str] = Counter()
    surprises: list[str] = []

    async def look_and_make(pool: Engine, path: Path, wanted: Format) -> None:
        with path.open("rb") as opened:
            size = os.fstat(opened.fileno()).st_size
            source = Source(descriptor=opened.fileno(), size=size, digest=str(path))
            try:
                facts = await pool.verify(source)
                recipe = Recipe(resize=Resize(width=Pixels(200)), output=Output(format=wanted))
                await pool.render(source, Job(recipe=recipe, format=wanted, facts=facts))
            except (NotAnImage, Unprocessable) as error:
                outcomes[error.code] += 1
            except ImagemillError as error:
                surprises.append(f"{path.name}: {error.code}")
            else:
                outcomes["made"] += 1

    async def scene() -> None:
        async with running_both() as pool:
            waiting = iter(enumerate(files))

            async def client() -> None:
                for number, path in waiting:
                    await look_and_make(pool, path, formats[number % len(formats)])

            await asyncio.gather(*(client() for _ in range(3)))
            assert surprises == []
            assert pool.stats().kills == {}
            assert outcomes["made"] > len(files) / 4
            assert outcomes.total() == len(files)

    asyncio.run(scene())
