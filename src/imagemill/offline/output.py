"""The folder that variants are written to: whole files only, and a record of what was made from what.

Separate from `variants`, whose store serves them by name to strangers: these files are the caller's, named as they
wish. The record (`.imagemill/render.jsonl`) is what a later run goes by:

* A variant is written beside the record, then noted, then given its name by rename. Whoever is killed in between leaves
  a file that nobody sees, which the next run removes, and a note about a file that is not there, which says nothing.
* A note holds the file's size and time of change, which a rename keeps. A file that fits its note is whole and is the
  one that was noted; any other is made again.
* The record also says which files are ours: others are never overwritten unasked.

One run at a time holds the folder, by a lock that ends with its process.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from imagemill.errors import Conflict, ImagemillError, Kind, StorageFull

OWN: Final = ".imagemill"
RECORD: Final = "render.jsonl"
UNFINISHED: Final = "render-unfinished"


class BadOutput(ImagemillError):
    """A file or folder that cannot be written."""

    kind = Kind.INVALID
    code = "unwritable"


class Note(msgspec.Struct, frozen=True, array_like=True):
    """One file: what it was made from (`recipe`, the original's `stamp`, the engine's `revision`) and what it is.

    `size` in bytes, `modified` in nanoseconds since 1970, `width` and `height` in pixels of one of its `pages`.
    """

    path: str
    recipe: str
    stamp: str
    revision: str
    format: str
    width: int
    height: int
    pages: int
    size: int
    modified: int


class Line(msgspec.Struct, frozen=True, array_like=True):
    """A line of the record: everything that is known of one original's variants; a later line replaces it."""

    original: str
    notes: list[Note]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fresh:
    """A variant that was just made and is to be written to `path`; the other fields are those of `Note`."""

    path: str
    recipe: str
    stamp: str
    format: str
    width: int
    height: int
    pages: int
    data: bytes


_encoder = msgspec.json.Encoder()
_lines = msgspec.json.Decoder(Line)


class OutputFolder:
    """An output folder, held from `open` to `close`."""

    def __init__(self, root: Path, *, revision: str = "") -> None:
        """`revision` is the engine's; variants of another one are made again."""
        self.root = root
        self.revision = revision
        self._base = f"{root}/"
        self._unfinished = root / OWN / UNFINISHED
        self._record = -1
        self._held = False
        self._end = 0
        self._places: dict[str, int] = {}
        self._folders: set[str] = set()
        self._count = 0

    def open(self) -> None:
        """Create the folder, take the lock, read the record, remove what a killed run left.

        Raises BadOutput, or Conflict where another run writes into it.
        """
        try:
            record = self.root / OWN / RECORD
            record.parent.mkdir(parents=True, exist_ok=True)
            self._record = os.open(record, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o666)
            fcntl.flock(self._record, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._held = True
            self._unfinished.mkdir(exist_ok=True)
            for left in self._unfinished.iterdir():
                left.unlink()
        except BlockingIOError:
            self.close()
            raise Conflict(
                f"Another run of render is writing into {self.root}; wait for it, or choose another -o."
            ) from None
        except OSError as error:
            self.close()
            raise _unwritable(str(self.root), error) from None
        self._index()

    def look(self) -> None:
        """Read the record of a folder that is only looked at (`--dry-run`), if there is one."""
        try:
            self._record = os.open(self.root / OWN / RECORD, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            return
        self._index()

    def close(self) -> None:
        """Let the folder go."""
        if self._held:
            with contextlib.suppress(OSError):
                self._unfinished.rmdir()
            self._held = False
        if self._record >= 0:
            os.close(self._record)
            self._record = -1

    def notes(self, original: str) -> list[Note]:
        """Return what the record says of an original's variants; of what was written in this run too."""
        place = self._places.get(original)
        if place is None:
            return []
        return _lines.decode(self._line_at(place)).notes

    def written(self) -> frozenset[str]:
        """Return the absolute path of every file that the record knows."""
        base = os.path.realpath(self.root)
        return frozenset(
            os.path.realpath(f"{base}/{note.path}")
            for place in self._places.values()
            for note in _lines.decode(self._line_at(place)).notes
        )

    def holds(self, note: Note) -> bool:
        """Whether the file of a note is there, as it was noted."""
        try:
            about = os.stat(self._base + note.path, follow_symlinks=False)  # noqa: PTH116 - once for every variant
        except OSError:
            return False
        return (about.st_size, about.st_mtime_ns) == (note.size, note.modified)

    def exists(self, path: str) -> bool:
        """Whether something has this name already."""
        return os.path.lexists(self._base + path)

    def write(self, original: str, fresh: Sequence[Fresh], kept: Iterable[Note] = ()) -> list[Note]:
        """Write variants of one original and note them beside those that are `kept`; returns the new notes.

        Raises BadOutput, or StorageFull where the disk has no room.
        """
        written: list[tuple[str, Note]] = []
        try:
            written.extend(self._beside(one) for one in fresh)  # one by one: what is written is removed on failure
            notes = [note for _, note in written]
            new = {note.path for note in notes}
            self._note(Line(original, [*(note for note in kept if note.path not in new), *notes]))
            while written:
                unfinished, note = written[0]
                self._name(unfinished, note.path)
                del written[0]
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise StorageFull(f"The disk of {self.root} has no room left.") from None
            raise _unwritable(str(error.filename2 or error.filename or self.root), error) from None
        finally:
            for unfinished, _ in written:
                Path(unfinished).unlink(missing_ok=True)
        return notes

    def _beside(self, one: Fresh) -> tuple[str, Note]:
        """Write the bytes under a name that nobody looks at; the name, and what there will be to say of it."""
        self._count += 1
        unfinished = f"{self._unfinished}/{self._count}"
        with open(unfinished, "xb", buffering=0) as file:  # noqa: PTH123 - once for every variant
            view = memoryview(one.data)
            while view:
                view = view[file.write(view) :]
            about = os.fstat(file.fileno())
        return unfinished, Note(
            one.path,
            one.recipe,
            one.stamp,
            self.revision,
            one.format,
            one.width,
            one.height,
            one.pages,
            len(one.data),
            about.st_mtime_ns,
        )

    def _name(self, unfinished: str, path: str) -> None:
        """Give a written file its name, which replaces what had it."""
        target = self._base + path
        folder = target.rpartition("/")[0]
        if folder not in self._folders:
            os.makedirs(folder, exist_ok=True)  # noqa: PTH103 - as above
            self._folders.add(folder)
        os.rename(unfinished, target)  # noqa: PTH104 - as above

    def _note(self, line: Line) -> None:
        """Add a line to the record."""
        data = _encoder.encode(line) + b"\n"
        self._places[line.original] = self._end
        view = memoryview(data)
        while view:
            view = view[os.write(self._record, view) :]
        self._end += len(data)

    def _index(self) -> None:
        """Find where the last line of each original stands; a line cut off by a crash counts for nothing."""
        with open(self._record, "rb", closefd=False) as file:
            whole = True
            for raw in file:
                whole = raw.endswith(b"\n")
                with contextlib.suppress(msgspec.DecodeError):
                    self._places[_lines.decode(raw).original] = self._end
                self._end += len(raw)
        if self._held and not whole:
            os.write(self._record, b"\n")
            self._end += 1

    def _line_at(self, place: int) -> bytes:
        """Read one line of the record."""
        size = 4096
        while True:
            raw = os.pread(self._record, size, place)
            line, newline, _ = raw.partition(b"\n")
            if newline or len(raw) < size:
                return line
            size *= 4


def _unwritable(name: str, error: OSError) -> BadOutput:
    return BadOutput(f"{name} cannot be written: {error.strerror}.")
