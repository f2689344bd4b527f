"""The work of `render`: find the originals, check the names, start the workers, tell what becomes of each."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from imagemill.cli.exit_codes import DONE, INTERRUPTED, UsageError, exit_code_of_many
from imagemill.cli.render_report import Report, progress
from imagemill.cli.render_workers import Workers
from imagemill.cli.stored_originals import STORE, stored_originals
from imagemill.cli.words import counted, emit, say, visible
from imagemill.engine.port import Engine
from imagemill.errors import InvalidRequest
from imagemill.offline.bulk import Bulk, Outcome, Task
from imagemill.offline.collisions import check_names, possible_name
from imagemill.offline.layers import Find, Layers, below, keys_of, opened_layers
from imagemill.offline.originals import Original, Walk, local_path
from imagemill.offline.output import OutputFolder
from imagemill.offline.wanted import Wanted


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """The command line in values; `layers` is a folder, `data` and `config` are for originals of a store."""

    sources: tuple[str, ...]
    task: Task
    output: Path
    layers: Path
    dry_run: bool
    report: Path | None
    as_json: bool
    data: Path | None
    config: Path | None


def run(asked: Run, workers: Workers) -> int:
    """Carry the command out and return its exit code; whatever ends it, only whole files have their names."""
    walk = _walk(asked)
    if asked.dry_run:
        return workers.run(_foretell(asked, walk))
    with Report(asked.output, as_json=asked.as_json, file=asked.report) as report:
        try:
            workers.run(_render(asked, workers, walk, report))
        except KeyboardInterrupt:
            report.end()
            say("imagemill: interrupted; the same command goes on from here.")
            return INTERRUPTED
        report.passed = walk.passed
        report.end()
    return exit_code_of_many(report.good, report.failed)


def _walk(asked: Run) -> Walk:
    """Return the originals on this disk; raise UsageError for what is not there."""
    paths = []
    for source in asked.sources:
        if source.startswith(STORE):
            continue
        path = local_path(source)
        if path is None:
            raise UsageError(f"{source}: expected a file, a folder, file:///… or {STORE}PREFIX/.")
        if not os.path.lexists(path):
            raise UsageError(f"There is no file or folder {source}.")
        paths.append(path)
    walk = Walk(tuple(paths), without=str(asked.output))
    if any(_holds(path, asked.output) for path in paths):
        before = OutputFolder(asked.output)
        before.look()
        walk.written = before.written()
        before.close()
    return walk


def _holds(source: str, output: Path) -> bool:
    """Whether variants may come to lie among the originals of a folder."""
    folder = os.path.realpath(source)
    return os.path.isdir(folder) and f"{folder}/".startswith(f"{os.path.realpath(output)}/")  # noqa: PTH112 - as realpath


def _places(asked: Run) -> list[str]:
    """The keys and prefixes that are named."""
    return [source.removeprefix(STORE) for source in asked.sources if source.startswith(STORE)]


@dataclass(frozen=True, slots=True)
class _All:
    """Files, then keys; may be gone through again."""

    walk: Walk
    others: Sequence[Original]

    def __iter__(self) -> Iterator[Original]:
        yield from self.walk
        yield from self.others


def _counted(asked: Run, originals: _All) -> int:
    """Return how many originals there are; raise UsageError where two files would have one name."""
    try:
        return check_names(originals, asked.task.every, asked.task.naming, asked.output)
    except InvalidRequest as error:
        raise UsageError(error.sentence, code=error.code) from None


async def _foretell(asked: Run, walk: Walk) -> int:
    """Say what would be written; `*` stands for what an automatic format has yet to say."""
    async with stored_originals(asked.data, asked.config, _places(asked)) as (others, _):
        originals = _All(walk, others)
        count = _counted(asked, originals)
        for original in originals:
            names = [str(asked.output / possible_name(original, one, asked.task.naming)) for one in asked.task.every]
            if asked.as_json:
                emit({"file": original.shown, "would_make": names})
            else:
                print(f"{visible(original.shown)}  {visible(', '.join(names))}")
    if not asked.as_json:
        variants = counted(count * len(asked.task.every), "variant")
        say(f"{variants} of {counted(count, 'picture')} would be made, those that are there already excepted.")
    return DONE


async def _render(asked: Run, workers: Workers, walk: Walk, report: Report) -> None:
    every, places, engine = asked.task.every, _places(asked), workers.engine
    async with stored_originals(asked.data, asked.config, places, keys_of(every)) as (others, stored_layers):
        originals = _All(walk, others)
        find = stored_layers.__getitem__ if places else below(asked.layers)
        total = _counted(asked, originals)
        await workers.ready()
        folder = OutputFolder(asked.output, revision=engine.revision)
        async with _opened_layers(engine, every, find) as layers:
            try:
                folder.open()
                with progress(total, show=not asked.as_json) as advance:

                    def tell(outcome: Outcome) -> None:
                        report.tell(outcome)
                        advance()

                    await Bulk(engine, asked.task, folder, layers).run(originals, tell, workers=engine.size)
            finally:
                folder.close()


@asynccontextmanager
async def _opened_layers(engine: Engine, every: tuple[Wanted, ...], find: Find) -> AsyncIterator[Layers]:
    """Open what the image layers name; raise UsageError where one is not there."""
    async with AsyncExitStack() as stack:
        try:
            layers = await stack.enter_async_context(opened_layers(engine, every, find))
        except InvalidRequest as error:
            raise UsageError(error.sentence, code=error.code) from None
        yield layers
