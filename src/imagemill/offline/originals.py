"""Originals on this machine's disk: files and folders as they are named on a command line, found one folder at a time.

Separate from `object_store`, whose keys are stranger's names in one place: here a path is the caller's own, and a
symbolic link may lead where it wants. A folder of a million files is never held in memory; each walk lists it anew.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager, ExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import unquote, urlsplit

from imagemill.engine.port import Source
from imagemill.errors import ImagemillError, Kind
from imagemill.offline.sources import file_source
from imagemill.recipe.model import FocalPoint

PICTURES = frozenset(
    (
        *("jpg", "jpeg", "jpe", "jfif", "jif", "png", "apng", "gif", "webp", "avif", "avifs", "heic", "heif", "hif"),
        *("tif", "tiff", "svg", "svgz", "bmp", "dib", "ico", "cur", "jxl", "jp2", "j2k", "jpx", "jpf", "j2c", "pdf"),
    )
)
"""Endings of files that are taken for pictures in a folder; a file that is named itself is always tried."""


class BadFile(ImagemillError):
    """A file that cannot be read, or is none."""

    kind = Kind.INVALID
    code = "unreadable_file"


@dataclass(frozen=True, slots=True)
class Stamp:
    """What tells one content of an original from another without reading it; `size` in bytes."""

    size: int
    word: str


class Original(Protocol):
    """A picture that can be opened. `name` is its path in the output, `shown` what a person calls it."""

    @property
    def name(self) -> str:
        """Its path below its source, with `/`."""
        ...

    @property
    def shown(self) -> str:
        """What a person calls it."""
        ...

    @property
    def path(self) -> str | None:
        """Where it lies on this disk; None elsewhere."""
        ...

    @property
    def origin(self) -> str:
        """What it is called in the record of an output folder: the same from whichever folder the run is started."""
        ...

    @property
    def focal(self) -> FocalPoint | None:
        """The focal point that somebody stored for it, if any."""
        ...

    def stamp(self) -> Stamp:
        """Return what changes when its bytes do; raises BadFile."""
        ...

    def opened(self) -> AbstractAsyncContextManager[Source]:
        """Open it for the workers; raises BadFile."""
        ...


@dataclass(frozen=True, slots=True)
class FileOriginal:
    """A file. Its content is told by size and time of change, as by `make` and `rsync`: nothing is read for that."""

    path: str
    name: str
    focal: FocalPoint | None = None

    @property
    def shown(self) -> str:
        """The path as it was given."""
        return self.path

    @property
    def origin(self) -> str:
        """The absolute path."""
        return os.path.abspath(self.path)  # noqa: PTH100 - as above, and links stay what they are called

    def stamp(self) -> Stamp:
        """Size, and modification time in nanoseconds."""
        try:
            about = os.stat(self.path)  # noqa: PTH116 - path objects would cost more than the calls
        except OSError as error:
            raise unreadable(error) from None
        return Stamp(about.st_size, f"{about.st_size}:{about.st_mtime_ns}")

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[Source]:
        """Open it; what is no regular file (a folder, a pipe that nobody writes to) is refused without waiting."""
        with ExitStack() as stack:
            try:
                source = stack.enter_context(file_source(self.path))
            except OSError as error:
                raise unreadable(error) from None
            yield source


def unreadable(error: OSError) -> BadFile:
    """Return the error for a file that the system does not let us read."""
    return BadFile(f"cannot be read: {error.strerror}.")


def local_path(source: str) -> str | None:
    """Return the path that a word of the command line means: a path, or a URL `file:///…`; None for another URL."""
    if "://" not in source:
        return source
    parts = urlsplit(source)
    if parts.scheme == "file" and parts.netloc in ("", "localhost"):
        return unquote(parts.path)
    return None


@dataclass(slots=True)
class Walk:
    """The originals of files and folders, in the order of their names; may be walked any number of times.

    `without` is the output folder, which is passed over where it lies inside of a source, and `written` the absolute
    paths of variants that an earlier run wrote among the originals. `passed` counts the files of the last walk whose
    names are not those of pictures.
    """

    sources: tuple[str, ...]
    without: str = ""
    written: frozenset[str] = frozenset()
    passed: int = 0

    def __iter__(self) -> Iterator[FileOriginal]:
        """Yield each original; a folder that cannot be listed comes as an original that cannot be opened."""
        self.passed = 0
        for source in self.sources:
            if os.path.isdir(source):  # noqa: PTH112 - as above
                yield from self._below(source.rstrip("/") or "/", "")
            else:
                yield FileOriginal(source, os.path.basename(source))  # noqa: PTH119 - as above

    def _below(self, folder: str, prefix: str) -> Iterator[FileOriginal]:
        """Walk one folder by name; hidden files and folders are not meant (`.git`, `.imagemill`)."""
        if prefix and self.without and os.path.realpath(folder) == os.path.realpath(self.without):
            return
        try:
            with os.scandir(folder) as entries:
                names = sorted(
                    (entry.name, entry.is_dir(follow_symlinks=False))
                    for entry in entries
                    if not (entry.is_symlink() and entry.is_dir())  # it may lead back to where we come from
                )
        except OSError:
            yield FileOriginal(folder, prefix.rstrip("/"))
            return
        for name, is_folder in names:
            path = f"{folder}/{name}"
            if name.startswith("."):
                continue
            if is_folder:
                yield from self._below(path, f"{prefix}{name}/")
            elif "." in name and name.rpartition(".")[2].lower() not in PICTURES:
                self.passed += 1
            elif not self.written or os.path.realpath(path) not in self.written:
                yield FileOriginal(path, prefix + name)
