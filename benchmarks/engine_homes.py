"""The same transcodes in a worker and in process: `python -m benchmarks.engine_homes JPEG ROUNDS OPTIONS…`.

A line of JSON for each round and option list. A process of its own because the engine, once loaded, leaves libvips only
the loaders that it needs itself. Both sides are warm; who is first changes with each round.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from pathlib import Path

from imagemill.engine.in_process import InProcessEngine
from imagemill.engine.port import Engine, Job, Source
from imagemill.engine.settings import EngineSettings
from imagemill.recipe.options import parse_options
from imagemill.settings import Settings
from imagemill.workers import build_engine

MACHINE_BYTES = 1769 * 1024 * 1024
"""What a function has by default."""


async def one(engine: Engine, source: Source, job: Job) -> tuple[bytes, float, float]:
    """Return the bytes, CPU-seconds of the job, and seconds until its asker has them."""
    began = time.perf_counter()
    made = await engine.render(source, job)
    return made.data, made.cpu_seconds, time.perf_counter() - began


async def main() -> None:
    """Measure as many rounds as asked."""
    path, rounds, options = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]
    settings = Settings(engine=EngineSettings(workers=1))
    worker = build_engine(settings, spare=0)
    in_process = InProcessEngine(settings.engine, settings.limits, machine_bytes=MACHINE_BYTES)
    sides: dict[str, Engine] = {"worker": worker, "in_process": in_process}
    await worker.start()
    await in_process.start()
    descriptor = os.open(path, os.O_RDONLY)
    source = Source(descriptor=descriptor, size=os.fstat(descriptor).st_size, digest=str(path))
    facts = await worker.probe(source)
    for number in range(-1, rounds):
        for text in options:
            recipe = parse_options(text).recipe
            job = Job(recipe=recipe, format=recipe.output.format, facts=facts)
            order = list(sides) if number % 2 else list(reversed(sides))
            found = {name: await one(sides[name], source, job) for name in order}
            if number < 0:
                continue  # a round to warm up
            (theirs, *worker_seconds), (ours, *own_seconds) = found["worker"], found["in_process"]
            line = {"options": text, "worker": worker_seconds, "in_process": own_seconds, "equal": ours == theirs}
            print(json.dumps(line), flush=True)
    await worker.close()
    await in_process.close()


if __name__ == "__main__":
    asyncio.run(main())
