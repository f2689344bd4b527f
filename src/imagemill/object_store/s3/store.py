"""The object store in a bucket, as the port wants it. Our own objects lie under `.imagemill/` and are never listed.

What a user should know: existing objects are originals as they are, and no byte of them is read to know them.
Everything is written by one request, with the condition checked by the store itself; whoever loses the answer looks
whether the object is his, so nothing is written twice and nobody is told "failed" of what is there.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import time
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from imagemill.errors import InvalidRequest, Overloaded, PreconditionFailed, Refused, Unprocessable, shown
from imagemill.object_store.condition import demand
from imagemill.object_store.descriptors import nameless_file
from imagemill.object_store.durable import translated
from imagemill.object_store.key_locks import KeyLocks
from imagemill.object_store.opened import Opened
from imagemill.object_store.port import ALWAYS, Condition, ObjectInfo, Page
from imagemill.object_store.s3 import pages
from imagemill.object_store.s3.connection import Overlong, S3Connection
from imagemill.object_store.s3.failures import Denied, Missing, Unmet
from imagemill.object_store.s3.fetching import Fetching
from imagemill.object_store.s3.found import Found
from imagemill.object_store.s3.identity import WRITE, identity_of, info_of, labels
from imagemill.object_store.s3.listing import ListedPage
from imagemill.object_store.s3.rights import PROBE, Rights
from imagemill.object_store.s3.upload import S3Upload
from imagemill.object_store.s3.words import told
from imagemill.object_store.threads import Threads

T = TypeVar("T")

MAX_PAGE = 1000
MOST_BYTES = 512 * 1024 * 1024
"""The most that any upload may have; an object that others put there may be longer."""
TURNS = 8
"""How often a write whose condition still holds is tried again while others write the same key."""


class S3Objects:
    """Objects in a bucket, or below a prefix of it. See `port.ObjectStore`."""

    def __init__(self, connection: S3Connection, spool: Path, *, most: int = MOST_BYTES, threads: int = 4) -> None:
        """`spool` is a local folder for uploads while they arrive and for long originals while they are open.

        `most` is how many bytes of an object are fetched: opening it means having it here.
        """
        self._most = most
        self._connection = connection
        self._spool = spool
        self._threads = Threads("s3-spool", threads)
        self._keys = KeyLocks()
        self._uploads: set[S3Upload] = set()
        self._rights = Rights(connection)

    @property
    def writable(self) -> bool:
        """Whether the store lets us write, as far as we know: `check` and the first `begin` find out."""
        return self._rights.writable

    async def check(self) -> None:
        """Find out whether the bucket is there and ours to read, and whether we may write; raises Overloaded."""
        with told("be read", to_read=True):
            await self._look(PROBE)
        await self._rights.may_write()

    async def begin(self) -> S3Upload:
        """Start a write; see `port.ObjectStore.begin`."""
        await self._check_writable()
        with translated("begin an upload"):
            descriptor = await self._threads.run(partial(nameless_file, self._spool))
        upload = S3Upload(descriptor, self._threads, self._commit, self._uploads.discard)
        self._uploads.add(upload)
        return upload

    async def head(self, key: str) -> ObjectInfo | None:
        """Return what the object is: one request without a body."""
        found = await self._found(key)
        return None if found is None else info_of(key, found)

    async def stamp(self, key: str) -> str | None:
        """Return the cheap change mark: the same request as `head`."""
        info = await self.head(key)
        return None if info is None else info.stamp

    async def open(self, key: str, *, known: ObjectInfo | None = None) -> Opened | None:
        """Fetch the object; what is `known` of it is not asked, for the answer says it again.

        Raises Unprocessable (`too_long`) where it is longer than is ever fetched.
        """
        sink = Fetching(self._spool, self._threads)
        try:
            with told("be read", to_read=True), translated("read an object", to_read=True):
                found = await self._readable(lambda: self._connection.fetch(key, sink, most=self._most))
                return None if found is None else Opened(info_of(key, found), sink.done())
        except Overlong as error:
            words = f"“{shown(key)}” has {error.size} bytes; at most {self._most} are fetched from a bucket."
            raise Unprocessable(words, code="too_long") from error
        finally:
            sink.close()

    async def link(self, key: str, *, expires_in: int, answer: Mapping[str, str]) -> str:
        """Return a presigned GET of the object, which need not be there; see `port.Linking`."""
        return (await self._connection.get_link(key, expires_in=expires_in, answer=answer)).url

    async def delete(self, key: str, *, condition: Condition = ALWAYS) -> bool:
        """Remove the object; the store itself checks the condition where it can."""
        await self._check_writable()
        async with self._keys.hold(key):
            return await _to_the_end(self._remove(key, condition))

    async def list(self, prefix: str = "", *, delimiter: str = "", after: str = "", limit: int = MAX_PAGE) -> Page:
        """List in byte order of the key; an etag is "", for S3 lists no metadata."""
        if not 1 <= limit <= MAX_PAGE:
            raise InvalidRequest(f"A page holds 1 to {MAX_PAGE} keys; {limit} were asked for.", code="bad_limit")
        with told("list objects", to_read=True):
            return await pages.page(self._ask, prefix, delimiter, after, limit)

    async def sweep(self, older_than: float) -> int:
        """Nothing is ever left: what was not sent whole was never in the bucket, and spooled files have no name."""
        return 0

    async def close(self) -> None:
        """Abort unfinished uploads and close the connections."""
        for upload in list(self._uploads):
            await upload.abort()
        self._threads.close()
        await self._connection.close()

    # ---- reading

    async def _ask(self, prefix: str, delimiter: str, after: str, limit: int) -> ListedPage:
        return await self._connection.page(prefix, delimiter=delimiter, after=after, limit=limit)

    async def _found(self, key: str) -> Found | None:
        with told("be read", to_read=True):
            return await self._look(key)

    async def _look(self, key: str) -> Found | None:
        return await self._readable(lambda: self._connection.look(key))

    async def _readable(self, read: Callable[[], Awaitable[T]]) -> T | None:
        """Return what `read` gives, None where there is no object.

        A missing bucket must not look like missing objects, and the answer to HEAD does not tell which it is. To
        whoever may not list, S3 says "denied" where it would say "not found" to others.
        """
        try:
            return await read()
        except Missing as error:
            if error.bucket:
                raise
            await self._rights.may_list()
            return None
        except Denied as error:
            if error.code in ("", "AccessDenied") and not await self._rights.may_list():
                return None
            raise

    # ---- writing

    async def _check_writable(self) -> None:
        if not await self._rights.may_write():
            raise Refused("This store is read-only: we are not allowed to write there.", code="read_only")

    async def _commit(
        self, key: str, body: Any, sha256: str, content_type: str, condition: Condition, metadata: Mapping[str, str]
    ) -> ObjectInfo:
        with told("keep the upload"):
            async with self._keys.hold(key):
                return await _to_the_end(self._place(key, body, sha256, content_type, condition, metadata))

    async def _place(
        self, key: str, body: Any, sha256: str, content_type: str, condition: Condition, metadata: Mapping[str, str]
    ) -> ObjectInfo:
        write = secrets.token_hex(8)
        told_with = labels(sha256, write, metadata)
        for _ in range(TURNS):
            over = await self._demanded(key, condition)
            try:
                tag = await self._connection.place(
                    key,
                    body,
                    content_type=content_type,
                    metadata=told_with,
                    only_new=condition.if_none_match,
                    only_over=over,
                )
            except (Unmet, Missing, Overloaded) as error:
                ours = await self._ours(key, write, error)
                if ours is not None:
                    return info_of(key, ours)
                continue
            present = await self._seen(key)
            if present is None or present.metadata.get(WRITE) != write:
                present = Found(tag, len(body), float(int(time.time())), content_type, told_with)
            return info_of(key, present)
        raise Overloaded("This is being changed by many at once; please try again.", retry_after=1)

    async def _demanded(self, key: str, condition: Condition) -> str:
        """Check `condition` by looking; return the store's ETag that the write must find, if any."""
        if condition == ALWAYS:
            return ""
        present = await self._look(key)
        demand(condition, key, None if present is None else identity_of(present))
        return present.tag if present is not None and condition.if_match is not None else ""

    async def _ours(self, key: str, write: str, error: Exception) -> Found | None:
        """Return the object where a refused or lost write did happen; raise where asking again is no use."""
        if isinstance(error, Missing) and error.bucket:
            raise error
        present = await self._seen(key)
        if present is not None and present.metadata.get(WRITE) == write:
            return present
        if isinstance(error, Overloaded):
            raise error
        return None

    async def _seen(self, key: str) -> Found | None:
        """Look, if the store can be asked at all."""
        with contextlib.suppress(Overloaded, Denied):
            return await self._look(key)
        return None

    async def _remove(self, key: str, condition: Condition) -> bool:
        with told("delete an object"):
            for _ in range(TURNS):
                present = await self._look(key)
                demand(condition, key, None if present is None else identity_of(present))
                if present is None:
                    return False
                try:
                    await self._connection.remove(key, only=present.tag if condition.if_match is not None else "")
                except Unmet:
                    continue
                return True
        raise PreconditionFailed("The object is being changed by many at once.")


async def _to_the_end(work: Awaitable[T]) -> T:
    """Return what `work` returns; a cancellation takes effect when it has ended: half a write cannot be taken back."""
    task = asyncio.ensure_future(work)
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.wait((task,))
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is None:
        return task.result()
    task.exception()  # looked at, so that nobody complains of it
    raise cancelled
