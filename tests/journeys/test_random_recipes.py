"""Any recipe of any original through the real workers: a picture of the size that was planned, or one of our refusals.

The recipes are random within the grammar, so most ask for several things at once that nobody would; what no test of one
option sees is how they meet. The same ones are asked each time.
"""

from __future__ import annotations

import asyncio
import hashlib
import io
import os
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st
from PIL import Image, ImageSequence
from tests.recipe.recipe_strategies import recipes

from imagemill.demo import PHOTOS
from imagemill.engine.divided import DividedEngine
from imagemill.engine.frames import frame_count
from imagemill.engine.libvips import pyvips
from imagemill.engine.planning import chosen_format, job_for, outline
from imagemill.engine.port import Facts, Job, Source
from imagemill.engine.rare import libjxl
from imagemill.errors import ImagemillError
from imagemill.gateway.problems import status_of
from imagemill.recipe.canonical import text_of
from imagemill.recipe.model import ImageLayer, Recipe, SearchedQuality, TextLayer
from imagemill.recipe.negotiation import Hints, settle
from imagemill.recipe.normal import normalise
from imagemill.recipe.vocabulary import Anchor, Format
from imagemill.settings import Settings
from imagemill.workers import build_engine

SETTINGS = Settings()
EXAMPLES = 80


def _levels(width: int, height: int, bands: int) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    """Ramps that differ from band to band."""
    y, x = np.mgrid[0:height, 0:width]
    return np.stack([(x * (band + 1) + y * (5 - band)) % 256 for band in range(bands)], axis=2).astype(np.uint8)


def _saved(picture: Image.Image, form: str, **options: object) -> bytes:
    out = io.BytesIO()
    picture.save(out, form, **options)
    return out.getvalue()


def _turned() -> bytes:
    """A photograph that stands on its side."""
    exif = Image.Exif()
    exif[0x0112] = 6
    return _saved(Image.fromarray(_levels(300, 200, 3)), "JPEG", exif=exif)


def _deep_tiff() -> bytes:
    """Three pages of 16 bits, one above the other as libvips writes them."""
    ramp = pyvips.Image.xyz(90, 180).extract_band(0, n=2).bandjoin(7).cast("ushort") * 300
    saved: bytes = ramp.cast("ushort").copy(interpretation="rgb16").tiffsave_buffer(page_height=60, compression="lzw")
    return saved


def _film(form: str) -> bytes:
    frames = [Image.fromarray(np.roll(_levels(80, 60, 4), 9 * step, axis=1)) for step in range(4)]
    return _saved(frames[0], form, save_all=True, append_images=frames[1:], duration=70, loop=2)


ORIGINALS = {
    "photo": (PHOTOS / "chelsea.png").read_bytes(),
    "turned": _turned(),
    "clear": _saved(Image.fromarray(_levels(160, 120, 4)), "PNG"),
    "grey": _saved(Image.fromarray(_levels(120, 90, 1)[:, :, 0]), "JPEG"),
    "ink": _saved(Image.fromarray(_levels(120, 90, 4)[:, :, :3]).convert("CMYK"), "JPEG"),
    "gif": _film("GIF"),
    "film": _film("WEBP"),
    "tiff": _deep_tiff(),
    "dot": _saved(Image.new("RGB", (1, 1), (9, 99, 199)), "PNG"),
    "tower": _saved(Image.fromarray(_levels(1, 5000, 3)), "PNG"),
    "drawing": b"<svg xmlns='http://www.w3.org/2000/svg' width='90' height='60'><circle cx='40' cy='30' r='25'/></svg>",
    "bitmap": _saved(Image.fromarray(_levels(31, 17, 3)), "BMP"),
}


class Workers:
    """The engine of the program with the originals open, on a loop of its own."""

    def __init__(self) -> None:
        self.loop = asyncio.Runner()
        self.engine: DividedEngine = self.loop.run(self._started())
        self.sources = {name: self._opened(data) for name, data in ORIGINALS.items()}
        self.facts: dict[str, Facts] = {
            name: self.loop.run(self.engine.probe(source)) for name, source in self.sources.items()
        }

    async def _started(self) -> DividedEngine:
        engine = build_engine(SETTINGS)
        await engine.start()
        return engine

    @staticmethod
    def _opened(data: bytes) -> Source:
        descriptor = os.memfd_create("original")
        os.write(descriptor, data)
        return Source(descriptor=descriptor, size=len(data), digest=hashlib.sha256(data).hexdigest())

    def close(self) -> None:
        """Stop the workers."""
        self.loop.run(self.engine.close())
        self.loop.close()
        for source in self.sources.values():
            os.close(source.descriptor)


@pytest.fixture(scope="module")
def workers() -> Iterator[Workers]:
    """One pair of pools for all examples: what one leaves behind in a worker, the next meets."""
    running = Workers()
    yield running
    running.close()


def planned(recipe: Recipe, name: str, workers: Workers) -> tuple[Job, tuple[int, int], list[Source]]:
    """The job, the size that it will have, and its layers (originals in turn), as delivery plans it."""
    asked = settle(normalise(recipe), Hints()).recipe
    layers = [_in_turn(layer.key) for layer in asked.layers if isinstance(layer, ImageLayer)]
    facts = [workers.facts[layer] for layer in layers]
    limits, engine = SETTINGS.limits, SETTINGS.engine
    shape = outline(workers.facts[name], asked, limits=limits, engine=engine)
    job = job_for(shape, chosen_format(shape, "avif"), engine, facts)
    return job, (shape.layout.width, shape.layout.height), [workers.sources[layer] for layer in layers]


def _in_turn(key: str) -> str:
    """The original that a random key stands for."""
    return sorted(ORIGINALS)[len(key) % len(ORIGINALS)]


def rendered(recipe: Recipe, name: str, workers: Workers) -> None:
    """Make it, and look at what came; an ImagemillError of ours is passed on."""
    job, size, layers = planned(recipe, name, workers)
    made = workers.loop.run(workers.engine.render(workers.sources[name], job, layers))
    assert recipe.trim is not None or (made.width, made.height) == size
    assert made.pages == frame_count(job.facts, job.recipe, job.format)
    if job.format is Format.JXL:
        header, _ = libjxl.decode(made.data)
        assert (header.width, header.height) == (made.width, made.height)
        return
    picture = Image.open(io.BytesIO(made.data))
    assert picture.format == job.format.value.upper()
    assert getattr(picture, "n_frames", 1) <= made.pages  # encoders join frames that are alike
    for frame in ImageSequence.Iterator(picture):
        frame.load()
        assert frame.size == (made.width, made.height)


def built(recipe: Recipe) -> Recipe:
    """The recipe without what a later version brings, in our own font, of one of the first pages."""
    layers = tuple(replace(layer, font=None) if isinstance(layer, TextLayer) else layer for layer in recipe.layers)
    output = replace(recipe.output, max_bytes=None)
    if isinstance(output.quality, SearchedQuality):
        output = replace(output, quality=None)
    if output.format is Format.BEST:
        output = replace(output, format=Format.AUTO)
    resize = recipe.resize
    if resize.gravity is Anchor.FACES:
        resize = replace(resize, gravity=Anchor.ATTENTION)
    redact = None if recipe.redact is None or recipe.redact.faces else recipe.redact
    return replace(recipe, layers=layers, output=output, resize=resize, redact=redact, page=recipe.page % 3)


@settings(
    max_examples=EXAMPLES, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck), database=None
)
@given(recipe=recipes.map(built), name=st.sampled_from(sorted(ORIGINALS)))
def test_every_recipe_of_every_original_ends_well(recipe: Recipe, name: str, workers: Workers) -> None:
    """It is a picture that others can read, of the planned size, or refused for a reason that the caller can mend."""
    note(f"{text_of(recipe)}/{name}")
    try:
        rendered(recipe, name, workers)
    except ImagemillError as error:
        assert 400 <= status_of(error) < 500, error.sentence  # noqa: PT017 - the message is the point
    kills = workers.engine.stats().kills
    assert not {"crashed", "garbage"} & set(kills), kills
