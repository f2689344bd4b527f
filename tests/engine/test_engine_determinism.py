"""Damaged pictures come out the same from any worker: nothing of the memory's past is in them (threats D17).

Two workers go through the same files in opposite order, and their C library fills fresh and freed memory with
different bytes (mallopt(3), M_PERTURB), so that a decoder which shows what it never wrote shows two things.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import Sequence
from pathlib import Path

import pytest

from imagemill.engine.port import Engine, Job, Source
from imagemill.errors import ImagemillError
from imagemill.recipe.options.reading import parse_options
from imagemill.recipe.vocabulary import Format
from imagemill.settings import Settings
from imagemill.workers import build_engine

FOLDERS = ("bitflip", "truncated", "odd", "icc", "meta_odd")

Outcomes = dict[str, tuple[str, ...]]
"""For each file the digests of its variants, or the words of its refusal."""


def damaged(corpus: Path) -> list[Path]:
    """The files of the corpus that a decoder may stumble over."""
    return sorted(path for folder in FOLDERS for path in (corpus / "hostile" / folder).iterdir() if path.is_file())


async def _outcome(engine: Engine, path: Path) -> tuple[str, ...]:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        source = Source(descriptor=descriptor, size=os.fstat(descriptor).st_size, digest=path.name)
        facts = await engine.probe(source)
        found = [repr(facts)]
        for text, output in (("w=200", Format.PNG), ("w=64,h=64,g=attention", Format.WEBP)):
            job = Job(recipe=parse_options(text).recipe, format=output, facts=facts)
            made = await engine.render(source, job)
            found.append(hashlib.sha256(made.data).hexdigest())
        return tuple(found)
    except ImagemillError as error:
        return (error.code, error.sentence)
    finally:
        os.close(descriptor)


def outcomes(paths: Sequence[Path], fill: int, monkeypatch: pytest.MonkeyPatch) -> Outcomes:
    """Send the files through one worker whose memory is filled with `fill`."""
    monkeypatch.setenv("MALLOC_PERTURB_", str(fill))
    monkeypatch.setenv("IMAGEMILL_ENGINE__WORKERS", "1")
    monkeypatch.setenv("IMAGEMILL_ENGINE__WALL_SECONDS", "60")  # a busy machine decides no outcome

    async def scene() -> Outcomes:
        engine = build_engine(Settings.load(environ=os.environ))
        await engine.start()
        try:
            return {path.name: await _outcome(engine, path) for path in paths}
        finally:
            await engine.close()

    return asyncio.run(scene())


def test_damaged_files_are_the_same_picture_in_every_worker(corpus: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Bytes and refusals are equal, whatever lay in memory before."""
    paths = damaged(corpus)
    assert len(paths) > 100
    forth = outcomes(paths, 85, monkeypatch)
    back = outcomes(paths[::-1], 170, monkeypatch)
    assert {name for name in forth if forth[name] != back[name]} == set()
    assert sum(len(found) == 3 for found in forth.values()) > 20, "most were refused, and nothing was compared"
