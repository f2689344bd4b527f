"""What several processes share: which purger stands in front, who is told of purges, and the following of documents."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from imagemill.assembly import tiers
from imagemill.assembly.cdn import build_purger
from imagemill.cache.memory import MemoryCache
from imagemill.cdn.port import Backlog
from imagemill.data_folder import DataFolder
from imagemill.delivery.fills import Fills
from imagemill.delivery.purge_target import PurgeTarget
from imagemill.delivery.purging import Forget, Purging
from imagemill.errors import ImagemillError, Overloaded
from imagemill.object_store.port import ObjectStore
from imagemill.observability.logging import events
from imagemill.originals.freshness import Freshness
from imagemill.settings import Settings
from imagemill.settings.values import s3_address
from imagemill.variants.port import VariantStore

if TYPE_CHECKING:  # it reads through ctypes; a platform on a local disk has none
    from imagemill.cache.disk import DiskCache

COPIES = "copies"
"""The folder of the last good copies of documents."""
LOOK_SECONDS = 1.0
"""How often documents of ours are looked at for the changes of other processes."""


class Book(Protocol):
    """Something that keeps a shared document."""

    def load(self) -> Awaitable[None]:
        """Read it for the first time."""
        ...

    def refresh(self) -> Awaitable[bool]:
        """Look for the changes of others."""
        ...


def shares(settings: Settings) -> bool:
    """Whether other processes may write what we read: several on this node, or a store that other nodes reach."""
    urls = (settings.originals.url, settings.variants.url)
    return settings.server.processes > 1 or any(url.startswith("s3:") for url in urls)


def freshness_of(settings: Settings) -> Freshness:
    """Return for how long originals are believed: briefly where others may change them."""
    if_error = settings.delivery.stale_if_error
    if shares(settings):
        return Freshness.shared(settings.freshness.check, if_error)
    return Freshness.alone(settings.originals.recheck, if_error)


def copy_of(name: str, settings: Settings, data: DataFolder) -> Path | None:
    """Return where the last good copy of a document lies, for a start while the bucket that it is in is away."""
    if not any(s3_address(url) for url in (settings.variants.url, settings.originals.url)):
        return None
    folder = data.own / COPIES
    folder.mkdir(mode=0o700, exist_ok=True)  # secrets of signatures among them
    return folder / f"{name}.json"


async def load_all(books: Mapping[str, Book]) -> None:
    """Read every book for the first time; raise Overloaded that says what could not be read."""
    for name, book in books.items():
        try:
            await book.load()
        except Overloaded as error:
            words = f"{error.sentence} The {name} lie there, and there is no copy of them here to begin with."
            raise Overloaded(f"{words} `imagemill doctor` tries every store.", code=error.code) from None


async def look_at_all(books: Mapping[str, Book]) -> None:
    """Look at each book now; what cannot be read is left to the next look."""
    for book in books.values():
        with contextlib.suppress(ImagemillError, OSError):
            await book.refresh()


async def follow(books: Mapping[str, Book]) -> None:
    """Look at each book every second, until cancelled; one that cannot be read stays as it is, and says so once."""
    away: set[str] = set()
    while True:
        await asyncio.sleep(LOOK_SECONDS)
        for name, book in books.items():
            try:
                await book.refresh()
                away.discard(name)
            except (ImagemillError, OSError) as error:
                if name not in away:
                    events().warning("document.away", document=name, detail=str(error))
                away.add(name)


def build_purging(
    settings: Settings,
    site: str,
    variants: VariantStore,
    memory: MemoryCache,
    fills: Fills,
    documents: ObjectStore,
    disk: DiskCache | None = None,
    copy: Path | None = None,
    announce: Callable[[], None] = lambda: None,
    asks_cdn: bool = True,
    backlog: Backlog | None = None,
) -> Purging:
    """Return what purges: the caches of this process, the store, the others, the CDN that is configured.

    Where it is not this process that `asks_cdn`, another one tells the CDN of every change. `backlog` as in `Purging`.
    """

    async def forget(target: PurgeTarget) -> None:
        if target.key is not None:
            memory.forget(target.site, target.key, target.leaf)
        else:
            memory.forget_prefix(target.site, target.prefix or "")

    caches: dict[str, Forget] = {"memory": forget}
    if disk is not None:
        caches["disk"] = partial(tiers.forget, disk)
    return Purging(
        site=site,
        variants=variants,
        fills=fills,
        caches=caches,
        shared=documents if shares(settings) else None,
        cdn=build_purger(settings.cdn) if asks_cdn else None,
        backlog=backlog,
        announce=announce,
        copy=copy,
    )
