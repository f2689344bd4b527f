"""One write in progress on a local store: bytes go to a temporary file and through SHA-256, never gather in memory."""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial

from imagemill.errors import ImagemillError
from imagemill.object_store.durable import failure_of, translated, write_all
from imagemill.object_store.local.placing import unlink_quietly
from imagemill.object_store.local.sidecar import Record, mark_of
from imagemill.object_store.port import ALWAYS, Condition, ObjectInfo
from imagemill.object_store.threads import Threads


@dataclass(frozen=True, slots=True)
class Finished:
    """What an upload hands over when it is committed: where its bytes lie and what they are."""

    path: str
    record: Record


Place = Callable[[str, Callable[[], Finished], Condition], Awaitable[ObjectInfo]]
"""Carries out a commit: the key, how to finish the file (blocks), the condition."""


class LocalUpload:
    """An object being written; see `port.Upload`."""

    def __init__(
        self, descriptor: int, path: str, threads: Threads, place: Place, ended: Callable[[str], None]
    ) -> None:
        """Take over the open file `descriptor` at `path`; `ended(path)` is called once, when nothing of it is left."""
        self.path = path
        self._descriptor = descriptor
        self._readable = -1
        self._threads = threads
        self._place = place
        self._ended = ended
        self._digest = hashlib.sha256()
        self._size = 0
        self._failure: ImagemillError | None = None
        self._over = False
        self._guard = threading.Lock()  # closing waits for a write that is still in its thread

    @property
    def size(self) -> int:
        """Bytes written so far."""
        return self._size

    @property
    def sha256(self) -> str:
        """SHA-256 in hex of the bytes so far."""
        return self._digest.hexdigest()

    async def write(self, chunk: bytes) -> None:
        """Append. After an error the upload can only be aborted: what reached the disk is not known."""
        self._check_open()
        await self._threads.run(partial(self._write, chunk))

    def fileno(self) -> int:
        """Return a descriptor for reading only: whoever checks the bytes cannot change them."""
        self._check_open()
        if self._readable < 0:
            with translated("read an upload", to_read=True):
                self._readable = os.open(self.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        return self._readable

    async def commit(
        self,
        key: str,
        *,
        content_type: str,
        condition: Condition = ALWAYS,
        metadata: Mapping[str, str] | None = None,
    ) -> ObjectInfo:
        """Make it the object of `key`; whatever happens, the upload is over afterwards."""
        try:
            self._check_open()
            return await self._place(key, partial(self._finish, content_type, dict(metadata or {})), condition)
        finally:
            await self.abort()

    async def abort(self) -> None:
        """Forget it; after a commit there is nothing left to forget."""
        if not self._over:
            self._over = True
            await self._threads.run(self._discard)
            self._ended(self.path)

    def _check_open(self) -> None:
        if self._failure is not None:
            raise self._failure
        if self._over:
            raise RuntimeError("this upload is over")

    def _write(self, chunk: bytes) -> None:
        with self._guard:
            try:
                write_all(self._descriptor, chunk)
            except OSError as error:
                self._failure = failure_of(error, "keep the upload")
                raise self._failure from error
            self._digest.update(chunk)
            self._size += len(chunk)

    def _finish(self, content_type: str, metadata: dict[str, str]) -> Finished:
        """Make the bytes durable; from here on the file does not change. After an OSError it is worthless."""
        with self._guard:
            os.utime(self._descriptor)  # modified = committed; otherwise a slow upload would be older than it is
            os.fsync(self._descriptor)
            mark = mark_of(os.fstat(self._descriptor))
        return Finished(self.path, Record(mark, self.sha256, content_type, metadata))

    def _discard(self) -> None:
        with self._guard:
            unlink_quietly(self.path)
            for descriptor in (self._descriptor, self._readable):
                if descriptor >= 0:
                    os.close(descriptor)
            self._descriptor = self._readable = -1
