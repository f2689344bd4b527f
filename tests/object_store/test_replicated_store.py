from __future__ import annotations

import asyncio
import os

import pytest

from imagemill.errors import Overloaded
from imagemill.object_store.memory import MemoryObject, MemoryStore
from imagemill.object_store.port import ObjectInfo, ObjectStore
from imagemill.object_store.replicated import GONE_SECONDS, ReplicatedStore


class Leaving(MemoryStore):
    """A store that can be away."""

    away = False

    def _check(self) -> None:
        if self.away:
            raise Overloaded("The store is away.")

    async def head(self, key: str) -> ObjectInfo | None:
        """Look, unless away."""
        self._check()
        return await super().head(key)

    async def stamp(self, key: str) -> str | None:
        """Look, unless away."""
        self._check()
        return await super().stamp(key)

    async def open(self, key: str, *, known: ObjectInfo | None = None) -> MemoryObject | None:
        """Open, unless away."""
        self._check()
        return await super().open(key, known=known)


async def put(store: ObjectStore, key: str, data: bytes) -> ObjectInfo:
    """Put an object."""
    upload = await store.begin()
    await upload.write(data)
    return await upload.commit(key, content_type="image/png")


async def read(store: ObjectStore, key: str, known: ObjectInfo | None = None) -> bytes:
    """Return the bytes of an object that is there."""
    opened = await store.open(key, known=known)
    assert opened is not None
    try:
        return os.pread(opened.fileno(), 100, 0)
    finally:
        opened.close()


class Scene:
    """A store with a replica that has a copy of `a`, and an old copy of `b`."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.main, self.replica = Leaving(), MemoryStore()
        self.store = ReplicatedStore(self.main, self.replica, clock=lambda: self.now)

    async def begin(self) -> None:
        """Put the objects where they are."""
        for store, key, data in (
            (self.main, "a", b"same"),
            (self.replica, "a", b"same"),
            (self.main, "b", b"new"),
            (self.replica, "b", b"old"),
            (self.main, "c", b"only here"),
        ):
            await put(store, key, data)


def test_the_replica_is_read_while_the_store_is_away() -> None:
    """And not before, nor after."""

    async def run() -> None:
        scene = Scene()
        await scene.begin()
        assert await read(scene.store, "b") == b"new"
        scene.main.away = True
        assert await read(scene.store, "a") == b"same"
        info = await scene.store.head("a")
        assert info is not None
        assert scene.store.replica_reads == 2
        scene.main.away = False
        assert await read(scene.store, "b") == b"new"
        assert scene.store.replica_reads == 2

    asyncio.run(run())


def test_what_the_replica_lacks_is_unknown_not_gone() -> None:
    """An outage must not become a 404 that people believe."""

    async def run() -> None:
        scene = Scene()
        await scene.begin()
        scene.main.away = True
        for look in (scene.store.head, scene.store.open):
            with pytest.raises(Overloaded):
                await look("c")

    asyncio.run(run())


def test_an_older_copy_is_not_taken_for_what_is_known() -> None:
    """Who knows the new original does not get the bytes of the old one."""

    async def run() -> None:
        scene = Scene()
        await scene.begin()
        known = await scene.store.head("b")
        scene.main.away = True
        with pytest.raises(Overloaded):
            await scene.store.open("b", known=known)

    asyncio.run(run())


def test_what_was_deleted_stays_deleted() -> None:
    """Its copy in a replica that lags behind is never served; after a day the replica counts again."""

    async def run() -> None:
        scene = Scene()
        await scene.begin()
        assert await scene.store.delete("a")
        scene.main.away = True
        for look in (scene.store.head, scene.store.open):
            with pytest.raises(Overloaded):
                await look("a")
        scene.now += GONE_SECONDS + 1
        assert await scene.store.head("a") is not None

    asyncio.run(run())


def test_a_stamp_is_never_the_replicas() -> None:
    """What is known is served as known: that is fresher than any replica."""

    async def run() -> None:
        scene = Scene()
        await scene.begin()
        scene.main.away = True
        with pytest.raises(Overloaded):
            await scene.store.stamp("a")

    asyncio.run(run())
