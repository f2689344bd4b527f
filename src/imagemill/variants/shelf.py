"""The local variant store's blocking half: versions and files, and the order in which they come and go.

Three rules make what a web server reads through `~/current` right or absent, never old:

* a version's folder is made by `publish` alone; a file is renamed into it, so a maker that comes late finds no folder;
* `current` is replaced by renaming another link over it: whoever follows it sees one version or the other;
* what goes is renamed away whole and deleted afterwards.

Files are written without fsync, since they can be made again (`walking.mend_after_power_cut`). Where a crash could
bring back something wrong, the folder is synced: when `current` turns from one version to another, and by `withdraw`.
"""

# ruff: noqa: PTH102, PTH104, PTH106, PTH108, PTH112, PTH115, PTH120, PTH123, PTH208, PTH211
# Paths here are strings: pathlib has no calls relative to an open folder, and costs more than the system call itself.

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import stat
import threading
import time
from collections.abc import Iterator

from imagemill.object_store.durable import sync_folder_at, write_file
from imagemill.variants.ledger import Ledger
from imagemill.variants.paths import CURRENT, KEY_TEXT, NOT_VERSIONS, RECORD, Paths
from imagemill.variants.port import Kept, VariantInfo, VariantName
from imagemill.variants.shares import Shares
from imagemill.variants.walking import files_in, scan, versions_below
from imagemill.variants.workshop import Workshop, unlink_quietly

STRIPES = 64
PRUNE_RACES = 50
"""How often a folder may be pruned from under one change before we call it a failure."""
READ_MARK_SECONDS = 3600.0
_ABSENT = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENAMETOOLONG})


class Shelf:
    """Everything kept below one root. Safe in several threads; raises OSError for what the disk refuses."""

    def __init__(self, paths: Paths, workshop: Workshop, ledger: Ledger, max_per_original: int) -> None:
        """`ledger` must hold a reservation for whatever is kept."""
        self.paths = paths
        self._workshop = workshop
        self._ledger = ledger
        self._shares = Shares(max_per_original)
        self._stripes = tuple(threading.Lock() for _ in range(STRIPES))

    # --- versions ----------------------------------------------------------------------------------------------------

    def publish(self, site: str, key: str, version: str, *, followed: bool = True) -> None:
        """Make the version's folder, point `current` at it, or at nothing, and move the others away."""
        home = self.paths.home(site, key)
        with self._changing(home):
            for _ in range(PRUNE_RACES):
                with contextlib.suppress(FileNotFoundError):  # a withdrawal beside us pruned a folder
                    self._make_home(home, site, key, durable=False)
                    with contextlib.suppress(FileExistsError):
                        os.mkdir(f"{home}/{version}", 0o755)
                    self._point(home, version if followed else None)
                    break
            else:
                raise OSError(errno.ENOENT, "the folder does not stay")
            for name in os.listdir(home):
                if name != version and name not in NOT_VERSIONS:
                    self._discard(f"{home}/{name}", [f"{home}/{name}"])

    def withdraw(self, site: str, key: str) -> None:
        """Remove the whole home, durably, and the folders that become empty by it."""
        home = self.paths.home(site, key)
        with self._changing(home):
            if self._discard(home, [entry.path for entry in scan(home) if entry.is_dir(follow_symlinks=False)]):
                folder = os.path.dirname(home)
                with contextlib.suppress(FileNotFoundError):
                    sync_folder_at(folder)
                self._prune(folder, self.paths.odd if self.paths.is_odd(home) else self.paths.site(site))

    # --- variants ----------------------------------------------------------------------------------------------------

    def has(self, name: VariantName) -> bool:
        """Say whether there is a file of this name, readable or not; one system call."""
        try:
            os.lstat(self.paths.variant(name))
        except OSError:
            return False
        return True

    def fetch(self, name: VariantName) -> Kept | None:
        """Read a variant. Whatever is wrong with the file counts as a miss: it is made again."""
        try:
            descriptor = os.open(self.paths.variant(name), os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError:
            return None
        try:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode) or not status.st_size:
                return None
            data = b"".join(_chunks(descriptor, status.st_size))
            if time.time() - max(status.st_atime, status.st_mtime) > READ_MARK_SECONDS:
                with contextlib.suppress(OSError):
                    os.utime(descriptor, ns=(time.time_ns(), status.st_mtime_ns))
        except OSError:
            return None
        finally:
            os.close(descriptor)
        return Kept(data, hashlib.sha256(data).hexdigest(), status.st_mtime)

    def mark_read(self, name: VariantName, read_ns: int) -> None:
        """Note when a variant was read (nanoseconds since 1970) without reading it; one that is gone is no matter."""
        path = self.paths.variant(name)
        with contextlib.suppress(OSError):
            status = os.lstat(path)
            if read_ns > max(status.st_atime_ns, status.st_mtime_ns):
                os.utime(path, ns=(read_ns, status.st_mtime_ns), follow_symlinks=False)

    def keep(self, name: VariantName, data: bytes, modified: float | None = None) -> bool:
        """Rename a new file into the version's folder, for which room is reserved; False where it comes too late."""
        temporary = self._workshop.new_name()
        kept = False
        try:
            version, target = self.paths.version(name), self.paths.variant(name)
            if self._has_room(version, target):
                self._workshop.write(temporary, data)
                if modified is not None:
                    os.utime(temporary, (time.time(), modified))
                with self._changing(os.path.dirname(version)):
                    kept = self._move_in(version, target, temporary)
        except OSError:
            return False  # late, or no room on the disk: it is made again when somebody asks
        finally:
            self._ledger.settle(len(data), kept=kept)
            if not kept:
                unlink_quietly(temporary)
        return kept

    def infos(self, site: str, key: str) -> tuple[VariantInfo, ...]:
        """Return the current version's variants in byte order of the leaf."""
        home = self.paths.home(site, key)
        version = self._current(home)
        if version is None:
            return ()
        seen = sorted((os.path.basename(file.path), file) for file in files_in(f"{home}/{version}"))  # noqa: PTH119
        return tuple(
            VariantInfo(VariantName(site, key, version, leaf), file.size, file.modified_ns / 1e9) for leaf, file in seen
        )

    def purge(self, home: str, leaf: str | None) -> int:
        """Remove the variants of one home, or its `leaf`; its versions stay. Return how many went."""
        count = 0
        with self._changing(home):
            for entry in scan(home):
                if entry.is_dir(follow_symlinks=False):
                    for seen in files_in(entry.path):
                        if leaf is None or seen.path == f"{entry.path}/{leaf}":
                            count += self._remove(seen.path)
        return count

    def purge_prefix(self, site: str, prefix: str, leaf: str | None) -> int:
        """Remove the variants of every key of `site` that begins with `prefix`; return how many went."""
        top = self.paths.site(site)
        below = prefix.rpartition("/")[0]
        start = f"{top}/{below}" if below and self.paths.home(site, below).startswith(top) else top
        homes = {home for home, _ in versions_below(start) if home[len(top) + 1 : -2].startswith(prefix)}
        for home, _ in versions_below(self.paths.odd):
            owner, _, key = self._key_text(home).partition("\n")
            if owner == site and key.startswith(prefix):
                homes.add(home)
        return sum(self.purge(home, leaf) for home in sorted(homes))

    def remove_unread(self, path: str, read_ns: int) -> int:
        """Remove the file at `path` unless it was read after `read_ns`; return the bytes that went."""
        with self._changing(os.path.dirname(os.path.dirname(path))), contextlib.suppress(OSError):
            status = os.lstat(path)
            if max(status.st_atime_ns, status.st_mtime_ns) <= read_ns and self._remove(path):
                return status.st_size
        return 0

    # --- records -----------------------------------------------------------------------------------------------------

    def read_record(self, site: str, key: str) -> bytes | None:
        """Return the original's record."""
        try:
            descriptor = os.open(f"{self.paths.home(site, key)}/{RECORD}", os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except OSError as error:
            if error.errno in _ABSENT:
                return None
            raise
        with os.fdopen(descriptor, "rb") as file:
            return file.read()

    def write_record(self, site: str, key: str, record: bytes) -> None:
        """Replace the original's record durably and all at once."""
        home = self.paths.home(site, key)
        with self._changing(home):
            for _ in range(PRUNE_RACES):
                with contextlib.suppress(FileNotFoundError):
                    self._make_home(home, site, key, durable=True)
                    write_file(self._workshop.new_name(), f"{home}/{RECORD}", record, durable=True)
                    return
            raise OSError(errno.ENOENT, "the folder does not stay")

    # --- within ------------------------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def _changing(self, home: str) -> Iterator[None]:
        """Hold the lock of an original; a few share one."""
        with self._stripes[hash(home) % STRIPES]:
            yield

    def _make_home(self, home: str, site: str, key: str, *, durable: bool) -> None:
        made = []
        folder = home
        while not os.path.isdir(folder):
            made.append(folder)
            folder = os.path.dirname(folder)
        for missing in reversed(made):
            with contextlib.suppress(FileExistsError):
                os.mkdir(missing, 0o755)
            if durable:
                sync_folder_at(os.path.dirname(missing))
        if self.paths.is_odd(home) and not self._key_text(home):
            write_file(self._workshop.new_name(), f"{home}/{KEY_TEXT}", f"{site}\n{key}".encode(), durable=durable)

    @staticmethod
    def _key_text(home: str) -> str:
        try:
            with open(f"{home}/{KEY_TEXT}", encoding="utf-8") as file:
                return file.read()
        except (OSError, UnicodeDecodeError):
            return ""

    @staticmethod
    def _current(home: str) -> str | None:
        """Return the published version, None where there is none: the link's, or the only one that none leads to."""
        try:
            return os.readlink(f"{home}/{CURRENT}")
        except OSError:
            return next((one.name for one in scan(home) if one.is_dir(follow_symlinks=False)), None)

    def _point(self, home: str, version: str | None) -> None:
        """Let `current` lead to `version`, or to nothing."""
        current = f"{home}/{CURRENT}"
        if version is None:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(current)
                sync_folder_at(home)  # a power cut must not bring it back
            return
        try:
            before = os.readlink(current)
        except FileNotFoundError:
            before = ""
        if before == version:
            return
        link = self._workshop.new_name()
        try:
            os.symlink(version, link)
            os.rename(link, current)
        except OSError:
            unlink_quietly(link)
            raise
        if before:
            sync_folder_at(home)  # a power cut must not bring the old version back

    def _discard(self, path: str, versions: list[str]) -> bool:
        """Move the folder `path` out of the way whole, and give back the room of `versions`, which lie in it or are it;
        False when there is none. The caller holds its original.
        """
        sizes = {version: sum(seen.size for seen in files_in(version)) for version in versions}
        if not self._workshop.throw_away(path):
            return False
        for version, size in sizes.items():
            self._ledger.release(size)
            self._shares.forget(version)
        return True

    def _has_room(self, version: str, target: str) -> bool:
        return not self._shares.is_full(self._shares.count(version)) or os.path.lexists(target)

    def _move_in(self, version: str, target: str, temporary: str) -> bool:
        count = self._shares.count(version)
        try:
            replaced = os.lstat(target).st_size
        except FileNotFoundError:
            replaced = -1
        if replaced < 0 and self._shares.is_full(count):
            return False
        os.rename(temporary, target)
        if replaced >= 0:
            self._ledger.release(replaced)
        self._shares.remember(version, count + (replaced < 0))
        return True

    def _remove(self, path: str) -> bool:
        """Remove one variant and give its room back; the caller holds its original."""
        try:
            size = os.lstat(path).st_size
            os.unlink(path)
        except OSError:
            return False
        self._ledger.release(size)
        self._shares.forget(os.path.dirname(path))
        return True

    @staticmethod
    def _prune(folder: str, top: str) -> None:
        """Remove `folder` and those above it as long as they are empty, up to `top` itself."""
        while len(folder) > len(top):
            try:
                os.rmdir(folder)
            except OSError:
                return
            folder = os.path.dirname(folder)


def _chunks(descriptor: int, size: int) -> Iterator[bytes]:
    """Yield a file's bytes; `size` is a guess that makes one read enough."""
    while chunk := os.read(descriptor, size + 1):
        yield chunk
