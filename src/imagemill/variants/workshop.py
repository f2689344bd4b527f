"""Where variants are while they come and go: a folder of our own for temporary files, and the trash.

Every process has its own temporary folder and holds a lock on it while it lives, so that another, or the next one, can
tell what a crash left from what is being written. What lies in the trash is nobody's.
"""

# ruff: noqa: PTH102, PTH103, PTH104, PTH108, PTH112, PTH114
# Paths here are strings: pathlib has no calls relative to an open folder, and costs more than the system call itself.

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
import shutil

from imagemill.object_store.durable import write_all
from imagemill.variants.paths import Paths
from imagemill.variants.walking import scan


class Workshop:
    """Temporary names and the trash of one process. Safe in several threads."""

    def __init__(self, paths: Paths) -> None:
        """Make the folders. Raises OSError."""
        self._paths = paths
        for folder in (paths.root, paths.temporary, paths.trash):
            os.makedirs(folder, exist_ok=True)
        self._own, self._lock = _own_folder(paths.temporary)

    def new_name(self) -> str:
        """Return a path for a temporary file."""
        return f"{self._own}/{secrets.token_hex(8)}"

    def write(self, path: str, data: bytes) -> None:
        """Write a temporary file that others may read, without fsync."""
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o644)
        try:
            write_all(descriptor, data)
        finally:
            os.close(descriptor)

    def throw_away(self, path: str) -> bool:
        """Move a folder out of the way in one step; False when it is not there."""
        try:
            os.rename(path, f"{self._paths.trash}/{secrets.token_hex(8)}")
        except FileNotFoundError:
            return False
        return True

    def empty_trash(self) -> None:
        """Delete what was moved away, by us or by one that crashed."""
        for entry in scan(self._paths.trash):
            _delete(entry.path)

    def remove_leftovers(self) -> None:
        """Delete the temporary files of processes that are no more: those whose lock nobody holds."""
        for entry in scan(self._paths.temporary):
            if entry.path == self._own:
                continue
            with contextlib.suppress(OSError):
                descriptor = os.open(entry.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
                try:
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    _delete(entry.path)
                finally:
                    os.close(descriptor)

    def close(self) -> None:
        """Give the temporary folder back."""
        _delete(self._own)
        os.close(self._lock)


def _own_folder(parent: str) -> tuple[str, int]:
    """Make a folder and lock it; return its path and the descriptor that holds the lock.

    Between the two another process may take the folder for a leftover: then it holds the lock until the folder is gone,
    and another one is made. Where the file system has no locks, that process will not delete it either.
    """
    while True:
        path = f"{parent}/{secrets.token_hex(8)}"
        os.mkdir(path, 0o700)
        with contextlib.suppress(FileNotFoundError):
            descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            with contextlib.suppress(OSError):
                fcntl.flock(descriptor, fcntl.LOCK_EX)
            if os.path.isdir(path):
                return path, descriptor
            os.close(descriptor)


def unlink_quietly(path: str) -> None:
    """Remove a file; one that stays is found again."""
    with contextlib.suppress(OSError):
        os.unlink(path)


def _delete(path: str) -> None:
    """Delete a file or a whole folder; what stays is found again."""
    if os.path.islink(path) or not os.path.isdir(path):
        unlink_quietly(path)
    else:
        shutil.rmtree(path, ignore_errors=True)
