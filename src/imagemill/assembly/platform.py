"""A running platform: every part made, connected, started, and closed in reverse order."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import importlib
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from imagemill.assembly.cdn import tagging_for
from imagemill.assembly.keys import admin_key
from imagemill.assembly.limits import build_throttling
from imagemill.assembly.nodes import Beside, build_fanout, build_locks, build_redis, build_turns
from imagemill.assembly.shared import Book, build_purging, copy_of, follow, freshness_of, load_all, look_at_all, shares
from imagemill.assembly.signing import build_signatures, build_signing_keys
from imagemill.assembly.sources import event_places, remote_keys, with_sources
from imagemill.assembly.stores import build_document_store, build_stores, with_replica
from imagemill.assembly.tiers import DiskPurges, build_disk
from imagemill.assembly.uploads import build_uploads
from imagemill.cache.memory import MemoryCache
from imagemill.data_folder import DataFolder
from imagemill.delivery.access import Access
from imagemill.delivery.closing import Closing
from imagemill.delivery.explain import Explain
from imagemill.delivery.fills import Fills
from imagemill.delivery.info import Info
from imagemill.delivery.inspection import Inspector
from imagemill.delivery.make import Maker
from imagemill.delivery.memo import Memo
from imagemill.delivery.offered import offered
from imagemill.delivery.pipeline import Delivery
from imagemill.delivery.preset_book import PresetBook
from imagemill.delivery.purge_target import PurgeTarget
from imagemill.delivery.signed_link import Links
from imagemill.delivery.slots import Slots
from imagemill.errors import ImagemillError
from imagemill.gateway.app import AsgiApp, Gateway
from imagemill.gateway.clients import Clients, networks
from imagemill.gateway.health import Health
from imagemill.gateway.pages import Pages
from imagemill.observability.access_log import AccessLog, Log, NullLog
from imagemill.observability.logging import events, wants_text
from imagemill.observability.metrics import Metrics
from imagemill.originals.library import Originals
from imagemill.settings import Settings
from imagemill.uploads import tidying
from imagemill.workers import build_engine

SITE = "default"
"""The one site there is until custom domains come (row E4)."""


class Platform:
    """A running platform: the ASGI application and everything behind it."""

    def __init__(self, settings: Settings, data: DataFolder, beside: Beside | None = None) -> None:
        """Choose and connect the parts; nothing is started yet. Raises SettingsError for what is not built.

        `beside` is what a process of several is told of the others; `settings` are then its share of the node's.
        """
        self.settings = settings
        self.metrics = Metrics()
        self.redis = build_redis(settings)
        self._totals = None if beside is None else beside.totals
        self.cache = MemoryCache(settings.cache.memory_bytes)
        self.disk = build_disk(settings, data)
        self.documents = build_document_store(settings, data)
        store, self.variants = build_stores(settings, data, self.cache.take_reads)
        self.store = with_sources(with_replica(store, settings, data), settings, data, self.documents)
        self.engine = build_engine(settings)
        self.access = Access.of(settings.delivery, settings.sizes)
        self.originals = Originals(
            self.store,
            self.variants,
            self.engine,
            settings.originals,
            settings.limits,
            site=SITE,
            freshness=freshness_of(settings),
            locks=build_locks(settings, data),
            is_closed=self.access.is_private,
        )
        self.signing_keys = build_signing_keys(settings, self.documents, copy_of("signing-keys", settings, data))
        self.signatures = build_signatures(settings, self.signing_keys)
        self.uploads = build_uploads(settings, data, self.originals, self.documents)
        self.presets = PresetBook(
            settings.presets,
            self.documents,
            side=settings.limits.side_result,
            pixels=settings.limits.pixels_result,
            copy=copy_of("presets", settings, data),
        )
        self.log: Log = self._access_log()
        cores = self.engine.size
        self.fills = Fills()
        self.purging = build_purging(
            settings,
            SITE,
            self.variants,
            self.cache,
            self.fills,
            self.documents,
            disk=self.disk,
            copy=copy_of("purges", settings, data),
            announce=self._tell_of_documents,
        )
        self._books: dict[str, Book] = {
            "presets": self.presets,
            "purges": self.purging,
            "signing-keys": self.signing_keys,
            "disk": DiskPurges(self.disk, self.purging),
        }
        self.fanout = build_fanout(
            settings, self.redis, self._look_again, lambda: look_at_all(self._books), self.originals.follow
        )
        self.slots = Slots(
            workers=cores, queue=settings.limits.queue, queue_seconds=settings.limits.queue_seconds, ahead=1
        )
        node_cores = cores if beside is None else beside.cores
        self.throttling = build_throttling(settings, data, self.metrics, cores=node_cores, redis=self.redis)
        self.turns = build_turns(settings, data, self.documents, self.redis)
        self.maker = Maker(
            originals=self.originals,
            variants=self.variants,
            engine=self.engine,
            cache=self.cache,
            slots=self.slots,
            spending=self.throttling.spending,
            metrics=self.metrics,
            fills=self.fills,
            turns=self.turns,
            disk=self.disk,
        )
        self.inspector = Inspector(
            originals=self.originals,
            engine=self.engine,
            slots=self.slots,
            spending=self.throttling.spending,
            metrics=self.metrics,
            settings=settings.engine,
            limits=settings.limits,
        )
        self.keys = admin_key(settings, data)
        self.health = Health({"store": self._check_store, "workers": self._check_workers}, self._spared)
        memo = Memo(self.originals, self.cache, self.metrics, lambda: self.signing_keys.ring, disk=self.disk)
        self.presets.on_change(memo.forget)
        self.signing_keys.on_change(memo.forget)
        self.app = self._gateway(memo)
        self._control_app: AsgiApp | None = None
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
        await self.maker.drain()
        await self.inspector.drain()
        for task in self._tasks:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        await self.purging.close()
        if self.fanout is not None:
            await self.fanout.settled()
        await self.uploads.close()
        await self.originals.close()
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

    def _gateway(self, memo: Memo) -> Gateway:
        """Return the front door with everything that answers behind it."""
        settings = self.settings
        return Gateway(
            delivery=Delivery(
                originals=self.originals,
                maker=self.maker,
                cache=self.cache,
                disk=self.disk,
                memo=memo,
                metrics=self.metrics,
                settings=settings.delivery,
                access=self.access,
                gate=self.signatures,
                presets=self.presets,
                public_url=settings.server.public_url,
                engine=settings.engine,
                limits=settings.limits,
                tagging=tagging_for(settings.cdn),
            ),
            info=Info(self.inspector, settings.delivery, self.access, self.signatures, tagging_for(settings.cdn)),
            memo=memo,
            control=self._control,
            health=self.health,
            pages=Pages(self._samples, lambda: offered(self.access, self.presets.current), settings.server.public_url),
            clients=Clients(networks(settings.server.trusted_proxies), self.keys.admits),
            metrics=self.metrics,
            log=self.log,
            limits=settings.limits,
            is_remote=remote_keys(self.store),
            gate=self.throttling.gate,
            write_seconds=settings.server.write_seconds,
            totals=self._totals,
        )

    def _control(self) -> AsgiApp:
        """Return the control application; its import (some 300 ms) is started behind the opening of the port."""
        if self._control_app is None:
            from imagemill.control.app import create_control

            settings = self.settings
            self._control_app = create_control(
                originals=self.originals,
                variants=self.variants,
                limits=settings.limits,
                public_url=settings.server.public_url,
                access=self.access,
                body_seconds=settings.server.body_seconds,
                admin_key=self.keys,
                explain=Explain(
                    self.originals,
                    self.variants,
                    settings.delivery,
                    self.access,
                    self.signatures,
                    self.presets,
                    settings.engine,
                    settings.limits,
                ),
                presets=self.presets,
                inspector=self.inspector,
                uploads=self.uploads,
                links=Links(self.signing_keys, settings.signing, settings.server.public_url),
                purging=self.purging,
                attempts=self.throttling.attempts,
                rates=settings.throttle,
                places=event_places(settings),
            )
        return self._control_app

    def _tell_of_documents(self) -> None:
        if self.fanout is not None:
            self.fanout.documents_changed()

    async def _look_again(self, key: str) -> None:
        with contextlib.suppress(ImagemillError):  # the store is away: the next who asks looks
            await self.originals.look_again(key)

    def _forget(self, key: str) -> None:
        self.cache.forget(SITE, key)
        if self.disk is not None:
            self.disk.forget(SITE, key)
        present = self.originals.peek(key)
        self.purging.changed(key, "gone" if present is None else present.kept_under)

    async def _samples(self) -> Sequence[Mapping[str, Any]]:
        page = await self.originals.list("", limit=50)
        found: list[Mapping[str, Any]] = []
        for listed in page.originals:
            with contextlib.suppress(ImagemillError):
                original = await self.originals.locate(listed.info.key)
                if original.private:
                    continue  # the page shows what everybody may see
                found.append(
                    {
                        "key": original.key,
                        "width": original.facts.width,
                        "height": original.facts.height,
                        "size": original.info.size,
                        "version": original.version,
                    }
                )
            if len(found) == 12:
                break
        return found

    async def _check_store(self) -> str | None:
        try:
            await self.store.stamp("readiness")
        except ImagemillError as error:
            return error.sentence
        return None

    def _spared(self) -> frozenset[str]:
        """What is known is served while the store is away: with something known, that is no reason to leave."""
        return frozenset({"store"} if self.originals.remembered else ())

    async def _check_workers(self) -> str | None:
        return None if self.engine.ready_workers else "no worker is ready"

    def _access_log(self) -> Log:
        if not self.settings.server.access_log:
            return NullLog()
        return AccessLog(
            sys.stderr.fileno(),
            lambda: self.metrics.count("imagemill_log_lines_dropped"),
            for_people=wants_text(self.settings.log.format),
        )

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


async def _import_control() -> None:
    """Import the control API in a thread, behind the opening of the port, so that its first caller need not wait."""
    await asyncio.to_thread(importlib.import_module, "imagemill.control.app")
    # What is imported by now lives as long as the process; the garbage collector need not look at it again.
    gc.collect()
    gc.freeze()
    # A request makes a few hundred objects that die with it; looking for cycles after every 700 found none of them.
    gc.set_threshold(20_000, 20, 20)


async def build(settings: Settings, data: DataFolder, beside: Beside | None = None) -> Platform:
    """Return the platform for `settings` in a data folder that is held for this process; `start` it next."""
    return Platform(settings, data, beside)
