"""Writing that a power cut cannot undo, and what to say when the disk refuses.

Separate from the stores, because originals, sidecars and records all keep the same order: bytes to a temporary file,
fsync, rename, fsync of the folder. An fsync that failed is never tried again and then believed: the kernel may have
dropped the dirty pages and report success the second time (threats 2.11, "fsyncgate").
"""

# ruff: noqa: PTH104, PTH108, PTH120
# Paths here are strings: pathlib has no calls relative to an open folder, and costs more than the system call itself.

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterator

from imagemill.errors import ImagemillError, Overloaded, Refused, StorageFull

FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
READ_ONLY = frozenset({errno.EROFS, errno.EACCES, errno.EPERM})
NO_FOLDER_SYNC = frozenset({errno.EINVAL, errno.ENOTSUP})
"""Answers of file systems that cannot fsync a folder (some network mounts); there is nothing more to be done there."""

RETRY_AFTER = 5.0
"""Seconds after which asking a store again makes sense."""


def write_all(descriptor: int, data: bytes | memoryview) -> None:
    """Write every byte of `data`; a disk may take only part of it at a time."""
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def sync_folder(descriptor: int) -> None:
    """Make the names in an open folder durable."""
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in NO_FOLDER_SYNC:
            raise


def sync_folder_at(path: str) -> None:
    """Make the names in the folder at `path` durable."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        sync_folder(descriptor)
    finally:
        os.close(descriptor)


def write_file(temporary: str, target: str, data: bytes, *, durable: bool, mode: int = 0o600) -> None:
    """Put `data` at the path `target`, whole or not at all, by way of the path `temporary` on the same file system.

    Raises OSError with the old file still there and nothing left at `temporary`. `durable` says whether the new file
    must survive a power cut from the moment this returns. `mode` is for nobody else's eyes unless said otherwise.
    """
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, mode)
        try:
            write_all(descriptor, data)
            if durable:
                os.fsync(descriptor)
        finally:
            os.close(descriptor)
        os.rename(temporary, target)
    except OSError:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise
    if durable:
        sync_folder_at(os.path.dirname(target))


def failure_of(error: OSError, doing: str, *, to_read: bool = False) -> ImagemillError:
    """Return the public error for `error`; `doing` completes "The store could not …" and names no path.

    Without permission it is Refused: `unreadable` where something was `to_read`, else `read_only`.
    """
    if error.errno in FULL:
        return StorageFull(f"The store could not {doing}: the disk has no room left.")
    if error.errno in READ_ONLY and to_read:
        return Refused(f"The store could not {doing}: it is not allowed to read it.", code="unreadable")
    if error.errno in READ_ONLY:
        return Refused(f"The store could not {doing}: it is not allowed to write there.", code="read_only")
    name = errno.errorcode.get(error.errno or 0, "unknown error")
    return Overloaded(
        f"The store could not {doing}: the disk reported {name}.", code="store_failed", retry_after=RETRY_AFTER
    )


@contextlib.contextmanager
def translated(doing: str, *, to_read: bool = False) -> Iterator[None]:
    """Turn an OSError inside into the error people may see; see `failure_of`."""
    try:
        yield
    except OSError as error:
        raise failure_of(error, doing, to_read=to_read) from error
