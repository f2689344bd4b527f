"""One bucket, or a prefix of it: look, fetch, place, remove, list. What every store of ours on S3 is built on.

Objects go through obstore (compiled, off the interpreter's lock, no copy of what is sent); what it has no words for
goes through `raw`. Every call is guarded: a deadline, retries, a breaker. Keys here are those below the address's
prefix; a store of originals, one of variants and one of our own documents may share one connection (`below`).
"""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol, TypeVar

from imagemill.object_store.guard import Allow, Away, Guard
from imagemill.object_store.s3.address import S3Address
from imagemill.object_store.s3.clients import Clients
from imagemill.object_store.s3.failures import ENDED, Denied, Missing, Unreadable, of_obstore
from imagemill.object_store.s3.found import Found, of_headers, of_result
from imagemill.object_store.s3.listing import ListedObject, ListedPage, read_page
from imagemill.object_store.s3.place import place_of
from imagemill.object_store.s3.presigning import Link
from imagemill.object_store.s3.settings import S3Settings
from imagemill.object_store.s3.words import told

T = TypeVar("T")

SLOWEST = 1024 * 1024
"""Bytes a second that a body must make at least: so much longer than the answer itself may it take."""
_CHUNK = 1 << 20
_MOST_PAGE = 1000
_ODD = re.compile(r"//|^/|/$|[\x00-\x1f\x7f]|(?:^|/)\.\.?(?:/|$)")
"""Keys that obstore's paths refuse or, worse, change."""


class Sink(Protocol):
    """Takes the bytes of a fetch."""

    def start(self, found: Found) -> None:
        """Begin, or begin again: whatever came before was half an answer."""
        ...

    async def write(self, chunk: bytes | memoryview) -> None:
        """Append."""
        ...


class S3Connection:
    """The verbs of one bucket. Belongs to one event loop.

    Raises what `failures` has for a refusal (Unmet, Missing, Denied, Full, Odd), and Overloaded or StoreTooSlow where
    the store is away.
    """

    def __init__(
        self,
        address: S3Address,
        settings: S3Settings,
        *,
        environ: Mapping[str, str] | None = None,
        guard: Guard | None = None,
    ) -> None:
        """Nothing is asked yet."""
        environ = os.environ if environ is None else environ
        self.address = address
        self.settings = settings
        self.guard = guard or Guard()
        self._clients = Clients(place_of(address, settings, environ), address.bucket, settings, environ)

    def below(self, folder: str) -> S3Connection:
        """Return a connection to `folder` (ends with `/`) below this one's prefix: the same clients and breaker."""
        other = object.__new__(S3Connection)
        other.address = self.address.below(folder)
        other.settings, other.guard, other._clients = self.settings, self.guard, self._clients
        return other

    async def look(self, key: str) -> Found:
        """Return what lies under `key` without its bytes."""
        whole = self.address.prefix + key

        async def once() -> Found:
            if _ODD.search(whole) is None:
                try:
                    result = await _asked(self._clients.obstore_get(whole, {"head": True}))
                    return of_result(result)
                except Unreadable:
                    pass
            async with self._clients.raw.answer("HEAD", whole) as response:
                return of_headers(response)

        return await self._call(once)

    async def fetch(self, key: str, sink: Sink, *, most: int | None = None) -> Found:
        """Read the bytes of `key` into `sink`; an answer that breaks off is read again from its beginning.

        `most` bytes are allowed, else Overlong is raised before the body is read.
        """
        whole = self.address.prefix + key

        async def once(longer: Allow) -> Found:
            if _ODD.search(whole) is None:
                try:
                    return await self._fetch_plain(whole, sink, most, longer)
                except Unreadable:
                    pass
            return await self._fetch_raw(whole, sink, most, longer)

        return await self.guard.call_longer(self._renewing(once), seconds=self.settings.request_seconds)

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
        only_new: bool = False,
        only_over: str = "",
    ) -> str:
        """Write the object in one request and return the store's ETag of it.

        `body` is anything with a buffer (bytes, an mmap); `tags` are S3's object tags, which not every store has;
        `only_new` demands that nothing is there, `only_over` that
        what is there has this ETag: else Unmet or Missing. It is sent again where the answer was lost, so Unmet may
        mean our own first try: look, if it matters.
        """
        whole = self.address.prefix + key
        attributes = {"Content-Type": content_type, **(metadata or {})}
        if cache_control:
            attributes["Cache-Control"] = cache_control
        if content_disposition:
            attributes["Content-Disposition"] = content_disposition
        mode: Any = "create" if only_new else {"e_tag": only_over} if only_over else "overwrite"

        async def once() -> str:
            if _ODD.search(whole) is None:
                result = await _asked(self._clients.obstore_put(whole, body, attributes, mode, tags))
                return str(result["e_tag"] or "")
            headers = self._clients.headers_of(attributes, mode, tags)
            async with self._clients.raw.answer("PUT", whole, headers=headers, body=memoryview(body)) as response:
                return str(response.headers.get("etag", ""))

        return await self._call(once, size=len(body))

    async def remove(self, key: str, *, only: str = "") -> None:
        """Remove the object, which need not be there; with `only`, while it has this ETag, else Unmet."""
        whole = self.address.prefix + key
        headers = [("if-match", only)] if only else []

        async def once() -> None:
            try:
                async with self._clients.raw.answer("DELETE", whole, headers=headers):
                    pass
            except Missing as error:
                if error.bucket:
                    raise

        await self._call(once)

    async def page(
        self, prefix: str = "", *, delimiter: str = "", after: str = "", limit: int = _MOST_PAGE
    ) -> ListedPage:
        """Return one page as the store gives it, keys without this connection's own prefix."""
        own = self.address.prefix
        query = {
            "list-type": "2",
            "encoding-type": "url",
            "max-keys": str(limit),
            "prefix": own + prefix,
            "delimiter": delimiter,
            "start-after": own + after if after else "",
        }

        async def once() -> ListedPage:
            return read_page(
                await self._clients.raw.whole("GET", "", {name: text for name, text in query.items() if text})
            )

        page = await self._call(once)
        cut = len(own)
        return ListedPage(
            tuple(ListedObject(one.key[cut:], one.size, one.tag, one.modified) for one in page.objects),
            tuple(one[cut:] for one in page.prefixes),
            page.more,
        )

    async def put_link(self, key: str, *, expires_in: int, headers: Mapping[str, str]) -> Link:
        """Return a link with which somebody else may write `key`, with these headers (lower-case names)."""
        with told("be written"):
            return await self._clients.put_link(self.address.prefix + key, expires_in=expires_in, headers=headers)

    async def get_link(self, key: str, *, expires_in: int, answer: Mapping[str, str]) -> Link:
        """Return a link with which somebody else may read `key`; the store says `answer` instead of its own headers."""
        with told("be read", to_read=True):
            return await self._clients.get_link(self.address.prefix + key, expires_in=expires_in, answer=answer)

    async def post_form(self, key: str, *, expires_in: int, most_bytes: int, content_type: str | None) -> Link:
        """Return a form with which somebody else may write 1…`most_bytes` bytes to `key`."""
        with told("be written"):
            return await self._clients.post_form(
                self.address.prefix + key, expires_in=expires_in, most_bytes=most_bytes, content_type=content_type
            )

    async def close(self) -> None:
        """Close what is open; connections made by `below` share it."""
        await self._clients.close()

    async def _fetch_plain(self, whole: str, sink: Sink, most: int | None, longer: Allow) -> Found:
        result = await _asked(self._clients.obstore_get(whole, {}))
        found = of_result(result)
        _check_size(found, most)
        longer(found.size / SLOWEST)
        sink.start(found)
        size = 0
        stream = result.stream(min_chunk_size=_CHUNK).__aiter__()
        while True:
            try:
                chunk = await _asked(stream.__anext__())
            except StopAsyncIteration:
                break
            size += len(chunk)
            await sink.write(memoryview(chunk))
        _check_whole(size, found)
        return found

    async def _fetch_raw(self, whole: str, sink: Sink, most: int | None, longer: Allow) -> Found:
        async with self._clients.raw.answer("GET", whole) as response:
            found = of_headers(response)
            _check_size(found, most)
            longer(found.size / SLOWEST)
            sink.start(found)
            size = 0
            async for chunk in response.aiter_raw(_CHUNK):
                size += len(chunk)
                await sink.write(chunk)
        _check_whole(size, found)
        return found

    async def _call(self, work: Callable[[], Awaitable[T]], *, size: int = 0) -> T:
        seconds = self.settings.request_seconds + size / SLOWEST
        return await self.guard.call_longer(self._renewing(lambda _: work()), seconds=seconds)

    def _renewing(self, work: Callable[[Allow], Awaitable[T]]) -> Callable[[Allow], Awaitable[T]]:
        """Return `work` that counts as broken off where a role's credentials ended early: the next try has new ones."""

        async def attempt(longer: Allow) -> T:
            try:
                return await work(longer)
            except Denied as error:
                if error.code in ENDED and self._clients.renew():
                    raise Away("the credentials ended") from error
                raise

        return attempt


class Overlong(Exception):
    """The object is longer than it may be; `size` is in bytes."""

    def __init__(self, size: int) -> None:
        super().__init__(f"{size} bytes")
        self.size = size


async def _asked(work: Awaitable[T]) -> T:
    """Return what obstore returns; its exceptions become our own kinds."""
    try:
        return await work
    except (StopAsyncIteration, asyncio.CancelledError, MemoryError, Denied):
        raise
    except Exception as error:
        raise of_obstore(error) from error


def _check_size(found: Found, most: int | None) -> None:
    if most is not None and found.size > most:
        raise Overlong(found.size)


def _check_whole(size: int, found: Found) -> None:
    if size != found.size:
        raise Away("the body broke off")
