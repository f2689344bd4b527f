"""Leases between the processes of one machine: flock(2) on a file for each thing that is being made.

The kernel drops the lock with the process, so a maker that is killed frees its lease in that moment, and no clock is
involved. The file is removed with the lease; one that a crash left is free, and is removed by the next who takes it.
On a file system without locks everyone may make.
"""

# ruff: noqa: PTH108, PTH116, PTH118
# Paths here are strings: this runs once for each make, and pathlib costs more than the system calls themselves.

from __future__ import annotations

import contextlib
import errno
import fcntl
import os

from imagemill.coordination.leases import FREE, Lease, digest_of

TRIES = 8
"""A file may be removed by its holder between our opening and locking it; so often in a row means it is busy."""


class FileLease:
    """A locked file; see `leases.Lease`."""

    seconds = 0.0

    def __init__(self, path: str, descriptor: int, held: set[FileLease]) -> None:
        self._path = path
        self._descriptor = descriptor
        self._held = held
        held.add(self)

    async def renew(self) -> bool:
        """A lock lasts as long as its process."""
        return self._descriptor >= 0

    async def release(self) -> None:
        """Remove the file while it is still locked, so that nobody can lock a file that is about to go."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            self._held.discard(self)
            with contextlib.suppress(OSError):
                os.unlink(self._path)
            os.close(descriptor)


class FileLeases:
    """Leases in one folder, which every process of the machine must name. See `leases.Leases`.

    Every call is three or four system calls on a small local file, some 20 µs: no thread is worth that.
    """

    pause = 0.02

    def __init__(self, folder: str) -> None:
        """`folder` is made when it is first needed."""
        self._folder = folder
        self._held: set[FileLease] = set()

    async def take(self, name: str, seconds: float) -> Lease | None:
        """Return the lease, None while another process has it; where files cannot be locked, one for everyone."""
        path = os.path.join(self._folder, digest_of(name))
        try:
            for _ in range(TRIES):
                descriptor = self._open(path)
                try:
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    present = _is_at(descriptor, path)
                except BaseException:
                    os.close(descriptor)
                    raise
                if present:
                    return FileLease(path, descriptor, self._held)
                os.close(descriptor)
        except OSError as error:
            return None if error.errno in (errno.EWOULDBLOCK, errno.EACCES) else FREE
        return None

    async def close(self) -> None:
        """Release what is held."""
        for lease in list(self._held):
            await lease.release()

    def _open(self, path: str) -> int:
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        try:
            return os.open(path, flags, 0o600)
        except FileNotFoundError:
            os.makedirs(self._folder, mode=0o700, exist_ok=True)  # noqa: PTH103 - as above
            return os.open(path, flags, 0o600)


def _is_at(descriptor: int, path: str) -> bool:
    """Whether the file we locked is still the one of that name."""
    try:
        there = os.stat(path, follow_symlinks=False)
    except FileNotFoundError:
        return False
    ours = os.fstat(descriptor)
    return (there.st_ino, there.st_dev) == (ours.st_ino, ours.st_dev)
