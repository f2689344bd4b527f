"""The disk cache and the purges of the time in which nobody ran here."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from imagemill.assembly import tiers
from imagemill.assembly.tiers import DiskPurges
from imagemill.cache.disk import DiskCache
from imagemill.delivery import purge_log
from imagemill.delivery.fills import Fills
from imagemill.delivery.purge_target import PurgeTarget
from imagemill.delivery.purging import Purging
from imagemill.object_store.memory import MemoryStore
from imagemill.variants.memory import MemoryVariants
from imagemill.variants.port import Kept, VariantName

KEYS = ("a/one.jpg", "a/two.jpg", "b/three.jpg")


def name(key: str) -> VariantName:
    """Return a variant of `key`."""
    return VariantName("default", key, "0123456789ab", "w=1.jpg")


class Node:
    """A node with a disk cache in `folder`, on shared documents."""

    def __init__(self, folder: Path, documents: MemoryStore) -> None:
        async def forget(target: PurgeTarget) -> None:
            await tiers.forget(self.disk, target)

        self.disk = DiskCache(folder, 10_000_000, threads=1)
        self.purging = Purging(
            site="default",
            variants=MemoryVariants(max_bytes=1000, max_per_original=10),
            fills=Fills(),
            caches={"disk": forget},
            shared=documents,
        )
        self.follower = DiskPurges(self.disk, self.purging)

    async def start(self) -> None:
        """Load the books in their order."""
        await self.purging.load()
        await self.follower.load()

    async def look(self) -> None:
        """Look for the purges of others, as is done each second."""
        await self.purging.refresh()
        await self.purging.settled()
        await self.follower.refresh()

    async def fill(self) -> None:
        """Put a variant of every key."""
        for key in KEYS:
            data = key.encode()
            assert await self.disk.put(name(key), Kept(data, hashlib.sha256(data).hexdigest(), 1.0))

    async def there(self) -> list[str]:
        """Return the keys of which something is on the disk."""
        return [key for key in KEYS if await self.disk.get(name(key)) is not None]

    async def stop(self) -> None:
        """Close it."""
        await self.purging.close()
        await self.disk.close()


def play(scene: Callable[[Callable[[], Node], MemoryStore], Coroutine[Any, Any, None]], folder: Path) -> None:
    """Run `scene` with a way to start this node, and the documents that another shares with it."""
    documents = MemoryStore()
    asyncio.run(scene(lambda: Node(folder / "here", documents), documents))


def test_a_purge_of_another_node_reaches_the_disk(tmp_path: Path) -> None:
    """While it runs: by key and by prefix; the rest stays."""

    async def scene(node: Callable[[], Node], documents: MemoryStore) -> None:
        here, other = node(), Node(tmp_path / "other", documents)
        await here.start()
        await other.start()
        await here.fill()
        await other.purging.purge(PurgeTarget(site="default", prefix="a/"))
        await here.look()
        assert await here.there() == ["b/three.jpg"]
        await here.stop()
        await other.stop()

    play(scene, tmp_path)


def test_what_was_purged_while_it_was_down_is_gone_when_it_starts(tmp_path: Path) -> None:
    """And what was not is still there: a cold start keeps its files."""

    async def scene(node: Callable[[], Node], documents: MemoryStore) -> None:
        other = Node(tmp_path / "other", documents)
        await other.start()
        here = node()
        await here.start()
        await other.purging.purge(PurgeTarget(site="default", key="b/three.jpg"))
        await here.look()
        await here.fill()  # after that purge, which must not be carried out again
        await here.stop()
        await other.purging.purge(PurgeTarget(site="default", key="a/two.jpg"))
        here = node()
        await here.start()
        assert await here.there() == ["a/one.jpg", "b/three.jpg"]
        await here.stop()
        await other.stop()

    play(scene, tmp_path)


def test_away_for_longer_than_the_log_reaches_it_begins_empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What it missed cannot be known."""
    monkeypatch.setattr(purge_log, "KEPT", 2)

    async def scene(node: Callable[[], Node], documents: MemoryStore) -> None:
        here, other = node(), Node(tmp_path / "other", documents)
        await here.start()
        await other.start()
        await here.fill()
        await here.stop()
        for _ in range(3):
            await other.purging.purge(PurgeTarget(site="default", key="elsewhere.jpg"))
        here = node()
        await here.start()
        assert await here.there() == []
        await here.stop()
        await other.stop()

    play(scene, tmp_path)
