"""What tests of originals share: pictures made on the spot, and a library over memory adapters."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

from PIL import Image

from imagemill.engine.limits import Limits
from imagemill.object_store.memory import MemoryStore
from imagemill.object_store.port import ObjectStore
from imagemill.originals.freshness import Freshness
from imagemill.originals.library import Originals
from imagemill.originals.settings import OriginalsSettings
from imagemill.originals.values import Original
from imagemill.testing.engine import PillowEngine
from imagemill.variants.memory import MemoryVariants
from imagemill.variants.port import VariantName, VariantStore


def picture(colour: str = "red", size: tuple[int, int] = (40, 30), form: str = "PNG") -> bytes:
    """Return a small picture of one colour."""
    out = io.BytesIO()
    Image.new("RGB", size, colour).save(out, form)
    return out.getvalue()


async def pieces(data: bytes, piece: int = 100) -> AsyncIterator[bytes]:
    """Yield `data` in small pieces, as a network does."""
    for start in range(0, len(data), piece):
        yield data[start : start + piece]


async def until(true: Callable[[], bool], seconds: float = 60.0) -> None:
    """Let the other tasks run until `true()`; fail after `seconds`."""
    async with asyncio.timeout(seconds):
        while not true():
            await asyncio.sleep(0)


@dataclass
class Clock:
    """A monotonic clock that moves when told."""

    now: float = 1000.0

    def __call__(self) -> float:
        """Return the time."""
        return self.now


@dataclass
class Kit:
    """A library and what it works with."""

    store: ObjectStore = field(default_factory=MemoryStore)
    variants: VariantStore = field(default_factory=lambda: MemoryVariants(max_bytes=10**9, max_per_original=1000))
    engine: PillowEngine = field(default_factory=PillowEngine)
    clock: Clock = field(default_factory=Clock)
    limits: Limits = field(default_factory=lambda: Limits(upload_bytes=100_000))
    settle_seconds: float = 30.0
    most_entries: int = 1000
    freshness: Freshness | None = None

    def __post_init__(self) -> None:
        self.originals = self.library()

    def library(self) -> Originals:
        """Return a library that knows nothing yet, over the same stores: what a restarted server has."""
        return Originals(
            self.store,
            self.variants,
            self.engine,
            OriginalsSettings(),
            self.limits,
            clock=self.clock,
            settle_seconds=self.settle_seconds,
            most_entries=self.most_entries,
            freshness=self.freshness,
        )

    async def put(self, key: str, data: bytes) -> Original:
        """Upload `data`."""
        return (await self.originals.put(key, pieces(data)))[0]

    async def lay(self, key: str, data: bytes) -> None:
        """Lay an object into the store behind the library's back."""
        upload = await self.store.begin()
        await upload.write(data)
        await upload.commit(key, content_type="image/png")

    async def keep(self, original: Original, leaf: str = "w=10.webp") -> bool:
        """Keep a variant of `original`, as a maker does at its end; its bytes tell the version."""
        name = VariantName("default", original.key, original.version, leaf)
        return await self.variants.keep(name, original.version.encode())

    async def kept(self, original: Original, leaf: str = "w=10.webp") -> bool:
        """Say whether the variant can be had."""
        return await self.variants.fetch(VariantName("default", original.key, original.version, leaf)) is not None

    async def keys(self) -> list[str]:
        """Return all keys of the store."""
        return [info.key for info in (await self.store.list()).objects]
