"""How files appear, are replaced and go, in an order of which no step can lose any.

It holds for a process killed, or a power cut, between any two of these:

    place   temporary file written ─ fsync ─ sidecar (new record before the old, fsync) ─ second name for the old file
            ─ rename over it, or link where nothing may be ─ fsync of the folder ─ second name removed
    remove  rename to our folder ─ fsync of the folder ─ unlink there

The temporary file has a name. `O_TMPFILE` would leave nothing after a crash, but a nameless file cannot replace another
in one step (linkat refuses an existing name), so it would need a name as well; NFS and FUSE lack it. Leftovers lie in
one folder and are swept. The old file's second name is there for one case: when the folder's fsync fails, the caller is
told that nothing has changed, and then nothing has.
"""

# ruff: noqa: PTH108, PTH118
# Paths here are strings: pathlib has no calls relative to an open folder, and costs more than the system call itself.

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import secrets

from imagemill.errors import Refused, shown
from imagemill.object_store.condition import already_there
from imagemill.object_store.durable import sync_folder
from imagemill.object_store.local.layout import Home, Layout
from imagemill.object_store.local.sidecar import Record
from imagemill.object_store.local.tree import NOTHING_THERE, LinkedFolder

PRUNE_RACES = 1000
"""How often a folder may be pruned from under one write before we call it a failure."""
NO_SECOND_NAMES = frozenset({errno.EPERM, errno.ENOTSUP, errno.EMLINK, errno.ENOSYS})
"""Answers of file systems without hard links (vfat, exfat, some FUSE)."""
NO_SUCH_NAMES = frozenset({errno.ENAMETOOLONG, errno.ELOOP, errno.EILSEQ, errno.EINVAL})
"""Answers of file systems with narrower names than most."""


class _Occupied(Exception):
    """The path of a key is taken by something that is no object; the key belongs apart."""


class Placing:
    """The writing half of a local store. Blocks; raises OSError for what the disk refuses."""

    def __init__(self, layout: Layout, mode: int = 0o644) -> None:
        self._layout = layout
        self._mode = mode

    def temporary(self) -> tuple[int, str]:
        """Return a new file for an upload, open and locked (so that no sweep takes it), and its path."""
        path = os.path.join(self._layout.uploads, secrets.token_hex(12))
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
        descriptor = os.open(path, flags, self._mode)
        with contextlib.suppress(OSError):  # a file system without locks: the sweep then goes by age alone
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return descriptor, path

    def place(self, key: str, temporary: str, record: Record, *, exclusive: bool) -> None:
        """Make the synced file at `temporary` the object of `key`; the caller holds the key.

        Raises PreconditionFailed when `exclusive` and the key is taken, Refused through a linked folder; after any
        error the old object is still there. On success the name `temporary` is gone.
        """
        self._layout.sidecars.add(key, record, durable=True)
        homes = self._layout.homes(key)
        for index, home in enumerate(homes):
            try:
                self._place_at(key, home, temporary, exclusive=exclusive)
            except _Occupied:
                continue
            if exclusive:
                unlink_quietly(temporary)
            for shadow in homes[index + 1 :]:
                _unlink_at(shadow)
            return
        raise OSError(errno.EEXIST, "no place holds this key")

    def remove(self, key: str) -> bool:
        """Remove the object of `key` durably; the caller holds the key. Raises Refused through a linked folder."""
        removed = False
        for home in reversed(self._layout.homes(key)):  # a hidden older copy first, or it would come back
            removed = self._remove_at(key, home) or removed
        if removed:
            self._layout.sidecars.forget(key)
        return removed

    def _place_at(self, key: str, home: Home, temporary: str, *, exclusive: bool) -> None:
        try:
            for _ in range(PRUNE_RACES):
                try:
                    with home.tree.made_folder(home.segments[:-1]) as folder:
                        _move_in(key, home, folder, temporary, exclusive=exclusive)
                    return
                except FileNotFoundError:
                    continue  # a deletion beside us pruned the folder
            raise OSError(errno.ENOENT, "the folder does not stay")
        except LinkedFolder as error:
            raise linked_folder(key) from error
        except (NotADirectoryError, IsADirectoryError) as error:
            raise _Occupied from error
        except OSError as error:
            if home.tree is self._layout.theirs:
                home.tree.prune(home.segments[:-1])
                if error.errno in NO_SUCH_NAMES:
                    raise _Occupied from error
            raise

    def _remove_at(self, key: str, home: Home) -> bool:
        try:
            with home.tree.folder(home.segments[:-1], os.O_RDONLY) as folder:
                if not home.tree.holds_object(folder, home.segments):
                    return False
                victim = self._move_out(folder, home.segments[-1])
        except LinkedFolder as error:
            if home.tree.locate(home.segments) is None:
                return False
            raise linked_folder(key) from error
        except OSError as error:
            if error.errno in NOTHING_THERE:
                return False
            raise
        unlink_quietly(victim)
        if home.tree is self._layout.theirs:
            home.tree.prune(home.segments[:-1])
        return True

    def _move_out(self, folder: int, name: str) -> str:
        victim = os.path.join(self._layout.uploads, f"{secrets.token_hex(12)}.old")
        os.rename(name, victim, src_dir_fd=folder)
        try:
            sync_folder(folder)
        except OSError:
            with contextlib.suppress(OSError):
                os.rename(victim, name, dst_dir_fd=folder)
            raise
        return victim


def _move_in(key: str, home: Home, folder: int, temporary: str, *, exclusive: bool) -> None:
    name = home.segments[-1]
    replaceable = home.tree.holds_object(folder, home.segments)
    if replaceable is False:
        raise _Occupied
    second = _second_name(folder, name, temporary) if replaceable and not exclusive else None
    try:
        if exclusive:
            _link_in(key, temporary, folder, name)
        else:
            os.rename(temporary, name, dst_dir_fd=folder)
    except OSError:
        if second:
            unlink_quietly(second)
        raise
    try:
        sync_folder(folder)
    except OSError:
        with contextlib.suppress(OSError):
            if second:
                os.rename(second, name, dst_dir_fd=folder)
            elif not replaceable:
                os.unlink(name, dir_fd=folder)
        raise
    if second:
        unlink_quietly(second)


def _link_in(key: str, temporary: str, folder: int, name: str) -> None:
    """Give the file its name only where there is none: the one step that also holds against other processes."""
    try:
        os.link(temporary, name, dst_dir_fd=folder)
    except FileExistsError as error:
        raise already_there(key) from error
    except OSError as error:
        if error.errno not in NO_SECOND_NAMES:
            raise
        os.rename(temporary, name, dst_dir_fd=folder)  # nothing was there a moment ago, and we hold the key


def _second_name(folder: int, name: str, temporary: str) -> str | None:
    """Give the old file another name in our folder; None where the file system has no second names."""
    second = f"{temporary}.old"
    try:
        os.link(name, second, src_dir_fd=folder, follow_symlinks=False)
    except OSError as error:
        if error.errno in NO_SECOND_NAMES:
            return None
        raise
    return second


def _unlink_at(home: Home) -> None:
    """Remove a copy that is hidden already; should it stay, it stays hidden, and `remove` takes it first."""
    with contextlib.suppress(OSError), home.tree.folder(home.segments[:-1]) as folder:
        os.unlink(home.segments[-1], dir_fd=folder)


def unlink_quietly(path: str) -> None:
    """Remove one of our own files; should it stay, the sweep finds it."""
    with contextlib.suppress(OSError):
        os.unlink(path)


def linked_folder(key: str) -> Refused:
    """Return the error for a write through a symbolic link."""
    return Refused(
        f"“{shown(key)}” lies behind a linked folder, which can be read but not written; write where the folder is.",
        code="linked_folder",
    )
