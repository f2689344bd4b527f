"""What we know of an object beyond its bytes, kept beside the tree: digest, type, metadata, and of which file.

A sidecar is JSON at `<apart>/objects/<2 hex>/<62 hex>.json`, by the SHA-256 of the key: a name that fits any key, in
folders that need no pruning. It holds up to two records, each with the mark of the file it describes (inode, size,
mtime). A replacement writes the new record in front of the old one *before* the rename, so at whatever step the power
goes, the file that is there finds its own record. A file whose mark no record has was changed behind our back, or
never came through us; that is legal, and its record is made by reading it.
"""

# ruff: noqa: PTH103, PTH108, PTH112, PTH118, PTH123
# Paths here are strings: pathlib has no calls relative to an open folder, and costs more than the system call itself.

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Iterator
from pathlib import Path

import msgspec

from imagemill.object_store.durable import sync_folder_at, write_file
from imagemill.object_store.port import ObjectInfo
from imagemill.object_store.safe_name import digest_name

RECORDS_KEPT = 2
REMEMBERED = 4096
"""Keys whose records stay in memory (about 0.6 kB each); a head then costs no second file."""
SETTLED_NS = 2_000_000_000
"""A file touched less than this ago may be touched again within the same tick of its file system's clock (2 s on FAT),
with size and mtime unchanged; what was read of it is not remembered (git calls such an entry "racily clean")."""

ABSENT = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.EACCES, errno.EPERM})
"""Answers that mean: no sidecar for us."""

_SHARDS = tuple(f"{number:02x}" for number in range(256))
_TYPES = {
    "avif": "image/avif",
    "bmp": "image/bmp",
    "gif": "image/gif",
    "heic": "image/heic",
    "heif": "image/heif",
    "ico": "image/vnd.microsoft.icon",
    "jpeg": "image/jpeg",
    "jpg": "image/jpeg",
    "jxl": "image/jxl",
    "pdf": "application/pdf",
    "png": "image/png",
    "svg": "image/svg+xml",
    "tif": "image/tiff",
    "tiff": "image/tiff",
    "webp": "image/webp",
}


class Mark(msgspec.Struct, frozen=True):
    """What tells one state of a file from another without reading it."""

    inode: int
    size: int
    mtime_ns: int

    def __str__(self) -> str:
        return f"{self.inode:x}-{self.size:x}-{self.mtime_ns:x}"


class Record(msgspec.Struct, frozen=True):
    """What is known of the file with this mark; `etag` is SHA-256 in hex."""

    mark: Mark
    etag: str
    content_type: str
    metadata: dict[str, str] = msgspec.field(default_factory=dict)


class Sidecar(msgspec.Struct, frozen=True):
    """The document: which key, and its newest records first."""

    key: str
    records: tuple[Record, ...]


def mark_of(status: os.stat_result) -> Mark:
    """Return the mark of a file."""
    return Mark(status.st_ino, status.st_size, status.st_mtime_ns)


def info_of(key: str, mark: Mark, record: Record | None) -> ObjectInfo:
    """Return what the port says of an object; without a `record` its etag is "" and its type guessed from its name."""
    return ObjectInfo(
        key=key,
        size=mark.size,
        etag=record.etag if record else "",
        modified=mark.mtime_ns / 1e9,
        content_type=record.content_type if record else guessed_type(key),
        stamp=str(mark),
        metadata=record.metadata if record else {},
    )


def guessed_type(key: str) -> str:
    """Return the media type that the name of `key` suggests."""
    return _TYPES.get(key.rpartition(".")[2].lower(), "application/octet-stream")


def settled(mark: Mark) -> bool:
    """Whether a file is old enough for its mark to prove that it has not changed since."""
    return abs(time.time_ns() - mark.mtime_ns) > SETTLED_NS


class Sidecars:
    """All sidecars of a store, with the last used ones in memory. Every method blocks and may run in any thread."""

    def __init__(self, apart: Path, uploads: Path) -> None:
        """Temporary files go to `uploads`, so that one sweep finds all leftovers."""
        self._folder = str(apart / "objects")
        self._uploads = str(uploads)
        self._remembered: OrderedDict[str, tuple[Record, ...]] = OrderedDict()
        self._guard = threading.Lock()

    def prepare(self) -> None:
        """Make the folders durably, once, so that no write has to wonder about them. Raises OSError."""
        os.makedirs(self._folder, 0o700, exist_ok=True)
        missing = [shard for shard in _SHARDS if not os.path.isdir(f"{self._folder}/{shard}")]
        for shard in missing:  # another process of this node may be making them too
            os.makedirs(f"{self._folder}/{shard}", 0o700, exist_ok=True)
        if missing:
            sync_folder_at(self._folder)

    def find(self, key: str, mark: Mark) -> Record | None:
        """Return the record of `key` for the file with this `mark`."""
        with self._guard:
            records = self._remembered.get(key, ())
            if records:
                self._remembered.move_to_end(key)
        for record in records:
            if record.mark == mark:
                return record
        sidecar = self._read(self._path(digest_name(key)))
        if sidecar is None or sidecar.key != key:
            return None
        for record in sidecar.records:
            if record.mark == mark:
                self.remember(key, (record,))
                return record
        return None

    def remember(self, key: str, records: tuple[Record, ...]) -> None:
        """Keep `records` in memory only."""
        with self._guard:
            self._remembered[key] = records
            self._remembered.move_to_end(key)
            if len(self._remembered) > REMEMBERED:
                self._remembered.popitem(last=False)

    def add(self, key: str, record: Record, *, durable: bool) -> None:
        """Put `record` in front of the others of `key`; the caller holds the key. Raises OSError, changing nothing."""
        path = self._path(digest_name(key))
        known = self._read(path)
        others = [] if known is None or known.key != key else [old for old in known.records if old.mark != record.mark]
        records = (record, *others)[:RECORDS_KEPT]
        temporary = os.path.join(self._uploads, f"{secrets.token_hex(8)}.json")
        write_file(temporary, path, msgspec.json.encode(Sidecar(key, records)), durable=durable)
        self.remember(key, records)

    def forget(self, key: str) -> None:
        """Remove the sidecar of `key`; one that stays by accident is swept."""
        with self._guard:
            self._remembered.pop(key, None)
        with contextlib.suppress(OSError):
            os.unlink(self._path(digest_name(key)))

    @contextlib.contextmanager
    def holding(self, key: str) -> Iterator[None]:
        """Keep other processes from changing `key`, and a few others, meanwhile: a lock on the folder of its sidecar.

        On a file system without locks only the lock of this process holds, and `If-None-Match`.
        """
        shard = -1
        with contextlib.suppress(OSError):
            shard = os.open(f"{self._folder}/{digest_name(key)[:2]}", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            fcntl.flock(shard, fcntl.LOCK_EX)
        try:
            yield
        finally:
            if shard >= 0:
                os.close(shard)

    def key_of(self, digest: str) -> str | None:
        """Return the key whose `digest_name` is `digest`, as far as its sidecar tells."""
        sidecar = self._read(self._path(digest))
        return sidecar.key if sidecar is not None and digest_name(sidecar.key) == digest else None

    def entries(self) -> Iterator[tuple[str, float]]:
        """Yield the key of every sidecar with the time it was written."""
        for shard in _scan(self._folder):
            for entry in _scan(shard.path):
                try:
                    sidecar, written = self._read(entry.path), entry.stat(follow_symlinks=False).st_mtime
                except OSError:
                    continue
                if sidecar is not None:
                    yield sidecar.key, written

    def _path(self, digest: str) -> str:
        return f"{self._folder}/{digest[:2]}/{digest[2:]}.json"

    @staticmethod
    def _read(path: str) -> Sidecar | None:
        """Return the sidecar at `path`; one that is damaged, or not for us to read, counts as absent.

        Raises any other OSError: what is written over it would lose what it says.
        """
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except OSError as error:
            if error.errno in ABSENT:
                return None
            raise
        with open(descriptor, "rb") as file:
            data = file.read()
        try:
            return msgspec.json.decode(data, type=Sidecar)
        except msgspec.MsgspecError:
            return None


def _scan(folder: str) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except OSError:
        return []
