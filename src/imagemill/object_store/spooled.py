"""One write in progress whose bytes wait in a file: through SHA-256 while they come, never gathered in memory.

Separate from the stores, which differ only in what a commit does with the file: a folder gives it a name, a bucket is
sent its bytes.
"""

from __future__ import annotations

import hashlib
import os
import threading
from abc import ABC, abstractmethod
from collections.abc import Mapping
from functools import partial

from imagemill.errors import ImagemillError
from imagemill.object_store.descriptors import read_only
from imagemill.object_store.durable import failure_of, translated, write_all
from imagemill.object_store.port import ALWAYS, Condition, ObjectInfo
from imagemill.object_store.threads import Threads


class SpooledUpload(ABC):
    """An object being written; see `port.Upload`."""

    def __init__(self, descriptor: int, threads: Threads) -> None:
        """Take over the open, empty file `descriptor`; its disk is used in `threads`."""
        self._descriptor = descriptor
        self._readable = -1
        self._threads = threads
        self._digest = hashlib.sha256()
        self._size = 0
        self._failure: ImagemillError | None = None
        self._over = False
        self._guard = threading.Lock()  # closing waits for a write that is still in its thread

    @abstractmethod
    async def _place(self, key: str, content_type: str, condition: Condition, metadata: dict[str, str]) -> ObjectInfo:
        """Make the file's bytes the object of `key`; the file is forgotten afterwards, whatever this raises."""

    @abstractmethod
    def _ended(self) -> None:
        """Note that nothing of it is left; called once."""

    def _unlink(self) -> None:  # noqa: B027 - a file without a name has nothing to remove
        """Remove the file's name, if it has one; in a thread."""

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
                self._readable = read_only(self._descriptor)
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
            return await self._place(key, content_type, condition, dict(metadata or {}))
        finally:
            await self.abort()

    async def abort(self) -> None:
        """Forget it; after a commit there is nothing left to forget."""
        if not self._over:
            self._over = True
            await self._threads.run(self._discard)
            self._ended()

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

    def _discard(self) -> None:
        with self._guard:
            self._unlink()
            for descriptor in (self._descriptor, self._readable):
                if descriptor >= 0:
                    os.close(descriptor)
            self._descriptor = self._readable = -1
