"""Originals of a data folder or server, for `render`: `imagemill:` and a key, or a prefix that ends in `/`.

Reached as every shell command reaches them (`cli.client`); the bytes are fetched into memory for the workers, and
nothing of what is rendered goes back.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from imagemill.engine.port import Source
from imagemill.object_store.descriptors import memory_file
from imagemill.object_store.durable import write_all
from imagemill.offline.originals import Stamp
from imagemill.recipe.model import FocalPoint

if TYPE_CHECKING:  # imported when a store is named: httpx alone takes 100 ms
    from imagemill.cli.client import Remote

STORE = "imagemill:"
"""What a word of the command line begins with when it names keys and not files."""


@dataclass(frozen=True, slots=True)
class StoredOriginal:
    """An original by its key, as a listing told of it."""

    remote: Remote
    record: dict[str, Any]

    @property
    def key(self) -> str:
        """Its key."""
        return str(self.record["key"])

    @property
    def name(self) -> str:
        """The key is the path in the output as well; a part that would lead out of it is made harmless."""
        parts = [part if part not in ("", ".", "..") else "_" for part in self.key.split("/")]
        return "/".join(parts)

    @property
    def shown(self) -> str:
        """As it would be named on the command line."""
        return STORE + self.key

    @property
    def origin(self) -> str:
        """The same: a record is about one store at a time."""
        return self.shown

    @property
    def path(self) -> str | None:
        """It is no file of this disk that could be overwritten."""
        return None

    @property
    def focal(self) -> FocalPoint | None:
        """The stored focal point; an original that nobody has described has none."""
        place = self.record.get("focal")
        return None if place is None else FocalPoint(float(place["x"]), float(place["y"]))

    def stamp(self) -> Stamp:
        """Size, time of change and focal point: what a listing knows without opening anything."""
        size = int(self.record["size"])
        return Stamp(size, f"{size}:{self.record['modified']}:{self.record.get('focal')}")

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[Source]:
        """Fetch it into memory that the workers can read."""
        from imagemill.cli.client import path_to

        descriptor = memory_file()
        try:
            size = 0
            async with self.remote.stream("GET", path_to("/v1/content", self.key)) as response:
                async for chunk in response.aiter_raw():
                    write_all(descriptor, chunk)
                    size += len(chunk)
            yield Source(descriptor=descriptor, size=size, digest=self.shown)
        finally:
            os.close(descriptor)


@asynccontextmanager
async def stored_originals(
    data: os.PathLike[str] | None, config: os.PathLike[str] | None, places: Sequence[str], layers: Iterable[str] = ()
) -> AsyncIterator[tuple[list[StoredOriginal], dict[str, StoredOriginal]]]:
    """Connect and list what `places` name, in that order, and what `layers` name, by key.

    Without places nothing is connected to: both are empty then.
    """
    if not places:
        yield [], {}
        return
    from pathlib import Path

    from imagemill.cli.client import Target, connected, path_to
    from imagemill.cli.listing import originals

    target = Target(data=None if data is None else Path(data), config=None if config is None else Path(config))
    async with AsyncExitStack() as stack:
        remote = await stack.enter_async_context(connected(target))
        found: list[StoredOriginal] = []

        async def one(key: str) -> StoredOriginal:
            return StoredOriginal(remote, (await remote.call("GET", path_to("/v1/originals", key))).json())

        for place in places:
            if place == "" or place.endswith("/"):
                found += [StoredOriginal(remote, record) async for record in originals(remote, place)]
            else:
                found.append(await one(place))
        yield found, {key: await one(key) for key in layers}
