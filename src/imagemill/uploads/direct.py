"""Bytes that go from the browser to the store without us: presigned links into its quarantine.

Separate from `quarantine`, which is a folder of this node: this one every node reaches. Whatever a browser put there is
unchecked and under no key of a picture; it is fetched to be checked, and nothing else ever reads it.
"""

from __future__ import annotations

import os
import time
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from imagemill.errors import Conflict
from imagemill.object_store.port import ObjectStore, OpenObject
from imagemill.originals.uploads import check_declared_length

READ_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Presigned:
    """What a browser needs: the address, and the fields of the form or the headers of the request that are signed."""

    url: str
    fields: Mapping[str, str] = field(default_factory=dict, repr=False)
    headers: Mapping[str, str] = field(default_factory=dict)


class Signer(Protocol):
    """Signs in the name of who may write into the quarantine; only stores that speak S3 have such links."""

    async def put_link(
        self, key: str, *, expires_in: int, content_type: str | None, length: int | None = None
    ) -> Presigned:
        """Return a link that takes one object by PUT for `expires_in` seconds; with `length`, of so many bytes only."""
        ...

    async def post_form(self, key: str, *, expires_in: int, content_type: str | None, max_bytes: int) -> Presigned:
        """Return a form that takes one object of 1…`max_bytes` bytes by POST for `expires_in` seconds."""
        ...


class DirectStore:
    """The quarantine in a store: one object for each upload, named by its id."""

    def __init__(self, store: ObjectStore, signer: Signer, clock: Callable[[], float] = time.time) -> None:
        """`store` holds nothing else; `clock` is in seconds since 1970."""
        self._store = store
        self._signer = signer
        self._clock = clock

    async def presigned_put(
        self, upload_id: str, *, expires_in: int, content_type: str | None, length: int | None = None
    ) -> Presigned:
        """Return a link for an upload."""
        return await self._signer.put_link(upload_id, expires_in=expires_in, content_type=content_type, length=length)

    async def presigned_post(
        self, upload_id: str, *, expires_in: int, content_type: str | None, max_bytes: int
    ) -> Presigned:
        """Return a form for an upload."""
        return await self._signer.post_form(
            upload_id, expires_in=expires_in, content_type=content_type, max_bytes=max_bytes
        )

    async def size(self, upload_id: str) -> int | None:
        """Return the bytes that have arrived, None where nothing has."""
        info = await self._store.head(upload_id)
        return None if info is None else info.size

    async def open(self, upload_id: str) -> OpenObject | None:
        """Fetch what has arrived, None where nothing has."""
        return await self._store.open(upload_id)

    async def remove(self, upload_id: str) -> None:
        """Remove what has arrived, if anything."""
        await self._store.delete(upload_id)

    async def ids(self) -> Mapping[str, float]:
        """Return the ids of what has arrived and is still there, with the age of each in seconds."""
        found: dict[str, float] = {}
        after = ""
        while True:
            page = await self._store.list(after=after)
            found |= {info.key: self._clock() - info.modified for info in page.objects}
            if page.next_after is None:
                return found
            after = page.next_after

    async def close(self) -> None:
        """Close the store."""
        await self._store.close()


class Arrived:
    """Bytes in the store's quarantine, as a check takes them."""

    def __init__(self, direct: DirectStore, upload_id: str, most: int) -> None:
        """`most` bytes are allowed."""
        self._direct = direct
        self._id = upload_id
        self._most = most
        self._opened: OpenObject | None = None

    async def chunks(self) -> AsyncIterator[bytes]:
        """Yield the bytes; refuses what is too long before it is fetched."""
        check_declared_length(await self._direct.size(self._id), self._most)
        if self._opened is None:
            self._opened = await self._direct.open(self._id)
        if self._opened is None:
            raise Conflict("The bytes of this upload have gone.", code="nothing_received")
        at = 0
        while data := os.pread(self._opened.fileno(), READ_BYTES, at):
            at += len(data)
            yield data

    async def release(self) -> None:
        """Close what was opened."""
        opened, self._opened = self._opened, None
        if opened is not None:
            opened.close()

    async def remove(self) -> None:
        """Remove the object from the quarantine."""
        await self._direct.remove(self._id)
