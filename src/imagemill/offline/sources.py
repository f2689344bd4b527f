"""Bytes made ready for the workers: a file, or memory, as an open descriptor.

Separate from `originals`, which finds them: the Python interface and `doctor` hand over what nobody has to find.
"""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager

from imagemill.engine.port import Source
from imagemill.object_store.descriptors import memory_file


@contextmanager
def file_source(path: str | os.PathLike[str]) -> Iterator[Source]:
    """Open a file; raises OSError, also for what is no regular file (a folder, a pipe that nobody writes to).

    Its digest is made of what changes with its content: that tells apart the files of one run, in the list of those
    that broke a worker.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        about = os.fstat(descriptor)
        if not stat.S_ISREG(about.st_mode):
            raise OSError(errno.EINVAL, "it is no regular file", os.fspath(path))
        digest = f"{about.st_dev}:{about.st_ino}:{about.st_size}:{about.st_mtime_ns}"
        yield Source(descriptor=descriptor, size=about.st_size, digest=digest)
    finally:
        os.close(descriptor)


@contextmanager
def memory_source(data: bytes | bytearray | memoryview) -> Iterator[Source]:
    """Lay bytes into memory that a worker can map."""
    view = memoryview(data).cast("B")
    digest, size = hashlib.sha256(view).hexdigest(), len(view)
    descriptor = memory_file(view)
    try:
        yield Source(descriptor=descriptor, size=size, digest=digest)
    finally:
        os.close(descriptor)
