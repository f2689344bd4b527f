"""What `render` tells: a line or a JSON line for each original, totals, a bar on a terminal, a report in a file."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import IO, Any

from imagemill.cli.exit_codes import UsageError
from imagemill.cli.words import bytes_in_words, complain, counted, emit, say, visible
from imagemill.errors import ImagemillError
from imagemill.offline.bulk import Outcome
from imagemill.offline.output import Note
from imagemill.offline.wanted import Wanted


class Report:
    """Tells of each outcome as it comes, and counts. The file, if one is asked, is whole only after the end."""

    def __init__(self, folder: Path, *, as_json: bool, file: Path | None) -> None:
        self._folder = folder
        self._json = as_json
        self._began = time.perf_counter()
        self._part = None if file is None else file.with_name(f".{file.name}.part")
        self._file = file
        self._writing: IO[str] | None = None
        self.good = self.failed = self.files = self.made = self.kept = self.passed = 0
        self._bytes_in = self._bytes_out = self._instead = 0
        self._cpu = 0.0

    def __enter__(self) -> Report:
        if self._part is not None:
            try:
                self._writing = self._part.open("w", encoding="ascii")
            except OSError as error:
                raise UsageError(f"{self._file} cannot be written: {error.strerror}.") from None
            self._writing.write('{"files": [')
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._writing is not None and self._part is not None:
            self._writing.close()
            self._part.unlink(missing_ok=True)

    def tell(self, outcome: Outcome) -> None:
        """One original is done with, well or badly."""
        record = self._record(outcome)
        self._count(outcome)
        if self._writing is not None:
            self._writing.write((",\n" if self.files > 1 else "\n") + json.dumps(record))
        if self._json:
            emit(record)
            return
        for one, error in outcome.failures:
            complain(error, outcome.original.shown if one is None else f"{outcome.original.shown}: {one.text}")
        notes = list(outcome.notes)
        if notes:
            what = self._path(notes[0]) if len(notes) == 1 else counted(len(notes), "variant")
            size = bytes_in_words(sum(note.size for note in notes))
            there = "" if outcome.made else "  there already"
            print(f"{visible(outcome.original.shown)}  {visible(what)}  {size}{there}", flush=True)

    def end(self) -> None:
        """Tell the totals."""
        totals = self.totals()
        if self._writing is not None and self._part is not None and self._file is not None:
            self._writing.write(f'\n],\n"totals": {json.dumps(totals)}}}\n')
            self._writing.close()
            self._writing = None
            self._part.replace(self._file)
        if self._json:
            emit({"totals": totals})
        else:
            say(self._summary())

    def totals(self) -> dict[str, Any]:
        """Everything in numbers; `bytes_saved` is by how much each variant is smaller than its original, summed."""
        return {
            "files": self.files,
            "failed": self.failed,
            "not_pictures": self.passed,
            "made": self.made,
            "kept": self.kept,
            "bytes_in": self._bytes_in,
            "bytes_out": self._bytes_out,
            "bytes_saved": self._instead - self._bytes_out,
            "cpu_seconds": round(self._cpu, 3),
            "seconds": round(time.perf_counter() - self._began, 3),
        }

    def _count(self, outcome: Outcome) -> None:
        notes = list(outcome.notes)
        self.files += 1
        self.good += bool(notes) or not outcome.failures
        self.failed += bool(outcome.failures)
        self.made += len(outcome.made)
        self.kept += len(outcome.kept)
        self._bytes_in += outcome.size
        self._bytes_out += sum(note.size for note in notes)
        self._instead += outcome.size * len(notes)
        self._cpu += sum(seconds for _, seconds in outcome.made)

    def _record(self, outcome: Outcome) -> dict[str, Any]:
        record: dict[str, Any] = {"file": outcome.original.shown, "bytes": outcome.size}
        whole = next((error for one, error in outcome.failures if one is None), None)
        if whole is not None:
            return {**record, "error": _said(whole)}
        record["variants"] = [
            *({**self._variant(note), "status": "kept"} for note in outcome.kept),
            *(
                {**self._variant(note), "ms": round(seconds * 1000, 2), "status": "made"}
                for note, seconds in outcome.made
            ),
        ]
        if outcome.failures:
            record["errors"] = [
                {"variant": one.text, **_said(error)} for one, error in outcome.failures if isinstance(one, Wanted)
            ]
        return record

    def _variant(self, note: Note) -> dict[str, Any]:
        return {
            "path": self._path(note),
            "bytes": note.size,
            "width": note.width,
            "height": note.height,
            "format": note.format,
            "pages": note.pages,
        }

    def _path(self, note: Note) -> str:
        return str(self._folder / note.path)

    def _summary(self) -> str:
        totals = self.totals()
        good = self.files - self.failed
        words = f"{counted(good, 'picture')}, {counted(self.made, 'variant')} made"
        words += f", {self.kept} there already" if self.kept else ""
        words += f", {counted(self.failed, 'picture')} failed" if self.failed else ""
        words += f", {counted(self.passed, 'file')} passed over (no pictures by name)" if self.passed else ""
        if self._instead:
            share = round(100 * totals["bytes_saved"] / self._instead)
            much = f"{share} % less" if share >= 0 else f"{-share} % more"
            words += f"; {bytes_in_words(self._bytes_out)}, {much} than the originals in their place"
        return f"{words}."


def _said(error: ImagemillError) -> dict[str, str]:
    return {"code": error.code, "detail": error.sentence}


@contextmanager
def progress(total: int, *, show: bool) -> Iterator[Callable[[], None]]:
    """Show a bar on stderr while the block runs, where stderr is a terminal; yield what to call after each original."""
    if not show or total < 2 or not sys.stderr.isatty():
        yield lambda: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("Rendering"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    # Where results go to the same terminal, they are written above the bar; a pipe gets them itself.
    shared = sys.stdout.isatty()
    with Progress(
        *columns, console=Console(stderr=True), redirect_stdout=shared, redirect_stderr=True, transient=True
    ) as bar:
        task = bar.add_task("Rendering", total=total)
        yield lambda: bar.advance(task)
