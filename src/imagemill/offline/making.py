"""One original becomes its variants: look at it, plan, and ask the workers for all of them in as few jobs as is fair.

Separate from where originals come from and where variants go: both the command line and the Python interface end here.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from imagemill.engine.frames import frame_count
from imagemill.engine.limits import Limits
from imagemill.engine.planning import chosen_format, job_for, outline
from imagemill.engine.port import SET_JOBS, Engine, Facts, Job, Rendered, Source
from imagemill.engine.settings import EngineSettings
from imagemill.errors import ImagemillError, Kind
from imagemill.offline.layers import NONE, Layers, layers_of
from imagemill.offline.wanted import Wanted
from imagemill.recipe.model import FocalPoint

SET_SHARE = 0.4
"""Of the CPU-seconds that a job may use, the share that a set is planned to; an estimate is right within a factor of
two."""

SET_PIXELS = 64_000_000
"""Pixels of all results of a set together, so that its bytes fit beside each other into a worker's memory."""

_ALL_ALIKE = frozenset((Kind.NOT_AN_IMAGE, Kind.OVERLOADED, Kind.INTERNAL, Kind.STORAGE_FULL))
"""Failures that would be the same for every variant of the original."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """What one picture and one job may cost: the sections `[limits]` and `[engine]` of the settings."""

    limits: Limits
    engine: EngineSettings


@dataclass(frozen=True, slots=True)
class Planned:
    """A variant that is to be made, or why it cannot be; `pixels` are those of its result, all frames."""

    wanted: Wanted
    job: Job | ImagemillError
    pixels: int = 0


Made = tuple[Wanted, Job, Rendered] | tuple[Wanted, None, ImagemillError]
"""What became of one wanted variant."""


def plan(
    facts: Facts, one: Wanted, bounds: Bounds, focal: FocalPoint | None = None, layers: Sequence[Facts] = ()
) -> Planned:
    """Settle format and cost of one variant of an original of `facts`; nothing is raised, the answer holds the error.

    Nothing is negotiated: `fm=auto` is what every program reads (JPEG, PNG where there is transparency, GIF where it
    moves). `layers` are the facts of the recipe's image layers.
    """
    try:
        shape = outline(facts, one.recipe, limits=bounds.limits, engine=bounds.engine, focal=focal)
        output = chosen_format(shape, "jpg")
        job = job_for(shape, output, bounds.engine, layers)
    except ImagemillError as error:
        return Planned(one, error)
    return Planned(one, job, shape.layout.width * shape.layout.height * frame_count(facts, one.recipe, output))


def sets(planned: Sequence[Planned], cpu_seconds: float) -> Iterator[list[Planned]]:
    """Cut a list of variants into jobs: each within a fair share of a job's time, of its memory, and of a message.

    `cpu_seconds` is what one job may use. The cheapest variant is next to nothing but reading the original, which a set
    does once. A variant that is over the share alone gets a job of its own.
    """
    reading = min((_seconds(one) for one in planned), default=0.0)
    chunk: list[Planned] = []
    seconds, pixels = reading, 0
    for one in planned:
        seconds += _seconds(one) - reading
        pixels += one.pixels
        full = seconds > SET_SHARE * cpu_seconds or pixels > SET_PIXELS or len(chunk) == SET_JOBS
        if chunk and full:
            yield chunk
            chunk, seconds, pixels = [], _seconds(one), one.pixels
        chunk.append(one)
    if chunk:
        yield chunk


def _seconds(one: Planned) -> float:
    """What a variant would cost alone."""
    assert isinstance(one.job, Job)
    return one.job.estimate


async def make(
    engine: Engine,
    source: Source,
    every: Sequence[Wanted],
    bounds: Bounds,
    focal: FocalPoint | None = None,
    layers: Layers = NONE,
) -> list[Made]:
    """Make all variants of one original, in the order of `every`; one that fails does not fail the others.

    Raises what `Engine.probe` raises for bytes that are no picture, or one beyond the limits.
    """
    facts = await engine.probe(source)
    planned = [
        plan(facts, one, bounds, focal, [layer.facts for layer in layers_of(one.recipe, layers)]) for one in every
    ]
    made: dict[int, Made] = {}
    alone: list[Planned] = []
    together: list[Planned] = []
    for one in planned:
        if isinstance(one.job, ImagemillError):
            made[id(one)] = (one.wanted, None, one.job)
        else:
            (alone if one.job.layers else together).append(one)
    for chunk in (*([one] for one in alone), *sets(together, bounds.engine.cpu_seconds)):
        for one, done in zip(chunk, await _together(engine, source, chunk, layers), strict=True):
            made[id(one)] = done
    return [made[id(one)] for one in planned]


async def _together(engine: Engine, source: Source, chunk: list[Planned], layers: Layers) -> list[Made]:
    """Make a set; where one variant spoils it, each alone, so that the others are there."""
    jobs = [one.job for one in chunk if isinstance(one.job, Job)]
    try:
        if len(jobs) == 1:
            over = [layer.source for layer in layers_of(chunk[0].wanted.recipe, layers)]
            rendered: Sequence[Rendered] = (await engine.render(source, jobs[0], over),)
        else:
            rendered = await engine.render_set(source, jobs)
    except ImagemillError as error:
        if len(jobs) == 1 or error.kind in _ALL_ALIKE or error.code == "damaged":
            return [(one.wanted, None, error) for one in chunk]
        return [made for one in chunk for made in await _together(engine, source, [one], layers)]
    return [(one.wanted, job, made) for one, job, made in zip(chunk, jobs, rendered, strict=True)]
