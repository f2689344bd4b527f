"""Descriptors without a name: bytes that a worker can map, whatever store they came from, and that nobody can change.

Separate from the stores, which all hand bytes over this way: few bytes lie in memory, many in a file that has no name,
so a crash leaves nothing behind. A worker that was taken over must not change what the next one reads: memory is
sealed, and a file is only writable through the descriptor that made it.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import tempfile
from pathlib import Path

from imagemill.object_store.durable import write_all

_SEALS = fcntl.F_SEAL_WRITE | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_SEAL
_MODE = 0o400


def memory_file(data: bytes | memoryview = b"") -> int:
    """Return a file in memory that holds `data`; raises OSError with nothing left open."""
    descriptor = os.memfd_create("imagemill", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    try:
        write_all(descriptor, data)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def seal(descriptor: int) -> None:
    """Make a `memory_file` unchangeable for everybody, for good."""
    fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, _SEALS)


def nameless_file(folder: Path) -> int:
    """Return an empty file on the disk of `folder` that has no name, for reading and writing; raises OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(OSError):  # not every file system has files without a name
        return os.open(folder, os.O_RDWR | os.O_TMPFILE | os.O_CLOEXEC, _MODE)
    descriptor, path = tempfile.mkstemp(dir=folder)
    os.unlink(path)  # noqa: PTH108 - the string mkstemp gave
    os.fchmod(descriptor, _MODE)
    return descriptor


def read_only(descriptor: int) -> int:
    """Return another descriptor of the same file, with a position of its own, for reading alone."""
    return os.open(f"/proc/self/fd/{descriptor}", os.O_RDONLY | os.O_CLOEXEC)
