"""TIFF, profiles, depth, gain maps and linear light in confined workers, which can open no file any more."""

from __future__ import annotations

import asyncio
import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms
from tests.engine.engine_pictures import LIMITS, encoded, quarters, sized
from tests.engine.test_worker_engine import stored
from tests.engine.ultra_hdr import parts, photo
from tests.engine.worker_pools import running

from imagemill.engine.pool import COMMAND
from imagemill.engine.port import Job
from imagemill.engine.probe import probe
from imagemill.engine.render import render
from imagemill.recipe.model import Recipe
from imagemill.recipe.options.reading import parse_options
from imagemill.recipe.vocabulary import Format


def wide() -> bytes:
    """A picture under a wide profile that is not a built-in one."""
    return encoded(quarters(), icc_profile=other_red())


def other_red() -> bytes:
    """The profile of sRGB with another red."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    at = int.from_bytes(profile[profile.index(b"rXYZ") + 4 :][:4], "big")
    profile[at + 8 : at + 12] = int(0.52 * 65536).to_bytes(4, "big")
    return bytes(profile)


def ink() -> bytes:
    """CMYK without a profile."""
    return encoded(quarters().convert("CMYK"), "TIFF")


def pages() -> bytes:
    """A TIFF of two pages of unequal size."""
    out = io.BytesIO()
    quarters().save(out, "TIFF", save_all=True, append_images=[quarters(90, 120)])
    return out.getvalue()


CASES = {
    "a TIFF": (pages, "w=60", Format.TIFF),
    "its second page": (pages, "page=1,w=45", Format.WEBP),
    "ink": (ink, "w=50", Format.JPEG),
    "ink kept": (ink, "w=50,icc=keep", Format.TIFF),
    "wide to sRGB": (wide, "w=50", Format.PNG),
    "wide to P3 on a colour": (wide, "w=50,h=80,fit=contain,bg=3366cc,icc=p3", Format.AVIF),
    "wide kept on a colour": (wide, "w=50,h=80,fit=contain,bg=3366cc,icc=keep", Format.WEBP),
    "a gain map": (photo, "w=150,hdr=keep", Format.JPEG),
    "ten bits": (photo, "w=150,hdr=keep", Format.AVIF),
}


@pytest.mark.parametrize("name", CASES)
def test_a_confined_worker_gives_the_same_bytes(tmp_path: Path, name: str) -> None:
    """As the engine in this process, in a fresh worker and in the same one again."""
    make, options, wanted = CASES[name]
    data = make()
    job = Job(recipe=parse_options(options).recipe, format=wanted, facts=probe(data, LIMITS))

    async def scene() -> None:
        async with running(command=COMMAND, workers=1) as pool:
            with stored(tmp_path / "original", data) as source:
                assert await pool.verify(source) == job.facts
                first, second = [await pool.render(source, job) for _ in range(2)]
        assert first.data == second.data == render(data, job, LIMITS).data
        if name == "a gain map":
            assert parts(first.data)[1] is not None

    asyncio.run(scene())


def test_workers_are_told_to_scale_in_linear_light(tmp_path: Path) -> None:
    """The setting reaches the pixels, and the revision of what is made so."""
    levels = np.zeros((64, 256, 3), dtype=np.uint8)
    levels[:, ::2] = 255
    data = encoded(Image.fromarray(levels))
    job = Job(recipe=Recipe(resize=sized(32)), format=Format.PNG, facts=probe(data, LIMITS))

    async def scene(linear: bool) -> tuple[str, int]:
        async with running(command=COMMAND, workers=1, linear_light=linear) as pool:
            with stored(tmp_path / "lines.png", data) as source:
                made = await pool.render(source, job)
            with Image.open(io.BytesIO(made.data)) as image:
                return pool.revision, int(np.asarray(image)[4, 16, 0])

    plain, linear = asyncio.run(scene(False)), asyncio.run(scene(True))
    assert abs(plain[1] - 128) <= 2
    assert abs(linear[1] - 188) <= 2
    assert linear[0] == f"{plain[0]}+linear-light"
