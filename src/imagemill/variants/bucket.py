"""A bucket as the variant store needs it: five verbs of `object_store.s3.connection`, and what is built of them.

Separate from `remote`, which decides what is kept: here are pages into streams, many removals at once, and the bytes of
one object. The connection retries and gives up by itself; what it raises is told there.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping
from typing import Any, Protocol

from imagemill.object_store.s3.connection import Sink
from imagemill.object_store.s3.failures import Missing
from imagemill.object_store.s3.found import Found
from imagemill.object_store.s3.listing import ListedObject, ListedPage
from imagemill.object_store.s3.presigning import Link

REMOVED_AT_ONCE = 16


class Bucket(Protocol):
    """Objects by name below one prefix; see `S3Connection` for what each verb promises and raises."""

    async def look(self, key: str) -> Found:
        """Return what lies under `key`; raises Missing."""
        ...

    async def fetch(self, key: str, sink: Sink, *, most: int | None = None) -> Found:
        """Read the bytes of `key` into `sink`; raises Missing."""
        ...

    async def place(
        self,
        key: str,
        body: Any,
        *,
        content_type: str,
        metadata: Mapping[str, str] | None = None,
        cache_control: str = "",
        content_disposition: str = "",
        tags: Mapping[str, str] | None = None,
    ) -> str:
        """Write the object whole, over whatever was there, and return the store's own tag of it."""
        ...

    async def remove(self, key: str) -> None:
        """Remove the object, which need not be there."""
        ...

    async def get_link(self, key: str, *, expires_in: int, answer: Mapping[str, str]) -> Link:
        """Return a link with which somebody else may read the object; raises nothing of whether it is there."""
        ...

    async def page(self, prefix: str = "", *, delimiter: str = "", after: str = "", limit: int = 1000) -> ListedPage:
        """Return one page in byte order of the key."""
        ...

    async def close(self) -> None:
        """Close what is open."""
        ...


class _Bytes:
    """Collects what is fetched."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def start(self, found: Found) -> None:
        """Begin, or begin again."""
        self._parts.clear()

    async def write(self, chunk: bytes | memoryview) -> None:
        """Append."""
        self._parts.append(bytes(chunk))

    def whole(self) -> bytes:
        """Return all of it."""
        return self._parts[0] if len(self._parts) == 1 else b"".join(self._parts)


async def read(bucket: Bucket, key: str) -> tuple[Found, bytes] | None:
    """Return an object and its bytes, None when there is none."""
    sink = _Bytes()
    try:
        found = await bucket.fetch(key, sink)
    except Missing as error:
        if error.bucket:
            raise
        return None
    return found, sink.whole()


async def objects(bucket: Bucket, prefix: str) -> AsyncIterator[ListedObject]:
    """Yield every object below `prefix` (any text, not only a folder) in byte order."""
    after = ""
    while True:
        page = await bucket.page(prefix, after=after)
        for one in page.objects:
            yield one
        if not page.more or not page.objects:
            return
        after = page.objects[-1].key


async def remove_all(bucket: Bucket, keys: Iterable[str]) -> None:
    """Remove many objects, some at a time; raises the first failure when all have been tried."""
    room = asyncio.Semaphore(REMOVED_AT_ONCE)

    async def remove(key: str) -> None:
        async with room:
            await bucket.remove(key)

    results = await asyncio.gather(*(remove(key) for key in keys), return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException):
            raise result
