"""A running platform: every part made, connected, started, and closed in reverse order."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import importlib
import sys
from collections.abc import Callable

from imagemill.assembly.eager import build_eager
from imagemill.assembly.home import SITE, Home
from imagemill.assembly.nodes import Beside, build_fanout, build_redis
from imagemill.assembly.parts import Parts
from imagemill.assembly.shared import follow, load_all, look_at_all, shares
from imagemill.data_folder import DataFolder
from imagemill.delivery.closing import Closing
from imagemill.delivery.eager import Ahead
from imagemill.delivery.purge_target import PurgeTarget
from imagemill.errors import ImagemillError
from imagemill.observability.access_log import AccessLog, Log, NullLog
from imagemill.observability.logging import events, wants_text
from imagemill.settings import Settings
from imagemill.uploads import tidying
from imagemill.workers import build_engine

__all__ = ["SITE", "Platform", "build"]


class Platform(Parts):
    """A running platform: the ASGI application and everything behind it."""

    def __init__(self, settings: Settings, data: DataFolder, beside: Beside | None = None) -> None:
        """Choose and connect the parts; nothing is started yet. Raises SettingsError for what is not built.

        `beside` is what a process of several is told of the others; `settings` are then its share of the node's.
        """
        self.redis = build_redis(settings)
        self.engine = build_engine(settings)
        home = Home(
            engine=self.engine,
            log=_access_log(settings, lambda: self.metrics.count("imagemill_log_lines_dropped")),
            cores=self.engine.size if beside is None else beside.cores,
            redis=self.redis,
            totals=None if beside is None else beside.totals,
        )
        super().__init__(settings, data, home)
        _ = self.keys, self.uploads  # what the first start makes is there before the port is open
        self.fanout = build_fanout(
            settings, self.redis, self._look_again, lambda: look_at_all(self._books), self.originals.follow
        )
        self._ahead = Ahead(build_eager(self, self.engine, keep_first=False), self.originals)
        self._tasks: list[asyncio.Task[None]] = []
        self._gauges()

    async def start(self) -> None:
        """Start the workers and the housekeeping; raises when a worker cannot start."""
        await load_all(self._books)
        if self.presets.unreadable:
            events().warning("presets.unreadable", names=list(self.presets.unreadable))
        if self.signing_keys.unreadable:
            events().warning("signing_keys.unreadable", names=list(self.signing_keys.unreadable))
        await self.engine.start()
        await self._close_private()
        self.originals.on_change(self._forget)
        if self.settings.originals.eager:
            self.originals.on_change(self._ahead.changed)
        if not self.settings.originals.url and self.settings.server.processes == 1:
            # We hold this folder's lock, so whatever upload is unfinished was left by a crash. Where several processes
            # serve from it, their supervisor has swept before the first of them was started.
            await self.originals.sweep(0)
        self._tasks.append(asyncio.create_task(self.originals.run()))
        self._tasks.append(asyncio.create_task(tidying.run(self.uploads)))
        if self.fanout is not None:
            self.originals.on_change(self.fanout.original_changed)
            self._tasks.append(asyncio.create_task(self.fanout.run()))
        if shares(self.settings):
            self._tasks.append(asyncio.create_task(follow(self._books)))
        self._tasks.append(asyncio.create_task(_import_control()))

    async def _close_private(self) -> None:
        """Purge what the settings have closed since the last start; while a store is away, the next start does."""
        closing = Closing(self.documents, lambda prefix: self.purging.purge(PurgeTarget(site=SITE, prefix=prefix)))
        try:
            closed = await closing.close(self.access.private)
        except ImagemillError as error:
            events().warning("private.not_purged", detail=error.sentence)
        else:
            if closed:
                events().info("private.purged", prefixes=closed)

    async def close(self) -> None:
        """Finish what is being made and kept, then stop everything in reverse order."""
        await self._ahead.close()
        await self.maker.drain()
        await self.inspector.drain()
        for task in self._tasks:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        await self.uploads.close()  # before whatever is told of changes: what is being checked ends in one
        await self.originals.close()
        await self.purging.close()
        if self.fanout is not None:
            await self.fanout.settled()
        await self.engine.close()
        await self.variants.close()
        if self.disk is not None:
            await self.disk.close()
        await self.store.close()
        await self.documents.close()
        await self.throttling.close()
        await self.turns.close()
        if self.redis is not None:
            await self.redis.close()
        self.log.close()

    def _tell_of_documents(self) -> None:
        if self.fanout is not None:
            self.fanout.documents_changed()

    async def _look_again(self, key: str) -> None:
        with contextlib.suppress(ImagemillError):  # the store is away: the next who asks looks
            await self.originals.look_again(key)

    def _gauges(self) -> None:
        gauges = {
            "imagemill_queue_waiting": lambda: self.slots.waiting,
            "imagemill_queue_seconds": lambda: self.slots.pending_seconds,
            "imagemill_makes_running": lambda: self.slots.running,
            "imagemill_workers": lambda: len(self.engine.pids()),
            "imagemill_workers_busy": lambda: self.engine.busy,
            "imagemill_disk_cache_bytes": lambda: 0 if self.disk is None else self.disk.used_bytes,
            "imagemill_memory_cache_bytes": lambda: self.cache.used_bytes,
            "imagemill_memory_cache_variants": lambda: len(self.cache),
            "imagemill_variant_store_bytes": self.variants.usage,
        }
        for name, read in gauges.items():
            self.metrics.gauge(name, read)
        self.metrics.reader(
            "imagemill_worker_kills", lambda: {(cause,): count for cause, count in self.engine.stats().kills.items()}
        )
        self.metrics.reader("imagemill_worker_starts", lambda: {(): self.engine.stats().starts})


def _access_log(settings: Settings, dropped: Callable[[], None]) -> Log:
    if not settings.server.access_log:
        return NullLog()
    return AccessLog(sys.stderr.fileno(), dropped, for_people=wants_text(settings.log.format))


async def _import_control() -> None:
    """Import the control API in a thread, behind the opening of the port, so that its first caller need not wait.

    Where that fails (no file can be opened now) the first caller imports it: it must not stop the server's orderly end.
    """
    try:
        await asyncio.to_thread(importlib.import_module, "imagemill.control.app")
    except OSError as error:
        events().warning("control.import_failed", detail=error.strerror)
        return
    # What is imported by now lives as long as the process; the garbage collector need not look at it again.
    gc.collect()
    gc.freeze()
    # A request makes a few hundred objects that die with it; looking for cycles after every 700 found none of them.
    gc.set_threshold(20_000, 20, 20)


async def build(settings: Settings, data: DataFolder, beside: Beside | None = None) -> Platform:
    """Return the platform for `settings` in a data folder that is held for this process; `start` it next."""
    return Platform(settings, data, beside)
