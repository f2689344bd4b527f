"""Many originals through the workers, into files: what is there already is left alone, what fails stops nothing else.

The workers are kept busy: more originals are under way than there are workers, so that the next job waits where the
last one ends, and the header of one picture is read while another is rendered.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from imagemill.engine.port import Engine, Job, Rendered
from imagemill.errors import Conflict, ImagemillError, StorageFull
from imagemill.offline.layers import NONE, Layers, layers_of
from imagemill.offline.making import Bounds, Made, make
from imagemill.offline.naming import Naming
from imagemill.offline.originals import Original, Stamp
from imagemill.offline.output import Fresh, Note, OutputFolder
from imagemill.offline.wanted import Wanted
from imagemill.recipe.vocabulary import Format

AHEAD = 2
"""Originals under way for each worker, and as many again in all: one is rendered, one is looked at or waits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """What is to be done with each original; `force` makes everything anew and overwrites files that are not ours."""

    every: tuple[Wanted, ...]
    naming: Naming
    bounds: Bounds
    force: bool = False


@dataclass(slots=True, kw_only=True)
class Outcome:
    """What became of one original.

    `size` is the original's in bytes; `made` are the variants of this run with the CPU-seconds each took, `kept` those
    of an earlier one; `failures` name the variant by its recipe, None where the original itself is the trouble.
    """

    original: Original
    size: int = 0
    made: list[tuple[Note, float]] = field(default_factory=list)
    kept: list[Note] = field(default_factory=list)
    failures: list[tuple[Wanted | None, ImagemillError]] = field(default_factory=list)

    @property
    def notes(self) -> Iterator[Note]:
        """Every variant that is there now."""
        yield from self.kept
        for note, _ in self.made:
            yield note


class Bulk:
    """Renders originals into an output folder that is open."""

    def __init__(self, engine: Engine, task: Task, folder: OutputFolder, layers: Layers = NONE) -> None:
        """`layers` are the opened originals of the image layers that the task names."""
        self._engine = engine
        self._task = task
        self._folder = folder
        self._layers = layers

    async def run(self, originals: Iterable[Original], tell: Callable[[Outcome], None], *, workers: int) -> None:
        """Render all originals and tell of each, in their order, as soon as it and those before it are done.

        Raises StorageFull; cancelled, it leaves whole files only.
        """
        source = enumerate(originals)
        waiting: dict[int, Outcome] = {}
        told = 0

        async def lane() -> None:
            nonlocal told
            for number, original in source:
                waiting[number] = await self._one(original)
                while told in waiting:
                    tell(waiting.pop(told))
                    told += 1

        lanes = [asyncio.create_task(lane()) for _ in range(AHEAD * workers + AHEAD)]
        try:
            await asyncio.gather(*lanes)
        finally:
            for task in lanes:
                task.cancel()
            await asyncio.gather(*lanes, return_exceptions=True)

    async def _one(self, original: Original) -> Outcome:
        outcome = Outcome(original=original)
        try:
            stamp = original.stamp()
            outcome.size = stamp.size
            notes = self._folder.notes(original.origin)
            missing = list(self._task.every if self._task.force else self._missing(original, stamp, notes, outcome))
            if missing:
                async with original.opened() as source:
                    made = await make(self._engine, source, missing, self._task.bounds, original.focal, self._layers)
                self._write(original, stamp, notes, made, outcome)
        except StorageFull:
            raise
        except ImagemillError as error:
            outcome.failures.append((None, error))
        return outcome

    def _missing(self, original: Original, stamp: Stamp, notes: list[Note], outcome: Outcome) -> Iterator[Wanted]:
        """Yield what is not there yet; what is goes to the outcome."""
        known = {
            note.recipe: note for note in notes if note.stamp == stamp.word and note.revision == self._folder.revision
        }
        for one in self._task.every:
            note = known.get(self._recipe(one))
            if note is not None and self._is_named(original, one, note) and self._folder.holds(note):
                outcome.kept.append(note)
            else:
                yield one

    def _recipe(self, one: Wanted) -> str:
        """A variant's recipe in words, with what the settings and the originals of layers add to it."""
        engine = self._task.bounds.engine
        stamps = (layer.stamp for layer in layers_of(one.recipe, self._layers))
        return ";".join((one.text, str(engine.quality), str(engine.linear_light), engine.fonts, *stamps))

    def _is_named(self, original: Original, one: Wanted, note: Note) -> bool:
        """Whether a variant of an earlier run has the name that this run would give it."""
        return self._task.naming.name(original.name, one, Format(note.format)) == note.path

    def _write(self, original: Original, stamp: Stamp, notes: list[Note], made: list[Made], outcome: Outcome) -> None:
        """Write what was made; a name that somebody else's file has is refused."""
        ours = {note.path for note in notes}
        fresh: dict[str, tuple[Fresh, float]] = {}
        for one, job, result in made:
            if not isinstance(result, Rendered) or not isinstance(job, Job):
                assert isinstance(result, ImagemillError)
                outcome.failures.append((one, result))
                continue
            path = self._task.naming.name(original.name, one, job.format)
            if path in fresh:
                outcome.failures.append((one, Conflict(f"{path} is the name of another variant of this original.")))
            elif not self._task.force and path not in ours and self._folder.exists(path):
                outcome.failures.append((one, _taken(path)))
            else:
                fresh[path] = self._fresh(path, one, stamp, job, result), result.cpu_seconds
        written = self._folder.write(original.origin, [one for one, _ in fresh.values()], notes)
        outcome.made += [(note, seconds) for note, (_, seconds) in zip(written, fresh.values(), strict=True)]

    def _fresh(self, path: str, one: Wanted, stamp: Stamp, job: Job, result: Rendered) -> Fresh:
        return Fresh(
            path=path,
            recipe=self._recipe(one),
            stamp=stamp.word,
            format=job.format.value,
            width=result.width,
            height=result.height,
            pages=result.pages,
            data=result.data,
        )


def _taken(path: str) -> Conflict:
    return Conflict(
        f"{path} is there already and was not made by render; overwrite it with --force, or write elsewhere with -o.",
        code="exists",
    )
