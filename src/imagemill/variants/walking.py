"""Walking everything that is kept: to count it, to find what was not read for longest, to mend after a power cut.

When a variant was last read is the later of the file's atime and mtime. A web server's reads count as well where the
disk keeps atimes (`relatime`, the default of Linux, does once a day); ours set it at most once an hour and before each
trim, so that a hit is not a write.
"""

# ruff: noqa: PTH108, PTH123
# Paths here are strings: pathlib has no calls relative to an open folder, and costs more than the system call itself.

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass

from imagemill.variants.paths import HOME, TEMPORARY, TRASH, Paths

UNSETTLED_SECONDS = 120.0
"""Linux writes dirty pages out after 30 s, looking every 5 s: what is so much older than the last file is on disk."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A kept variant's file; times in nanoseconds since 1970, `size` in bytes.

    `modified_ns` is what its answers say (it may be some seconds off), `written_ns` when it came here by the disk's own
    clock.
    """

    path: str
    size: int
    modified_ns: int
    written_ns: int
    read_ns: int


def versions_below(folder: str) -> Iterator[tuple[str, str]]:
    """Yield (home, version folder) for every version in the tree of `folder`; what vanishes meanwhile is left out."""
    pending = [folder]
    while pending:
        here = pending.pop()
        is_home = here.endswith(f"/{HOME}")
        for entry in scan(here):
            if entry.name in (TEMPORARY, TRASH) and here == folder:
                continue
            if entry.is_dir(follow_symlinks=False):
                if is_home:
                    yield here, entry.path
                else:
                    pending.append(entry.path)


def files_in(version: str) -> Iterator[Seen]:
    """Yield the variants in a version's folder."""
    for entry in scan(version):
        with contextlib.suppress(OSError):
            if entry.is_file(follow_symlinks=False):
                status = entry.stat(follow_symlinks=False)
                read = max(status.st_atime_ns, status.st_mtime_ns)
                yield Seen(entry.path, status.st_size, status.st_mtime_ns, status.st_ctime_ns, read)


def everything(paths: Paths) -> Iterator[Seen]:
    """Yield every kept variant."""
    for _, version in versions_below(paths.root):
        yield from files_in(version)


def scan(folder: str) -> list[os.DirEntry[str]]:
    """Return the entries of `folder`, none if it cannot be read."""
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except OSError:
        return []


def mend_after_power_cut(paths: Paths) -> int:
    """Remove the variants that a sudden stop of the machine may have left without their bytes; return how many.

    They are written without fsync. After a reboot the last two minutes of them are made again rather than trusted; a
    reboot is seen by the kernel's boot id, which a file in the root remembers.
    """
    try:
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
            boot = file.read().strip()
        marker = f"{paths.root}/.boot"
        descriptor = os.open(marker, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except OSError:
        return 0
    try:
        known = os.pread(descriptor, 64, 0).decode("ascii", "replace").strip()
        removed = _remove_unsettled(paths) if known not in ("", boot) else 0
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, boot.encode("ascii"), 0)
    except OSError:
        return 0
    finally:
        os.close(descriptor)
    return removed


def _remove_unsettled(paths: Paths) -> int:
    newest = max((seen.written_ns for seen in everything(paths)), default=0)
    removed = 0
    for seen in everything(paths):
        if seen.written_ns > newest - UNSETTLED_SECONDS * 1e9:
            with contextlib.suppress(OSError):
                os.unlink(seen.path)
                removed += 1
    return removed
