"""One write in progress: spooled to a file without a name, checked there, then sent as one request.

One PutObject and never parts: an upload that dies leaves nothing in the bucket to be swept, and the condition holds for
the whole (threat 2.12 F2: a bucket's unfinished parts cost money and are seen by nobody).
"""

from __future__ import annotations

import hashlib
import mmap
import os
import threading
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any

from imagemill.errors import ImagemillError
from imagemill.object_store.durable import failure_of, translated, write_all
from imagemill.object_store.port import ALWAYS, Condition, ObjectInfo
from imagemill.object_store.s3.opened import read_only
from imagemill.object_store.threads import Threads

Send = Callable[[str, Any, str, str, Condition, Mapping[str, str]], Awaitable[ObjectInfo]]
"""Carries out a commit: key, bytes (a buffer), their SHA-256, content type, condition, metadata."""


class S3Upload:
    """An object being written; see `port.Upload`."""

    def __init__(self, descriptor: int, threads: Threads, send: Send, ended: Callable[[S3Upload], None]) -> None:
        """Take over the nameless file `descriptor`; `ended` is called once, when nothing of it is left."""
        self._descriptor = descriptor
        self._readable = -1
        self._threads = threads
        self._send = send
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
        """Append. After an error the upload can only be aborted."""
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
            body: bytes | mmap.mmap = b""
            if self._size:
                with translated("read an upload", to_read=True):
                    body = mmap.mmap(self._descriptor, self._size, prot=mmap.PROT_READ)
            # The map is unmapped with its last user, which may be a request that was given up and still runs.
            return await self._send(key, body, self.sha256, content_type, condition, dict(metadata or {}))
        finally:
            await self.abort()

    async def abort(self) -> None:
        """Forget it; after a commit there is nothing left to forget."""
        if not self._over:
            self._over = True
            await self._threads.run(self._discard)
            self._ended(self)

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
            for descriptor in (self._descriptor, self._readable):
                if descriptor >= 0:
                    os.close(descriptor)
            self._descriptor = self._readable = -1
