"""Pools of obedient and hostile workers for the tests beside this file."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

from imagemill.engine.divided import DividedEngine
from imagemill.engine.limits import Limits
from imagemill.engine.pool import WorkerPool
from imagemill.engine.port import Facts, Job, Source
from imagemill.engine.settings import EngineSettings
from imagemill.recipe.model import Pixels, Recipe, Resize
from imagemill.recipe.vocabulary import Format

HOSTILE = (sys.executable, "-I", str(Path(__file__).with_name("hostile_worker.py")))

FACTS = Facts(format="jpeg", width=640, height=480)


@contextlib.contextmanager
def order(text: str | bytes, *, digest: str | None = None) -> Iterator[Source]:
    """An original whose bytes tell a hostile worker what to do; closed at the end."""
    data = text.encode() if isinstance(text, str) else text
    descriptor = os.memfd_create("order")
    try:
        os.write(descriptor, data)
        yield Source(descriptor=descriptor, size=len(data), digest=digest or hashlib.sha256(data).hexdigest())
    finally:
        os.close(descriptor)


def job(width: int = 320, *, format: Format = Format.WEBP) -> Job:  # noqa: A002 - the port's own word
    """A plain resize."""
    return Job(recipe=Recipe(resize=Resize(width=Pixels(width))), format=format, facts=FACTS)


@contextlib.asynccontextmanager
async def running(
    *, limits: Limits | None = None, command: tuple[str, ...] = HOSTILE, grace_seconds: float = 5.0, **settings: Any
) -> AsyncIterator[WorkerPool]:
    """A started pool of two workers and a spare, closed at the end."""
    chosen = EngineSettings(**{"workers": 2, **settings})
    pool = WorkerPool(chosen, limits or Limits(), command=command, grace_seconds=grace_seconds)
    await pool.start()
    try:
        yield pool
    finally:
        await pool.close()


async def until(condition: Callable[[], object], seconds: float = 60.0) -> float:
    """Wait for a condition; return how long it took, fail after `seconds`."""
    begun = time.monotonic()
    while not condition():
        if time.monotonic() - begun > seconds:
            raise AssertionError(f"not within {seconds} s")
        await asyncio.sleep(0.005)
    return time.monotonic() - begun


async def ask(pool: WorkerPool, text: str, *, digest: str | None = None) -> Facts:
    """Probe an order."""
    with order(text, digest=digest) as source:
        return await pool.probe(source)


async def ask_long(pool: WorkerPool, text: str, *, digest: str | None = None) -> Facts:
    """Verify an order: a long job, unlike a probe."""
    with order(text, digest=digest) as source:
        return await pool.verify(source)


@contextlib.asynccontextmanager
async def running_both() -> AsyncIterator[DividedEngine]:
    """A started engine of real workers in both classes, closed at the end."""
    settings = EngineSettings(workers=2, wall_seconds=60)
    engine = DividedEngine(WorkerPool(settings, Limits()), lambda: WorkerPool(settings, Limits(), rare=True))
    await engine.start()
    try:
        yield engine
    finally:
        await engine.close()
