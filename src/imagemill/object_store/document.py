"""One small document of ours in an object store: read by every process, changed with If-Match, polled by its stamp.

Presets, signing keys and purges each keep one. Separate from those who give it a meaning: here are only the three rules
that make it safe for several writers and readers. Every change is durable before it is in force; a second writer is
noticed by If-Match and nothing of his is lost; a reader learns of a change by a cheap look each second (architecture,
"Data plane and control plane are apart"). Where a `copy` is given, the last good document is kept in a local file, so
that a process can start while the store is away.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Callable
from pathlib import Path

from imagemill.errors import Overloaded, PreconditionFailed, StorageFull, TooLarge
from imagemill.object_store.durable import write_file
from imagemill.object_store.port import Condition, ObjectStore
from imagemill.object_store.writing import write_json

MAX_BYTES = 4 * 1024 * 1024
ATTEMPTS = 8
"""How often a change is tried again from the newest document before it is given up for the moment."""

Take = Callable[[bytes | None], None]
"""Takes a document as it now is (None: there is none) and puts it in force; raises where it cannot be understood."""


class StoredDocument:
    """One document; all calls belong to one event loop."""

    def __init__(self, store: ObjectStore, key: str, take: Take, *, copy: Path | None = None) -> None:
        """`take` is called with each new document, once for each change, whoever made it."""
        self.key = key
        self._store = store
        self._take = take
        self._copy = copy
        self._busy = asyncio.Lock()
        self._etag: str | None = None
        self._stamp: str | None = None
        self._data: bytes | None = None

    async def load(self) -> None:
        """Read the document for the first time; raises what the store raises where there is no copy either."""
        async with self._busy:
            try:
                await self._read()
            except Overloaded:
                data = self._read_copy()
                if data is None:
                    raise
                self._put_in_force(data)

    async def refresh(self) -> bool:
        """Look whether it has changed, and put the new one in force; say whether there was a change.

        Raises what the store raises; what is in force stays so.
        """
        if self._busy.locked():
            return False  # a change of our own is under way, and reads as it goes
        async with self._busy:
            if await self._store.stamp(self.key) == self._stamp:
                return False
            before = self._data
            await self._read()
            return self._data != before

    async def change(self, edit: Callable[[bytes | None], bytes | None]) -> None:
        """Replace the document by what `edit` makes of it (None: nothing is to be done), durably, then in force.

        `edit` is called again with the newest document where somebody else wrote meanwhile. Raises what `edit` and the
        store raise, TooLarge, Overloaded where it never is our turn.
        """
        async with self._busy:
            for attempt in range(ATTEMPTS):
                data = edit(self._data)
                if data is None:
                    return
                try:
                    await self._write(data)
                except PreconditionFailed:
                    await asyncio.sleep(0.02 * attempt)
                    await self._read()
                    continue
                self._put_in_force(data)
                return
        raise Overloaded("This is being changed by many at once; please try again.", retry_after=1)

    async def _read(self) -> None:
        stamp = await self._store.stamp(self.key)
        opened = None if stamp is None else await self._store.open(self.key)
        if opened is None:
            self._etag = self._stamp = None
            self._put_in_force(None)
            return
        try:
            if opened.info.size > MAX_BYTES:
                raise TooLarge(f"The document {self.key} among Imagemill's own files is longer than it can be.")
            data = os.pread(opened.fileno(), opened.info.size, 0)
            etag = opened.info.etag
        finally:
            opened.close()
        self._put_in_force(data)
        self._etag, self._stamp = etag, stamp  # an older stamp than the bytes only costs one more look

    async def _write(self, data: bytes) -> None:
        if len(data) > MAX_BYTES:
            raise TooLarge(f"This would make {self.key} longer than the {MAX_BYTES} bytes it may have.")
        known = Condition(if_none_match=True) if self._etag is None else Condition(if_match=(self._etag,))
        info = await write_json(self._store, self.key, data, condition=known)
        self._etag, self._stamp = info.etag, info.stamp or None

    def _put_in_force(self, data: bytes | None) -> None:
        if data is None or data != self._data:
            self._take(data)
        self._data = data
        if self._copy is not None and data is not None:
            with contextlib.suppress(OSError, StorageFull):  # the copy is a help for the next start, no more
                self._copy.parent.mkdir(parents=True, exist_ok=True)
                write_file(f"{self._copy}.{os.getpid()}", str(self._copy), data, durable=False)

    def _read_copy(self) -> bytes | None:
        if self._copy is None:
            return None
        try:
            return self._copy.read_bytes()
        except OSError:
            return None
