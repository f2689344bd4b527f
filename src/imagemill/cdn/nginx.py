"""nginx with a cache of its own (`proxy_cache`), whose folder is on this machine: files that name a tag are removed.

nginx has no purge by tag, and a missing file is a miss to it. Each file begins with nginx's own header, the key, and
the answer's head, in which our `Cache-Tag` stands; the configuration that `imagemill edge-config nginx` writes has it
revalidate within ten seconds anyway, so a file that appears while we walk is bounded too.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from imagemill.cdn.port import CdnError

HEAD_BYTES = 8192
"""The least size of nginx's buffer for the head of an answer, hence the place where our header stands."""
_FIELD = b"\r\ncache-tag:"


class NginxCache:
    """One cache folder of nginx. See `port.Purger`."""

    most = 1000
    """Tags of one walk over the folder; the walk costs, not the tags."""

    def __init__(self, folder: Path) -> None:
        """`folder` is nginx's `proxy_cache_path`, readable and writable by us."""
        self._folder = folder

    async def purge(self, tags: Sequence[str]) -> None:
        """Remove every kept answer that names one of the tags."""
        await asyncio.to_thread(self._walk, frozenset(tag.encode() for tag in tags))

    def _walk(self, tags: frozenset[bytes]) -> None:
        try:
            os.scandir(self._folder).close()
        except OSError as error:
            raise CdnError(f"nginx's cache folder cannot be read ({error.strerror}).", lasting=True) from None
        denied = 0
        for path in _files(str(self._folder)):
            if tags.isdisjoint(_tags_of(path)):
                continue
            try:
                os.unlink(path)  # noqa: PTH108 - as below, paths are strings here
            except FileNotFoundError:
                continue
            except OSError:
                denied += 1
        if denied:
            raise CdnError(f"{denied} files of nginx's cache may not be removed by us.", lasting=True)

    async def close(self) -> None:
        """Nothing is held."""


def _files(folder: str) -> Iterator[str]:
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                yield from _files(entry.path)
            elif entry.is_file(follow_symlinks=False):
                yield entry.path


def _tags_of(path: str) -> frozenset[bytes]:
    """Return the tags in the head of a kept answer; none where it cannot be read."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return frozenset()
    try:
        head = os.pread(descriptor, HEAD_BYTES, 0)
    except OSError:
        return frozenset()
    finally:
        os.close(descriptor)
    at = head.lower().find(_FIELD)
    if at < 0:
        return frozenset()
    line = head[at + len(_FIELD) :].split(b"\r\n", 1)[0]
    return frozenset(tag.strip() for tag in line.split(b","))
