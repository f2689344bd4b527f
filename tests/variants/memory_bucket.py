"""A bucket in a dictionary, with the verbs of a connection to S3; it can be away, slow, or damaged."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from imagemill.errors import Overloaded
from imagemill.object_store.s3.connection import Sink
from imagemill.object_store.s3.failures import Missing
from imagemill.object_store.s3.found import Found
from imagemill.object_store.s3.listing import ListedObject, ListedPage
from imagemill.object_store.s3.presigning import Link


@dataclass(frozen=True)
class Stored:
    """An object."""

    data: bytes
    about: Found


class MemoryBucket:
    """Objects by name; each verb gives others a turn, as a network does."""

    def __init__(self) -> None:
        self.objects: dict[str, Stored] = {}
        self.headers: dict[str, tuple[str, str]] = {}
        """Cache-Control and Content-Disposition of what was placed last."""
        self.tags: dict[str, dict[str, str]] = {}
        """Object tags of what was placed last."""
        self.away = False
        self.calls: list[str] = []
        self.hold: dict[str, asyncio.Event] = {}
        """Verbs that wait for an event before they answer."""

    async def look(self, key: str) -> Found:
        """Return what an object is."""
        await self._turn("look")
        return self._stored(key).about

    async def fetch(self, key: str, sink: Sink, *, most: int | None = None) -> Found:
        """Give an object's bytes in two pieces."""
        await self._turn("fetch")
        stored = self._stored(key)
        sink.start(stored.about)
        half = len(stored.data) // 2
        await sink.write(stored.data[:half])
        await sink.write(memoryview(stored.data)[half:])
        return stored.about

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
        """Store an object."""
        self.headers[key] = (cache_control, content_disposition)
        self.tags[key] = dict(tags or {})
        await self._turn("place")
        data = bytes(body)
        tag = f'"{hashlib.md5(data, usedforsecurity=False).hexdigest()}"'
        self.objects[key] = Stored(data, Found(tag, len(data), time.time(), content_type, dict(metadata or {})))
        await self._turn("placed")
        return tag

    async def remove(self, key: str) -> None:
        """Remove an object."""
        await self._turn("remove")
        self.objects.pop(key, None)

    async def get_link(self, key: str, *, expires_in: int, answer: Mapping[str, str]) -> Link:
        """Give a link that says all of it."""
        return Link(f"memory:///{key}?{expires_in}&{dict(answer)}")

    async def page(self, prefix: str = "", *, delimiter: str = "", after: str = "", limit: int = 3) -> ListedPage:
        """List; pages are short, so that there are several."""
        await self._turn("page")
        names = sorted((name for name in self.objects if name.startswith(prefix) and name > after), key=str.encode)
        lines = [self._line(name) for name in names[:limit]]
        return ListedPage(tuple(lines), (), len(names) > limit)

    async def close(self) -> None:
        """Nothing is open."""

    def damage(self, key: str) -> None:
        """Flip a bit in the middle of an object."""
        stored = self.objects[key]
        data = bytearray(stored.data)
        data[len(data) // 2] ^= 1
        self.objects[key] = replace(stored, data=bytes(data))

    def _stored(self, key: str) -> Stored:
        if key not in self.objects:
            raise Missing
        return self.objects[key]

    def _line(self, name: str) -> ListedObject:
        about = self.objects[name].about
        return ListedObject(name, about.size, about.tag, about.modified)

    async def _turn(self, verb: str) -> None:
        self.calls.append(verb)
        await asyncio.sleep(0)
        if verb in self.hold:
            await self.hold[verb].wait()
        if self.away:
            raise Overloaded("The store is away.")
