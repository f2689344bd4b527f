"""CPU of a set beside its encodes alone: `python -m benchmarks.engine_set JPEG ROUNDS WIDTHS`, a line of JSON a round.

A process of its own because the engine, once loaded, leaves libvips only the loaders that it needs itself. A round
measures three things in turn, in CPU-seconds of this process: the set, the same variants one by one, and the encoders
alone on pixels that lie ready in memory.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

from imagemill.engine import libvips
from imagemill.engine.libvips import Image
from imagemill.engine.limits import Limits
from imagemill.engine.port import Job
from imagemill.engine.probe import probe
from imagemill.engine.render import finished, prepare, render
from imagemill.engine.render_set import render_set
from imagemill.engine.steps.encode import encode
from imagemill.engine.steps.load import open_frames
from imagemill.engine.work import Work
from imagemill.recipe.options import parse_options
from imagemill.recipe.quality import DEFAULT_QUALITY

FORMATS = ("jpeg", "webp", "avif")


def cpu(work: Callable[[], object]) -> float:
    """CPU-seconds of `work`."""
    before = time.process_time()
    work()
    return time.process_time() - before


def pixels_of(data: bytes, job: Job) -> tuple[Image, Work]:
    """What the encoder of a job gets, in memory."""
    work = prepare(data, job, Limits(), DEFAULT_QUALITY)
    page = next(open_frames(data, job.facts, shrink=work.shrink))
    return finished(page, work).copy_memory(), work


def main() -> None:
    """Measure as many rounds as asked."""
    libvips.start()
    data, rounds = Path(sys.argv[1]).read_bytes(), int(sys.argv[2])
    facts = probe(data, Limits())
    recipes = [parse_options(f"w={width},fm={fmt}").recipe for width in sys.argv[3].split(",") for fmt in FORMATS]
    jobs = [Job(recipe=recipe, format=recipe.output.format, facts=facts) for recipe in recipes]
    ready: list[tuple[Image, Work]] = []
    for job in jobs:
        pixels, work = pixels_of(data, job)
        if job.format is not jobs[0].format:
            pixels = ready[-1][0]  # the same picture for all formats of a width, warm in the cache as in a set
        ready.append((pixels, work))
    alone = [render(data, job, Limits()) for job in jobs]
    equal = render_set(data, jobs, Limits()) == alone
    for _ in range(rounds):
        found = {
            "set": cpu(lambda: render_set(data, jobs, Limits())),
            "singles": cpu(lambda: [render(data, job, Limits()) for job in jobs]),
            "encodes": cpu(lambda: [encode(pixels, work, Limits()) for pixels, work in ready]),
            "equal": equal,
        }
        print(json.dumps(found), flush=True)


if __name__ == "__main__":
    main()
