"""One write in progress on a local store: its file has a name, which a commit turns into the object's."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial

from imagemill.object_store.local.placing import unlink_quietly
from imagemill.object_store.local.sidecar import Record, mark_of
from imagemill.object_store.port import Condition, ObjectInfo
from imagemill.object_store.spooled import SpooledUpload
from imagemill.object_store.threads import Threads


@dataclass(frozen=True, slots=True)
class Finished:
    """What an upload hands over when it is committed: where its bytes lie and what they are."""

    path: str
    record: Record


Place = Callable[[str, Callable[[], Finished], Condition], Awaitable[ObjectInfo]]
"""Carries out a commit: the key, how to finish the file (blocks), the condition."""


class LocalUpload(SpooledUpload):
    """An object being written; see `port.Upload`."""

    def __init__(
        self, descriptor: int, path: str, threads: Threads, place: Place, ended: Callable[[str], None]
    ) -> None:
        """Take over the open file `descriptor` at `path`; `ended(path)` is called once, when nothing of it is left."""
        super().__init__(descriptor, threads)
        self.path = path
        self._put = place
        self._tell = ended

    async def _place(self, key: str, content_type: str, condition: Condition, metadata: dict[str, str]) -> ObjectInfo:
        return await self._put(key, partial(self._finish, content_type, metadata), condition)

    def _finish(self, content_type: str, metadata: dict[str, str]) -> Finished:
        """Make the bytes durable; from here on the file does not change. After an OSError it is worthless."""
        with self._guard:
            os.utime(self._descriptor)  # modified = committed; otherwise a slow upload would be older than it is
            os.fsync(self._descriptor)
            mark = mark_of(os.fstat(self._descriptor))
        return Finished(self.path, Record(mark, self.sha256, content_type, metadata))

    def _unlink(self) -> None:
        unlink_quietly(self.path)

    def _ended(self) -> None:
        self._tell(self.path)
