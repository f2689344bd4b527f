"""The object store in a folder, as the port wants it: asynchronous, conditions under a lock per key, no blocking.

What a user should know: existing files are objects as they are, and their digest is found by reading them once. Names
that are not UTF-8 are neither listed nor reachable; names that only the rules for new keys refuse (a control
character, say) are listed and reachable through `b64:`. Reads follow links inside the folder (see `tree`).
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

from imagemill.errors import InvalidRequest, Refused
from imagemill.object_store.condition import demand
from imagemill.object_store.durable import translated
from imagemill.object_store.key_locks import KeyLocks
from imagemill.object_store.local.finding import Finding, Found, with_digest
from imagemill.object_store.local.layout import Layout
from imagemill.object_store.local.leftovers import drop_orphan, orphans, remove_stale_uploads
from imagemill.object_store.local.listing import Window
from imagemill.object_store.local.placing import Placing, unlink_quietly
from imagemill.object_store.local.sidecar import info_of
from imagemill.object_store.local.upload import Finished, LocalUpload
from imagemill.object_store.opened import Opened
from imagemill.object_store.port import ALWAYS, Condition, ObjectInfo, Page
from imagemill.object_store.threads import Threads

MAX_PAGE = 1000


class LocalStore:
    """Objects as files below `root`, what we need for it below `apart`. See `port.ObjectStore`."""

    def __init__(self, root: Path, apart: Path | None = None, *, threads: int = 8, secret: bool = False) -> None:
        """`apart` None means `<root>/.imagemill`; to be written, both must be on one file system.

        What is written is for everybody's eyes as far as the umask goes, unless it is `secret`.
        Raises Refused, Overloaded or StorageFull where there is no such folder and none can be made.
        """
        if sys.getfilesystemencoding() != "utf-8":
            raise InvalidRequest(
                f"File names must be UTF-8 and this system says {sys.getfilesystemencoding()}; set PYTHONUTF8=1.",
                code="bad_store",
            )
        with translated("open the folder of originals"):
            self._layout = Layout(root, apart or root / ".imagemill")
        self._finding = Finding(self._layout)
        self._placing = Placing(self._layout, 0o600 if secret else 0o644)
        self._threads = Threads("object-store", threads)
        self._keys = KeyLocks()
        self._reading = KeyLocks()  # one at a time finds out a digest; never taken while holding one of `_keys`
        self._uploads: dict[str, LocalUpload] = {}

    @property
    def writable(self) -> bool:
        """Whether anything can be written here."""
        return self._layout.why_read_only is None

    async def begin(self) -> LocalUpload:
        """Start a write; see `port.ObjectStore.begin`."""
        self._check_writable()
        with translated("begin an upload"):
            descriptor, path = await self._threads.run(self._placing.temporary, discard=_discard_temporary)
        upload = LocalUpload(descriptor, path, self._threads, self._commit, self._ended)
        self._uploads[path] = upload
        return upload

    async def head(self, key: str) -> ObjectInfo | None:
        """Return what the object is; one that never came through us is read once for its digest."""
        with translated("look at an object", to_read=True):
            found = await self._threads.run(partial(self._finding.find, key))
            if found is not None and found.record is None:
                async with self._reading.hold(key):
                    found = await self._threads.run(partial(self._finding.learn, key))
                    await self._note(found)
        return None if found is None else found.info

    async def stamp(self, key: str) -> str | None:
        """Return the cheap change mark: one stat in a thread."""
        with translated("look at an object", to_read=True):
            mark = await self._threads.run(partial(self._finding.mark, key))
        return None if mark is None else str(mark)

    async def open(self, key: str, *, known: ObjectInfo | None = None) -> Opened | None:
        """Open the object for reading; a later replacement does not touch it, since no file is written in place.

        One that is `known` was looked at within a minute, so its folder is in the kernel's memory: opening it takes
        some microseconds, where a turn of a thread would take a hundred.
        """
        with translated("open an object", to_read=True):
            unchanged = None if known is None else self._finding.open_unchanged(key, known.stamp)
            if known is not None and unchanged is not None:
                return Opened(known, unchanged)
            opened = await self._threads.run(partial(self._finding.open, key), discard=_discard_opened)
            if opened is None:
                return None
            descriptor, found = opened
            if found.record is None:
                try:
                    async with self._reading.hold(key):
                        found = await self._threads.run(partial(with_digest, descriptor, found))
                        await self._note(found)
                except BaseException:
                    os.close(descriptor)
                    raise
        return Opened(found.info, descriptor)

    async def delete(self, key: str, *, condition: Condition = ALWAYS) -> bool:
        """Remove the object durably, and the folders that become empty by it."""
        self._check_writable()
        with translated("delete an object"):
            async with self._keys.hold(key):
                return await self._threads.run(partial(self._remove, key, condition))

    async def list(self, prefix: str = "", *, delimiter: str = "", after: str = "", limit: int = MAX_PAGE) -> Page:
        """List in byte order of the key; an etag is "" where the object was not read yet."""
        if not 1 <= limit <= MAX_PAGE:
            raise InvalidRequest(f"A page holds 1 to {MAX_PAGE} keys; {limit} were asked for.", code="bad_limit")
        with translated("list objects", to_read=True):
            page = partial(self._finding.page, Window(prefix, after), delimiter, limit)
            objects, prefixes, next_after = await self._threads.run(page)
        return Page(tuple(objects), tuple(prefixes), next_after)

    async def sweep(self, older_than: float) -> int:
        """Remove leftovers of uploads, and sidecars without an object; return how many files went."""
        with translated("sweep leftovers"):
            running = frozenset(self._uploads)
            count = await self._threads.run(partial(remove_stale_uploads, self._layout, older_than, running))
            for key in await self._threads.run(partial(orphans, self._layout, self._finding, older_than)):
                async with self._keys.hold(key):
                    count += await self._threads.run(partial(drop_orphan, self._layout, self._finding, key))
        return count

    async def close(self) -> None:
        """Abort unfinished uploads and end the threads."""
        for upload in list(self._uploads.values()):
            await upload.abort()
        self._threads.close()

    async def _commit(self, key: str, finish: Callable[[], Finished], condition: Condition) -> ObjectInfo:
        """Carry out an upload's commit; the condition holds from its check to the last fsync."""
        with translated("keep the upload"):
            async with self._keys.hold(key):
                return await self._threads.run(partial(self._place, key, finish, condition))

    def _place(self, key: str, finish: Callable[[], Finished], condition: Condition) -> ObjectInfo:
        self._demand(condition, key)  # a refusal should not pay for the fsync
        finished = finish()
        with self._layout.sidecars.holding(key):
            self._demand(condition, key)
            self._placing.place(key, finished.path, finished.record, exclusive=condition.if_none_match)
        return info_of(key, finished.record.mark, finished.record)

    def _remove(self, key: str, condition: Condition) -> bool:
        with self._layout.sidecars.holding(key):
            self._demand(condition, key)
            return self._placing.remove(key)

    def _demand(self, condition: Condition, key: str) -> None:
        """Check `condition`; an object of unknown digest is read for it."""
        if condition != ALWAYS:
            found = self._finding.learn(key) if condition.if_match else self._finding.find(key)
            demand(condition, key, None if found is None else found.info.etag)

    async def _note(self, found: Found | None) -> None:
        if found is not None:
            async with self._keys.hold(found.key):
                await self._threads.run(partial(self._finding.note, found))

    def _check_writable(self) -> None:
        if self._layout.why_read_only is not None:
            raise Refused(f"This store is read-only: {self._layout.why_read_only}.", code="read_only")

    def _ended(self, path: str) -> None:
        self._uploads.pop(path, None)


def _discard_temporary(temporary: tuple[int, str]) -> None:
    os.close(temporary[0])
    unlink_quietly(temporary[1])


def _discard_opened(opened: tuple[int, Found] | None) -> None:
    if opened is not None:
        os.close(opened[0])
