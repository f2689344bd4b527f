"""What crashes leave behind, and when it may go: files of dead uploads, sidecars of objects that are no more."""

# ruff: noqa: PTH108, PTH112, PTH118, PTH208
# Paths here are strings: pathlib has no calls relative to an open folder, and costs more than the system call itself.

from __future__ import annotations

import contextlib
import fcntl
import os
import stat
import time

from imagemill.object_store.local.finding import Finding
from imagemill.object_store.local.layout import Layout


def remove_stale_uploads(layout: Layout, older_than: float, running: frozenset[str]) -> int:
    """Remove files last touched more than `older_than` seconds ago, but not those of the uploads at the paths `running`
    nor those that another process holds locked; return how many.
    """
    count = 0
    for name in os.listdir(layout.uploads) if os.path.isdir(layout.uploads) else ():
        path = os.path.join(layout.uploads, name)
        with contextlib.suppress(OSError):
            status = os.lstat(path)
            # An old object's second name keeps its old mtime; its ctime tells when it got that name.
            touched = max(status.st_mtime, status.st_ctime)
            if time.time() - touched < older_than or path.partition(".old")[0] in running or not _unlocked(path):
                continue
            os.unlink(path)
            count += 1
    return count


def orphans(layout: Layout, finding: Finding, older_than: float) -> list[str]:
    """Return the keys of sidecars written more than `older_than` seconds ago whose object is not there."""
    limit = time.time() - older_than
    return [key for key, written in layout.sidecars.entries() if written <= limit and finding.mark(key) is None]


def drop_orphan(layout: Layout, finding: Finding, key: str) -> bool:
    """Remove the sidecar of `key` if there is still no object; the caller holds the key."""
    with layout.sidecars.holding(key):
        if finding.mark(key) is not None:
            return False
        layout.sidecars.forget(key)
    return True


def _unlocked(path: str) -> bool:
    """Whether no running upload, of whatever process, holds the file at `path`."""
    if not stat.S_ISREG(os.lstat(path).st_mode):
        return True
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(descriptor)
    return True
