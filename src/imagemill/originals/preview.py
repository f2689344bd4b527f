"""A preview of a few hundred bytes, to stand in a page until the picture arrives.

Separate from delivery's variants: it is never a URL, it travels inside the answers of the control API, and it is made
only where that costs next to nothing.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from imagemill.engine import preview
from imagemill.engine.port import Engine, Facts, Job, Source
from imagemill.errors import ImagemillError
from imagemill.object_store.key_locks import KeyLocks
from imagemill.object_store.port import OpenObject
from imagemill.originals.entries import Entries
from imagemill.originals.finding import Finder
from imagemill.originals.values import Original

log = logging.getLogger(__name__)

SECONDS = 1.0
"""An answer does not wait longer for a preview than this."""
STREAMED_PIXELS = 25_000_000
"""Up to here a JPEG is decoded at an eighth of its size in some 20 ms."""
OTHER_PIXELS = 4_000_000
"""Up to here any other picture is decoded whole in less than 100 ms."""


class Previews:
    """Makes previews with the engine everybody uses, each once: it is kept in the original's record."""

    def __init__(self, engine: Engine, finder: Finder, entries: Entries, locks: KeyLocks) -> None:
        """`engine`, and the parts of the library that it works with."""
        self._engine = engine
        self._finder = finder
        self._entries = entries
        self._locks = locks

    async def of(self, original: Original, open_: Callable[[Original], Awaitable[OpenObject]]) -> str | None:
        """Return the preview of `original` as a data URI; None where it would cost too much or fails.

        `open_` opens its bytes.
        """
        entry = self._entries.known(original.key)
        if entry is None or entry.original != original:
            return None
        if entry.placeholder is None and _cheap(original.facts):
            try:
                opened = await open_(original)
            except ImagemillError:
                return None
            try:
                entry.placeholder = await self._made(opened.fileno(), original)
            finally:
                opened.close()
            if entry.placeholder is not None:
                async with self._locks.hold(original.key):
                    if self._entries.known(original.key) is entry and entry.original == original:
                        await self._finder.try_to_write(entry)
        return entry.placeholder

    async def _made(self, descriptor: int, original: Original) -> str | None:
        """Return the preview as a data URI; None where it failed or no worker was free in time."""
        source = Source(descriptor=descriptor, size=original.info.size, digest=original.info.etag)
        job = Job(recipe=preview.RECIPE, format=preview.FORMAT, facts=original.facts, estimate=0.05)
        try:
            async with asyncio.timeout(SECONDS):
                rendered = await self._engine.render(source, job)
        except (ImagemillError, TimeoutError) as error:
            log.info("No preview was made: %s", error)
            return None
        return preview.data_uri(rendered.data)


def _cheap(facts: Facts) -> bool:
    """Say whether a preview costs little enough to be made while somebody waits for something else."""
    streamed = facts.format == "jpeg" and not facts.whole_frame
    return facts.width * facts.height <= (STREAMED_PIXELS if streamed else OTHER_PIXELS)
