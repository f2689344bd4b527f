"""The disk cache's blocking half: files below one folder, shared by the processes of a node.

Files lie as in a local variant store (`variants.paths`), without versions being published: what has a name may be here
or not. Each is written beside its place and renamed into it, so that a crash leaves nothing half; none is synced, for
`disk_file` tells a whole file from a broken one.
"""

# ruff: noqa: PTH103, PTH106, PTH108, PTH120
# Paths here are strings: pathlib has no calls relative to an open folder, and costs more than the system call itself.

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import stat
import time
from collections.abc import Iterator

from imagemill.cache.disk_file import decode, encode, key_in
from imagemill.cache.quick_read import QuickReader
from imagemill.cache.shared_count import SharedCount
from imagemill.object_store.durable import write_file
from imagemill.variants.ledger import TRIMMED_TO
from imagemill.variants.oldest import newest_to_go, packed, size_in
from imagemill.variants.paths import Paths
from imagemill.variants.port import Kept, VariantName
from imagemill.variants.walking import Seen, everything, files_in, scan, versions_below
from imagemill.variants.workshop import Workshop

BLOCK = 4096
"""What a file takes is a multiple of this."""
TOUCH_SECONDS = 60.0
"""A hit is noted in the file's times at most so often."""
MOST_TOUCHED = 100_000
SMALL = 256 * 1024
"""Bytes of a file that may be read in place, its lines included."""
PRUNE_RACES = 20
PURGES = ".purges"


class DiskShelf:
    """Files of variants. Safe in several threads and processes; raises OSError for what the disk refuses."""

    def __init__(self, root: str, max_bytes: int) -> None:
        """Make the folder, for nobody else's eyes. Raises OSError."""
        os.makedirs(root, mode=0o700, exist_ok=True)
        self.paths = Paths(root)
        self._workshop = Workshop(self.paths)
        self._quick = QuickReader(SMALL)
        self._touched: dict[str, float] = {}
        self._places: dict[VariantName, tuple[str, bytes]] = {}
        self.count = SharedCount(f"{root}/.used", max_bytes)

    def has(self, name: VariantName) -> bool:
        """Say whether there is a file of this name, readable or not; one system call."""
        return _size(self.paths.variant(name)) is not None

    def near(self, name: VariantName) -> Kept | None:
        """Return a small variant that the kernel has in memory, without waiting for the disk; None for whatever else.

        Raises OSError (EOPNOTSUPP) on file systems that cannot say. Belongs to one thread.
        """
        path, raw = self._places.get(name) or self._place(name)
        file = self._quick.read(raw)
        kept = None if file is None else decode(name, file, thoroughly=False)
        if kept is not None and self._touch(path):
            with contextlib.suppress(OSError):
                os.utime(path, ns=(time.time_ns(), os.lstat(path).st_mtime_ns), follow_symlinks=False)
        return kept

    def _place(self, name: VariantName) -> tuple[str, bytes]:
        """Return where a variant lies, as text and as the kernel takes it; checked once for each name."""
        path = self.paths.variant(name)
        if len(self._places) >= MOST_TOUCHED:
            self._places.clear()
        self._places[name] = path, os.fsencode(path)
        return self._places[name]

    def get(self, name: VariantName) -> Kept | None:
        """Return a variant; a file that is damaged or cannot be read is removed: it is fetched again."""
        path = self.paths.variant(name)
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError as error:
            if error.errno == errno.ELOOP:  # a link, which we never write
                self._remove(path)
            return None
        try:
            status = os.fstat(descriptor)
            file = memoryview(os.read(descriptor, status.st_size)) if stat.S_ISREG(status.st_mode) else None
            kept = None if file is None else decode(name, file)
            if kept is not None and self._touch(path):
                with contextlib.suppress(OSError):
                    os.utime(descriptor, ns=(time.time_ns(), status.st_mtime_ns))
        except OSError:
            kept = None
        finally:
            os.close(descriptor)
        if kept is None:
            self._remove(path)
        return kept

    def put(self, name: VariantName, kept: Kept) -> bool:
        """Write a variant; False where the cache has no room. Raises OSError where the disk has none."""
        path = self.paths.variant(name)
        file = encode(name, kept)
        room = _room(len(file))
        if not self.count.reserve(room):
            return False
        written = False
        try:
            before = _size(path)
            self._write(path, file)
            written = True
        finally:
            self.count.settle(room, kept=written)
        if before is not None:
            self.count.release(_room(before))
        return True

    def forget(self, site: str, key: str, leaf: str | None = None) -> int:
        """Remove what is here of an original, or its one `leaf`; return how many files went."""
        return self._forget_home(self.paths.home(site, key), leaf)

    def forget_prefix(self, site: str, prefix: str) -> int:
        """Remove what is here of every key of `site` that begins with `prefix`; return how many files went."""
        top = self.paths.site(site)
        below = prefix.rpartition("/")[0]
        start = f"{top}/{below}" if below and self.paths.home(site, below).startswith(top) else top
        homes = {home for home, _ in versions_below(start) if home[len(top) + 1 : -2].startswith(prefix)}
        for home, version in versions_below(self.paths.odd):
            owner, key = self._owner(version)
            if owner == site and key.startswith(prefix):
                homes.add(home)
        return sum(self._forget_home(home, None) for home in sorted(homes))

    def clear(self) -> None:
        """Remove everything."""
        for entry in scan(self.paths.root):
            if not entry.name.startswith(".") or entry.path == self.paths.odd:
                self._workshop.throw_away(entry.path)
        self.count.release(self.count.total)
        self._workshop.empty_trash()

    def tidy(self) -> int:
        """Count what is here, remove what crashes left, and the longest unread if there is too much.

        One process of a node does it at a time. Returns how many variants went.
        """
        with self._alone() as ours:
            if not ours:
                return 0
            self._workshop.remove_leftovers()
            self._workshop.empty_trash()
            before = self.count.read()
            numbers = [packed(seen.read_ns, _room(seen.size)) for seen in everything(self.paths)]
            self.count.correct(sum(map(size_in, numbers)), before)
            excess = self.count.total - int(self.count.limit * TRIMMED_TO)
            return self._trim(newest_to_go(numbers, excess), excess) if excess > 0 else 0

    def purges_seen(self) -> int | None:
        """Return the number of the newest purge that was carried out here, None where that is not known."""
        try:
            with open(f"{self.paths.root}/{PURGES}", encoding="ascii") as file:  # noqa: PTH123 - as above
                return int(file.read(32))
        except (OSError, ValueError):
            return None

    def note_purges(self, number: int) -> None:
        """Remember that number for the next start."""
        target = f"{self.paths.root}/{PURGES}"
        write_file(self._workshop.new_name(), target, str(number).encode(), durable=False)

    def empty_trash(self) -> None:
        """Delete what was moved away."""
        self._workshop.empty_trash()

    def close(self) -> None:
        """Give the temporary folder back."""
        self._workshop.close()
        self.count.close()

    # --- within ------------------------------------------------------------------------------------------------------

    def _write(self, path: str, file: bytes) -> None:
        for _ in range(PRUNE_RACES):
            with contextlib.suppress(FileNotFoundError):  # somebody removed the folder as it became empty
                os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
                write_file(self._workshop.new_name(), path, file, durable=False)
                return
        raise OSError(errno.ENOENT, "the folder does not stay")

    def _touch(self, path: str) -> bool:
        """Whether a hit should be noted in the file's times."""
        now = time.monotonic()
        if now - self._touched.get(path, 0.0) < TOUCH_SECONDS:
            return False
        if len(self._touched) >= MOST_TOUCHED:
            self._touched.clear()
        self._touched[path] = now
        return True

    def _forget_home(self, home: str, leaf: str | None) -> int:
        if leaf is not None:
            paths = [f"{entry.path}/{leaf}" for entry in scan(home) if entry.is_dir(follow_symlinks=False)]
            return sum(self._remove(path) for path in paths)
        seen = [one for entry in scan(home) for one in files_in(entry.path)]
        if not self._workshop.throw_away(home):
            return 0
        self.count.release(sum(_room(one.size) for one in seen))
        self._prune(os.path.dirname(home))
        return len(seen)

    def _owner(self, version: str) -> tuple[str, str]:
        """Return site and key of a version's folder by what its files say; empty where they say nothing."""
        for seen in files_in(version):
            with contextlib.suppress(OSError):
                descriptor = os.open(seen.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
                try:
                    return key_in(os.read(descriptor, BLOCK))
                finally:
                    os.close(descriptor)
        return "", ""

    def _trim(self, newest: int, excess: int) -> int:
        removed = 0
        for seen in everything(self.paths):
            if excess <= 0:
                break
            if seen.read_ns <= newest and self._unread_since(seen) and self._remove(seen.path):
                excess -= _room(seen.size)
                removed += 1
        return removed

    def _unread_since(self, seen: Seen) -> bool:
        with contextlib.suppress(OSError):
            status = os.lstat(seen.path)
            return max(status.st_atime_ns, status.st_mtime_ns) <= seen.read_ns
        return False

    def _remove(self, path: str) -> bool:
        size = _size(path)
        if size is None:
            return False
        try:
            os.unlink(path)
        except OSError:
            return False
        self.count.release(_room(size))
        self._prune(os.path.dirname(path))
        return True

    def _prune(self, folder: str) -> None:
        """Remove `folder` and those above it as long as they are empty."""
        while len(folder) > len(self.paths.root):
            try:
                os.rmdir(folder)
            except OSError:
                return
            folder = os.path.dirname(folder)

    @contextlib.contextmanager
    def _alone(self) -> Iterator[bool]:
        """Hold the lock of those who tidy; False where another process does."""
        descriptor = os.open(f"{self.paths.root}/.tidying", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                yield False
            else:
                yield True
        finally:
            os.close(descriptor)


def _room(size: int) -> int:
    """Return what a file of `size` bytes takes of the disk."""
    return -(-size // BLOCK) * BLOCK


def _size(path: str) -> int | None:
    try:
        return os.lstat(path).st_size
    except OSError:
        return None
