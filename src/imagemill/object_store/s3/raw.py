"""Requests that obstore cannot make: pages of keys, deletes with a condition, keys that its paths refuse.

One request each, signed and sent by httpx; nothing is repeated here (`guard` does that).
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from imagemill.object_store.guard import Away, Slow
from imagemill.object_store.s3.credentials import CredentialSource
from imagemill.object_store.s3.failures import of_body
from imagemill.object_store.s3.place import Place
from imagemill.object_store.s3.signature import path_of, query_of, signed

if TYPE_CHECKING:
    import httpx

MOST_ANSWER_BYTES = 16 * 1024 * 1024
"""A page of 1,000 keys of 1,024 bytes, each byte percent-encoded, has 4 MB."""
_MOST_ERROR_BYTES = 64 * 1024


class RawClient:
    """Signed requests to one bucket."""

    def __init__(self, place: Place, client: Callable[[], httpx.AsyncClient], credentials: CredentialSource) -> None:
        """`client` gives one that stays the caller's to close."""
        self._place = place
        self._client = client
        self._credentials = credentials

    @asynccontextmanager
    async def answer(
        self,
        method: str,
        key: str = "",
        query: Mapping[str, str] | None = None,
        headers: Sequence[tuple[str, str]] = (),
        body: bytes | memoryview = b"",
    ) -> AsyncIterator[httpx.Response]:
        """Send one request and give its answer, its body still to be read; raises as `failures` has it."""
        import httpx

        path, text = self._place.path + path_of(key), query_of(query or {})
        sent = signed(
            method,
            self._place.host,
            path,
            text,
            headers,
            body,
            credentials=await self._credentials.get(),
            region=self._place.region,
            now=time.time(),
        )
        url = httpx.URL(self._place.base, raw_path=(path + (f"?{text}" if text else "")).encode())
        if method == "PUT":
            sent.append(("content-length", str(len(body))))
        try:
            async with self._client().stream(method, url, headers=sent, content=_content(body)) as response:
                if response.status_code >= 300:
                    raise of_body(response.status_code, await _bounded(response, _MOST_ERROR_BYTES))
                yield response
        except httpx.TimeoutException as error:
            raise Slow("timed out") from error
        except httpx.HTTPError as error:
            raise Away("the connection failed") from error

    async def whole(self, method: str, key: str = "", query: Mapping[str, str] | None = None) -> bytes:
        """Return the body of a short answer."""
        async with self.answer(method, key, query) as response:
            return await _bounded(response, MOST_ANSWER_BYTES)


async def _bounded(response: httpx.Response, most: int) -> bytes:
    parts: list[bytes] = []
    size = 0
    async for chunk in response.aiter_raw():
        size += len(chunk)
        if size > most:
            raise Away("an answer without end")
        parts.append(chunk)
    return b"".join(parts)


def _content(body: bytes | memoryview) -> AsyncIterator[bytes] | None:
    return _parts(body) if len(body) else None


async def _parts(body: bytes | memoryview) -> AsyncIterator[bytes]:
    for start in range(0, len(body), 1 << 18):
        yield bytes(body[start : start + (1 << 18)])
