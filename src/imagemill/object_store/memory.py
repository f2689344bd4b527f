"""The object store in memory: for tests, for a server without a disk, and as the model the others are compared with.

Written the plainest way, on purpose: a dictionary, and a listing that sorts everything each time.
"""

from __future__ import annotations

import hashlib
import itertools
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass

from imagemill.errors import InvalidRequest
from imagemill.object_store.condition import demand
from imagemill.object_store.descriptors import memory_file, seal
from imagemill.object_store.durable import translated
from imagemill.object_store.port import ALWAYS, Condition, ObjectInfo, Page

MAX_PAGE = 1000


@dataclass(frozen=True, slots=True)
class _Stored:
    info: ObjectInfo
    data: bytes


class MemoryObject:
    """An object open for reading: a sealed memfd made when somebody asks for a descriptor."""

    def __init__(self, stored: _Stored) -> None:
        self._stored = stored
        self._descriptor = -1
        self._closed = False

    @property
    def info(self) -> ObjectInfo:
        """What it is."""
        return self._stored.info

    def fileno(self) -> int:
        """Return a descriptor of the bytes that nobody can change."""
        if self._closed:
            raise ValueError("the object is closed")
        if self._descriptor < 0:
            self._descriptor = _memfd(self._stored.data)
            seal(self._descriptor)
        return self._descriptor

    def close(self) -> None:
        """Release the descriptor; safe to call twice."""
        self._closed = True
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)


class MemoryUpload:
    """An object being written."""

    def __init__(self, store: MemoryStore) -> None:
        self._store = store
        self._chunks: list[bytes] = []
        self._digest = hashlib.sha256()
        self._descriptors: list[int] = []
        self._over = False

    @property
    def size(self) -> int:
        """Bytes written so far."""
        return sum(map(len, self._chunks))

    @property
    def sha256(self) -> str:
        """SHA-256 in hex of the bytes so far."""
        return self._digest.hexdigest()

    async def write(self, chunk: bytes) -> None:
        """Append."""
        self._check_open()
        self._chunks.append(bytes(chunk))
        self._digest.update(chunk)

    def fileno(self) -> int:
        """Return a descriptor of a copy of the bytes so far: changing it changes nothing here."""
        self._check_open()
        self._descriptors.append(_memfd(b"".join(self._chunks)))
        return self._descriptors[-1]

    async def commit(
        self,
        key: str,
        *,
        content_type: str,
        condition: Condition = ALWAYS,
        metadata: Mapping[str, str] | None = None,
    ) -> ObjectInfo:
        """Make it the object of `key`; whatever happens, the upload is over afterwards."""
        self._check_open()
        try:
            return self._store.put(key, b"".join(self._chunks), content_type, condition, metadata)
        finally:
            await self.abort()

    async def abort(self) -> None:
        """Forget it."""
        self._over = True
        self._chunks.clear()
        while self._descriptors:
            os.close(self._descriptors.pop())

    def _check_open(self) -> None:
        if self._over:
            raise RuntimeError("this upload is over")


class MemoryStore:
    """Objects in a dictionary. See `port.ObjectStore`."""

    def __init__(self) -> None:
        self._objects: dict[str, _Stored] = {}
        self._generation = itertools.count(1)

    @property
    def writable(self) -> bool:
        """Memory always is."""
        return True

    async def begin(self) -> MemoryUpload:
        """Start a write."""
        return MemoryUpload(self)

    def put(
        self, key: str, data: bytes, content_type: str, condition: Condition, metadata: Mapping[str, str] | None
    ) -> ObjectInfo:
        """Store `data` at once if `condition` holds; what `MemoryUpload.commit` does."""
        self._demand(condition, key)
        info = ObjectInfo(
            key=key,
            size=len(data),
            etag=hashlib.sha256(data).hexdigest(),
            modified=time.time(),
            content_type=content_type,
            stamp=f"memory-{next(self._generation)}",
            metadata=dict(metadata or {}),
        )
        self._objects[key] = _Stored(info, data)
        return info

    async def head(self, key: str) -> ObjectInfo | None:
        """Return what the object is."""
        stored = self._objects.get(key)
        return None if stored is None else stored.info

    async def stamp(self, key: str) -> str | None:
        """Return the number of the write that made it."""
        stored = self._objects.get(key)
        return None if stored is None else stored.info.stamp

    async def open(self, key: str, *, known: ObjectInfo | None = None) -> MemoryObject | None:
        """Open the object for reading; what is `known` of it does not matter here."""
        stored = self._objects.get(key)
        return None if stored is None else MemoryObject(stored)

    async def delete(self, key: str, *, condition: Condition = ALWAYS) -> bool:
        """Remove the object."""
        self._demand(condition, key)
        return self._objects.pop(key, None) is not None

    async def list(self, prefix: str = "", *, delimiter: str = "", after: str = "", limit: int = MAX_PAGE) -> Page:
        """List in byte order of the key."""
        if not 1 <= limit <= MAX_PAGE:
            raise InvalidRequest(f"A page holds 1 to {MAX_PAGE} keys; {limit} were asked for.", code="bad_limit")
        lines: dict[str, ObjectInfo | None] = {}
        for key, stored in self._objects.items():
            if key.startswith(prefix):
                head, found, _ = key[len(prefix) :].partition(delimiter) if delimiter else (key, "", "")
                if found:
                    lines[prefix + head + delimiter] = None
                else:
                    lines[key] = stored.info
        names = sorted(name for name in lines if name > after)
        shown, rest = names[:limit], names[limit:]
        objects = tuple(info for name in shown if (info := lines[name]) is not None)
        prefixes = tuple(name for name in shown if lines[name] is None)
        return Page(objects, prefixes, shown[-1] if rest else None)

    async def sweep(self, older_than: float) -> int:
        """Memory leaves nothing behind."""
        return 0

    async def close(self) -> None:
        """Nothing is held; the objects stay, as they would on a disk."""

    def _demand(self, condition: Condition, key: str) -> None:
        stored = self._objects.get(key)
        demand(condition, key, None if stored is None else stored.info.etag)


def _memfd(data: bytes) -> int:
    with translated("hand over an object"):
        return memory_file(data)
