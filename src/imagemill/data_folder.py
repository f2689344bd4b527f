"""The data folder: one folder that one server holds at a time.

Separate from the object store, which keeps originals in it (or elsewhere): this is only about whose folder it is.
People's pictures lie in the folder itself; ours are `.imagemill/` and `admin.key`, names that no original may have. The
lock is flock(2) on `.imagemill/lock`: the kernel drops it with the process, so no lock is ever stale; the file's text
(process, address) is only what others are told.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from imagemill.errors import Conflict, ImagemillError, Kind
from imagemill.settings import OWN_FOLDER

ADMIN_KEY = "admin.key"
_LOCK = "lock"
_PROBE_SECONDS = 0.3
"""A look at who holds the lock takes it for a moment; whoever wants to keep it tries a little longer than that."""


class BadFolder(ImagemillError):
    """The data folder cannot be used: it is a file, cannot be written, or its parent does not exist."""

    kind = Kind.INVALID
    code = "bad_data_folder"


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds a folder: process id, the address it serves (None while it starts, or for a command), since when."""

    pid: int
    url: str | None
    started: float


class DataFolder:
    """A data folder that this process holds until `close`."""

    def __init__(self, path: Path, descriptor: int | None) -> None:
        """`descriptor` is the locked, open lock file; use `open_data_folder` instead.

        None for a serving process of several: its supervisor holds this folder and the originals' for as long as any of
        them lives.
        """
        self.path = path
        self._parent_holds = descriptor is None
        self._descriptors = [] if descriptor is None else [descriptor]
        self._started = time.time()
        self._write(None)

    @property
    def own(self) -> Path:
        """Where our own files lie, apart from people's pictures."""
        return self.path / OWN_FOLDER

    @property
    def admin_key(self) -> Path:
        """The file of the admin key, unless `admin.key_file` names another."""
        return self.path / ADMIN_KEY

    def own_beside(self, originals: Path) -> Path:
        """Return where our files for the pictures in `originals` lie: beside them if they can be written there.

        A folder mounted read-only gets them in this data folder instead. A folder that can be written is held like the
        data folder itself, for two servers must not tidy up after each other: raises Conflict. Raises BadFolder where
        there is no such folder: a mistyped address should not serve an empty one.
        """
        beside = originals / OWN_FOLDER
        if originals.resolve() == self.path.resolve():
            return self.own
        _check_pictures(originals)
        if not _can_write(beside):
            return self.own
        if not self._parent_holds:
            self._descriptors.append(_open_lock(originals))
            self._write(None)
        return beside

    def announce(self, url: str) -> None:
        """Tell others at which address this process serves; shell commands will talk to it there."""
        self._write(url)

    def close(self) -> None:
        """Give the folder back; safe to call twice."""
        while self._descriptors:
            descriptor = self._descriptors.pop()
            _overwrite(descriptor, b"\n")
            os.close(descriptor)

    def _write(self, url: str | None) -> None:
        text = json.dumps({"pid": os.getpid(), "url": url, "started": self._started}) + "\n"
        for descriptor in self._descriptors:
            _overwrite(descriptor, text.encode())


def _overwrite(descriptor: int, text: bytes) -> None:
    """Replace what the lock file says, in place: the room it has once is enough for ever, also on a full disk.

    Where even the first word finds no room, the lock holds all the same and only the name of its holder is missing: a
    server must be able to start on a full disk, to serve what is there and to make room.
    """
    with contextlib.suppress(OSError):
        os.pwrite(descriptor, text, 0)
        os.ftruncate(descriptor, len(text))


def open_data_folder(path: Path) -> DataFolder:
    """Create the folder if need be and hold it.

    Raises Conflict (`data_in_use`) naming the process that has it, BadFolder where it cannot be used.
    """
    _create(path)
    return DataFolder(path, _open_lock(path))


def holder(path: Path) -> Holder | None:
    """Return which process holds the folder, None when none does (whatever the lock file still says)."""
    try:
        descriptor = os.open(path / OWN_FOLDER / _LOCK, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return _read(descriptor)
    except OSError:
        return None
    else:
        return None
    finally:
        os.close(descriptor)


def _open_lock(path: Path) -> int:
    """Return the open, locked lock file of the folder `path`."""
    try:
        descriptor = os.open(path / OWN_FOLDER / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise _unusable(path, error) from None
    try:
        _hold(path, descriptor)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _hold(path: Path, descriptor: int) -> None:
    deadline = time.monotonic() + _PROBE_SECONDS
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() < deadline:
                time.sleep(0.02)
                continue
            raise in_use(path, _read(descriptor)) from None
        except OSError as error:
            raise BadFolder(
                f"The data folder {path} is on a file system that cannot lock files ({error.strerror}); "
                "choose a folder on a local disk with --data."
            ) from None
        return


def in_use(path: Path, who: Holder | None) -> Conflict:
    """Return the error of somebody who wants a folder that another process holds."""
    if who is None:
        doing = "by another Imagemill process"
    elif who.url is None:
        doing = f"by the Imagemill process with id {who.pid}"
    else:
        doing = f"by the Imagemill server with process id {who.pid} at {who.url}"
    return Conflict(f"The data folder {path} is in use {doing}.", code="data_in_use")


def _read(descriptor: int) -> Holder | None:
    """Return what the lock file says; it may be empty for a moment while its owner writes."""
    for _ in range(10):
        try:
            told = json.loads(os.pread(descriptor, 4096, 0))
            return Holder(int(told["pid"]), told["url"], float(told["started"]))
        except (ValueError, KeyError, TypeError):
            time.sleep(0.01)
    return None


def _create(path: Path) -> None:
    """Create the folder (its parent must be there: a mistyped path should not grow a tree) and our own one in it."""
    try:
        if not path.exists() and not path.parent.is_dir():
            raise BadFolder(f"There is no folder {path.parent} to put the data folder {path.name} in; create it first.")
        path.mkdir(exist_ok=True)
        (path / OWN_FOLDER).mkdir(exist_ok=True)
    except FileExistsError:
        what = path if not path.is_dir() else path / OWN_FOLDER
        raise BadFolder(f"The data folder {what} is a file; a folder was expected.") from None
    except OSError as error:
        raise _unusable(path, error) from None


def _unusable(path: Path, error: OSError) -> BadFolder:
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS) and path.is_dir():
        return BadFolder(
            f"The data folder {path} cannot be written ({error.strerror}). To serve pictures that are read-only, "
            f"set IMAGEMILL_ORIGINALS__URL=file://{path} and choose another folder with --data."
        )
    return BadFolder(f"The data folder {path} cannot be used: {error.strerror}.")


def _check_pictures(originals: Path) -> None:
    """Raise BadFolder unless there is a folder to read pictures from."""
    try:
        with os.scandir(originals):
            pass
    except FileNotFoundError:
        raise BadFolder(
            f"originals.url names the folder {originals}, which does not exist; create it first, or correct the URL."
        ) from None
    except NotADirectoryError:
        raise BadFolder(f"originals.url names {originals}, which is a file; a folder was expected.") from None
    except OSError as error:
        raise BadFolder(f"originals.url names {originals}, which cannot be read: {error.strerror}.") from None


def _can_write(own: Path) -> bool:
    """Whether `own` exists or can be created, and takes a file: access(2) does not know every mount."""
    try:
        own.mkdir(exist_ok=True)
        with tempfile.TemporaryFile(dir=own):
            return True
    except OSError:
        return False
