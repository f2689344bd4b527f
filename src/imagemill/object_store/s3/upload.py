"""One write in progress: spooled to a file without a name, checked there, then sent as one request.

One PutObject and never parts: an upload that dies leaves nothing in the bucket to be swept, and the condition holds for
the whole (threat 2.12 F2: a bucket's unfinished parts cost money and are seen by nobody).
"""

from __future__ import annotations

import mmap
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from imagemill.object_store.durable import translated
from imagemill.object_store.port import Condition, ObjectInfo
from imagemill.object_store.spooled import SpooledUpload
from imagemill.object_store.threads import Threads

Send = Callable[[str, Any, str, str, Condition, Mapping[str, str]], Awaitable[ObjectInfo]]
"""Carries out a commit: key, bytes (a buffer), their SHA-256, content type, condition, metadata."""


class S3Upload(SpooledUpload):
    """An object being written; see `port.Upload`."""

    def __init__(self, descriptor: int, threads: Threads, send: Send, ended: Callable[[S3Upload], None]) -> None:
        """Take over the nameless file `descriptor`; `ended` is called once, when nothing of it is left."""
        super().__init__(descriptor, threads)
        self._send = send
        self._tell = ended

    async def _place(self, key: str, content_type: str, condition: Condition, metadata: dict[str, str]) -> ObjectInfo:
        body: bytes | mmap.mmap = b""
        if self.size:
            with translated("read an upload", to_read=True):
                body = mmap.mmap(self._descriptor, self.size, prot=mmap.PROT_READ)
        # The map is unmapped with its last user, which may be a request that was given up and still runs.
        return await self._send(key, body, self.sha256, content_type, condition, metadata)

    def _ended(self) -> None:
        self._tell(self)
