"""A folder that no key can leave.

Every step from the root opens one folder by its name, relative to the one before and refusing symbolic links, so
nothing that is swapped in meanwhile leads outside (threats K1). What people have in a folder of pictures:

* a symbolic link to a picture is followed when its target lies inside the root and is not one of our own files;
* a linked folder is read through under the same rule, but not listed (its pictures are listed where they lie, and a
  loop of links ends nowhere) and never written through;
* a pipe, socket or device is no object and is never opened, because opening one may wait for ever.

Linux only: `O_PATH`, and names compared byte by byte.
"""

# ruff: noqa: PTH118
# Paths here are strings: pathlib has no calls relative to an open folder, and costs more than the system call itself.

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Callable, Iterator

from imagemill.object_store.durable import sync_folder

Segments = tuple[str, ...]

NOTHING_THERE = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG, errno.ELOOP})
"""Answers that mean: no object by that name."""

_FOLDER = os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_REMEMBERED_FOLDERS = 10_000


class LinkedFolder(NotADirectoryError):
    """A folder on the way is a symbolic link; only reading follows those."""


class Tree:
    """Files below one root. Every method blocks; an OSError beyond NOTHING_THERE is the caller's to translate."""

    def __init__(self, root: str, hidden: Callable[[Segments], bool] = lambda segments: False) -> None:
        """`hidden` says which resolved paths are not for anyone (our own files)."""
        self.root = root
        self.hidden = hidden
        self._linked: dict[Segments, int] = {}  # folder → inode whose name in its parent is known to be durable

    @contextlib.contextmanager
    def folder(self, segments: Segments, access: int = os.O_PATH) -> Iterator[int]:
        """Open the folder at `segments` strictly; `access` O_RDONLY where it will be listed or synced."""
        descriptor = self._open_root(access)
        try:
            for segment in segments:
                child = self._enter(descriptor, segment, access)
                os.close(descriptor)
                descriptor = child
            yield descriptor
        finally:
            os.close(descriptor)

    @contextlib.contextmanager
    def made_folder(self, segments: Segments) -> Iterator[int]:
        """Open the folder at `segments` for writing into, making what is missing of the way and its names durable.

        Raises FileNotFoundError when somebody prunes it meanwhile (try again), NotADirectoryError where a file is in
        the way, LinkedFolder where a link is.
        """
        descriptor = self._open_root(os.O_RDONLY)
        try:
            for depth, segment in enumerate(segments, 1):
                child = self._enter_or_make(descriptor, segment)
                try:
                    self._make_name_durable(segments[:depth], descriptor, child)
                except OSError:
                    os.close(child)
                    raise
                os.close(descriptor)
                descriptor = child
            yield descriptor
        finally:
            os.close(descriptor)

    def locate(self, segments: Segments) -> tuple[Segments, os.stat_result] | None:
        """Return where the regular file of `segments` really lies and what it is, None when there is none."""
        try:
            status = self.look(segments)
        except LinkedFolder:
            status = None
        except OSError as error:
            if error.errno in NOTHING_THERE:
                return None
            raise
        if status is not None and not stat.S_ISLNK(status.st_mode):
            return (segments, status) if stat.S_ISREG(status.st_mode) else None
        return self._follow(segments)

    def look(self, segments: Segments) -> os.stat_result:
        """Return what lies at exactly `segments`, links not followed."""
        with self.folder(segments[:-1]) as folder:
            return os.stat(segments[-1], dir_fd=folder, follow_symlinks=False)

    def open(self, segments: Segments) -> tuple[int, os.stat_result] | None:
        """Open the regular file of `segments` for reading."""
        located = self.locate(segments)
        if located is None:
            return None
        real = located[0]
        try:
            with self.folder(real[:-1]) as folder:
                # O_NONBLOCK: should a pipe have taken the place since we looked, opening it must not wait.
                flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
                descriptor = os.open(real[-1], flags, dir_fd=folder)
        except OSError as error:
            if error.errno in NOTHING_THERE or error.errno == errno.ENXIO:
                return None
            raise
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            os.close(descriptor)
            return None
        return descriptor, status

    def holds_object(self, folder: int, segments: Segments) -> bool | None:
        """Whether what is at `segments`, whose last folder is open as `folder`, may be replaced: None if nothing is
        there, False where it is something of the owner's that is no object (a folder, a pipe, a link that leads out).
        """
        try:
            status = os.stat(segments[-1], dir_fd=folder, follow_symlinks=False)
        except FileNotFoundError:
            return None
        if stat.S_ISLNK(status.st_mode):
            return self._follow(segments) is not None
        return stat.S_ISREG(status.st_mode)

    def leads_to_object(self, segments: Segments) -> bool:
        """Whether the symbolic link at `segments` leads to a picture that may be served."""
        try:
            return self._follow(segments) is not None
        except OSError:
            return False

    def prune(self, segments: Segments) -> None:
        """Remove the folder at `segments` and those above it as long as they are empty; never the root."""
        while segments:
            try:
                with self.folder(segments[:-1]) as parent:
                    os.rmdir(segments[-1], dir_fd=parent)
            except OSError:
                return  # not empty, or not ours to remove: an empty folder is harmless
            self._linked.pop(segments, None)
            segments = segments[:-1]

    def _open_root(self, access: int) -> int:
        try:
            return os.open(self.root, access | os.O_DIRECTORY | os.O_CLOEXEC)
        except FileNotFoundError as error:
            # A disk that is away must not look like a thousand deleted pictures.
            raise OSError(errno.ENODEV, "the root of the store is away") from error

    def _enter(self, descriptor: int, segment: str, access: int) -> int:
        try:
            return os.open(segment, access | _FOLDER, dir_fd=descriptor)
        except OSError as error:
            if error.errno not in (errno.ENOTDIR, errno.ELOOP):
                raise
            if stat.S_ISLNK(os.stat(segment, dir_fd=descriptor, follow_symlinks=False).st_mode):
                raise LinkedFolder(errno.ENOTDIR, "a linked folder") from error
            raise

    def _enter_or_make(self, descriptor: int, segment: str) -> int:
        try:
            return self._enter(descriptor, segment, os.O_RDONLY)
        except FileNotFoundError:
            with contextlib.suppress(FileExistsError):  # another upload was first
                os.mkdir(segment, 0o755, dir_fd=descriptor)
            return self._enter(descriptor, segment, os.O_RDONLY)

    def _make_name_durable(self, segments: Segments, parent: int, child: int) -> None:
        """Fsync `parent` unless this very folder's name was synced before.

        Folders that were already there count as unknown at first: whoever made them may have crashed before the fsync.
        """
        inode = os.fstat(child).st_ino
        if self._linked.get(segments) == inode:
            return
        sync_folder(parent)
        if len(self._linked) >= _REMEMBERED_FOLDERS:
            self._linked.clear()
        self._linked[segments] = inode

    def _follow(self, segments: Segments) -> tuple[Segments, os.stat_result] | None:
        """Return where a path with links really ends, if that is a regular file of ours to serve."""
        try:
            real = os.path.realpath(os.path.join(self.root, *segments), strict=True)
            inside = real.startswith(self.root.rstrip("/") + "/")
            resolved = tuple(real[len(self.root.rstrip("/")) + 1 :].split("/"))
            if not inside or self.hidden(resolved):
                return None
            status = self.look(resolved)  # strictly: what is a link now has been swapped in since
        except OSError as error:
            if error.errno in NOTHING_THERE:
                return None
            raise
        return (resolved, status) if stat.S_ISREG(status.st_mode) else None
