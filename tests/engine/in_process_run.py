"""Every file named on standard input through the engine in this process, as a function in the cloud does it.

A script, so that a decoder that crashes ends this process and not the tests'. For each file one line of JSON: the
outcome (an error's word, or "made") and the seconds it took. Like a function, it ends after a job that could not be
stopped; whoever started it starts it again with the rest.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from pathlib import Path

from imagemill.engine.in_process import InProcessEngine
from imagemill.engine.limits import Limits
from imagemill.engine.port import Job, Source
from imagemill.engine.settings import EngineSettings
from imagemill.errors import ImagemillError
from imagemill.recipe.model import Output, Pixels, Recipe, Resize
from imagemill.recipe.vocabulary import Format

MACHINE_BYTES = 1769 * 1024 * 1024
"""What a function has by default."""


async def outcome(engine: InProcessEngine, path: Path, wanted: Format) -> str:
    """Return how `path` ends: verified, looked at, and made small in `wanted`."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        source = Source(descriptor=descriptor, size=os.fstat(descriptor).st_size, digest=str(path))
        facts = await engine.verify(source)
        await engine.inspect(source, facts)
        recipe = Recipe(resize=Resize(width=Pixels(200)), output=Output(format=wanted))
        await engine.render(source, Job(recipe=recipe, format=wanted, facts=facts))
    except ImagemillError as error:
        return error.code
    finally:
        os.close(descriptor)
    return "made"


async def run() -> None:
    """Do all that is asked, until the engine is poisoned."""
    engine = InProcessEngine(EngineSettings(wall_seconds=float(sys.argv[1])), Limits(), machine_bytes=MACHINE_BYTES)
    await engine.start()
    formats = (Format.WEBP, Format.JPEG, Format.AVIF)
    for number, line in enumerate(sys.stdin):
        began = time.monotonic()
        word = await outcome(engine, Path(line.rstrip("\n")), formats[number % len(formats)])
        seconds = time.monotonic() - began
        sys.stdout.write(json.dumps({"path": line.rstrip("\n"), "outcome": word, "seconds": seconds}) + "\n")
        sys.stdout.flush()
        if engine.poisoned:
            break


if __name__ == "__main__":
    asyncio.run(run())
    sys.stdout.flush()
    os._exit(0)
