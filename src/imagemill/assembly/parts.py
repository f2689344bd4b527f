"""Everything that answers, made and connected: what a server and a function in the cloud have in common.

Separate from `platform` and `functions`, which say what a home is like (`home.Home`), start what it needs and close it.
Nothing here starts a task, so nothing here relies on one.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING

from imagemill.assembly.cdn import tagging_for
from imagemill.assembly.home import SITE, Home
from imagemill.assembly.limits import build_throttling
from imagemill.assembly.nodes import build_locks, build_turns
from imagemill.assembly.outsize import build_outsize
from imagemill.assembly.shared import Book, build_purging, copy_of, freshness_of
from imagemill.assembly.signing import build_signatures, build_signing_keys
from imagemill.assembly.stores import build_document_store, build_stores, with_replica
from imagemill.assembly.tiers import DiskPurges, build_disk
from imagemill.cache.memory import MemoryCache
from imagemill.data_folder import DataFolder
from imagemill.delivery.access import Access
from imagemill.delivery.fills import Fills
from imagemill.delivery.info import Info
from imagemill.delivery.inspection import Inspector
from imagemill.delivery.make import Maker
from imagemill.delivery.memo import Memo
from imagemill.delivery.offered import offered
from imagemill.delivery.pipeline import Delivery
from imagemill.delivery.preset_book import PresetBook
from imagemill.delivery.samples import samples_of
from imagemill.delivery.slots import Slots
from imagemill.delivery.turns import Turns
from imagemill.errors import ImagemillError
from imagemill.gateway.app import Gateway
from imagemill.gateway.asgi import AsgiApp
from imagemill.gateway.clients import Clients, networks
from imagemill.gateway.health import Health
from imagemill.gateway.pages import Pages
from imagemill.observability.metrics import Metrics
from imagemill.originals.library import Originals
from imagemill.originals.values import GONE
from imagemill.settings import Settings

if TYPE_CHECKING:  # what only some homes have, or only some callers ask for
    from imagemill.control.auth import AdminKey
    from imagemill.uploads.intake import Intake


class Parts:
    """The ASGI application `app` and everything behind it, connected, not started."""

    def __init__(self, settings: Settings, data: DataFolder, home: Home) -> None:
        """Choose and connect. Raises SettingsError for what is not built."""
        self.settings = settings
        self.metrics = Metrics()
        self.log = home.log
        self._data = data
        self._home = home
        self._control_app: AsgiApp | None = None
        self.access = Access.of(settings.delivery, settings.sizes)
        self._connect_stores()
        self._connect_books()
        self._connect_makers()
        self.health = Health({"store": self._check_store, "workers": self._check_workers}, self._spared)
        memo = Memo(self.originals, self.cache, self.metrics, lambda: self.signing_keys.ring, disk=self.disk)
        self.presets.on_change(memo.forget)
        self.signing_keys.on_change(memo.forget)
        self.app = self._gateway(memo)

    def _connect_stores(self) -> None:
        """Originals, variants and documents of ours, and the caches in front of them."""
        settings, data, home = self.settings, self._data, self._home
        # A frozen process would answer from memory what a CDN no longer finds: the variant must be kept again.
        self.cache = MemoryCache(0 if home.freezes else settings.cache.memory_bytes)
        self.disk = None if home.freezes else build_disk(settings, data)
        self.documents = build_document_store(settings, data)
        store, self.variants = build_stores(settings, data, self.cache.take_reads, counted=not home.freezes)
        self.store = with_replica(store, settings, data)
        if settings.attached:
            from imagemill.assembly.sources import with_sources

            self.store = with_sources(self.store, settings, data, self.documents)
        self.originals = Originals(
            self.store,
            self.variants,
            home.engine,
            settings.originals,
            settings.limits,
            site=SITE,
            clock=time.time if home.freezes else time.monotonic,
            freshness=freshness_of(settings),
            locks=build_locks(settings, data),
            is_closed=self.access.is_private,
        )

    def _connect_books(self) -> None:
        """Documents that several processes share: presets, signing keys, purges."""
        settings, data = self.settings, self._data
        self.signing_keys = build_signing_keys(settings, self.documents, copy_of("signing-keys", settings, data))
        self.signatures = build_signatures(settings, self.signing_keys, self._home.edge_secret)
        self.presets = PresetBook(
            settings.presets,
            self.documents,
            side=settings.limits.side_result,
            pixels=settings.limits.pixels_result,
            copy=copy_of("presets", settings, data),
        )
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
            asks_cdn=self._home.asks_cdn,
            backlog=self._home.backlog,
        )
        self._books: dict[str, Book] = {
            "presets": self.presets,
            "purges": self.purging,
            "signing-keys": self.signing_keys,
            "disk": DiskPurges(self.disk, self.purging),
        }

    def _connect_makers(self) -> None:
        """Who may make, whose turn it is, and who makes."""
        settings, data, home = self.settings, self._data, self._home
        limits = settings.limits
        self.slots = Slots(workers=home.engine.size, queue=limits.queue, queue_seconds=limits.queue_seconds, ahead=1)
        self.throttling = build_throttling(settings, data, self.metrics, cores=home.cores, redis=home.redis)
        # In front of a home that freezes stands a CDN that collapses askers; a lease would outlive its frozen holder.
        self.turns = Turns() if home.freezes else build_turns(settings, data, self.documents, home.redis)
        self.maker = Maker(
            originals=self.originals,
            variants=self.variants,
            engine=home.engine,
            cache=self.cache,
            slots=self.slots,
            spending=self.throttling.spending,
            metrics=self.metrics,
            fills=self.fills,
            turns=self.turns,
            disk=self.disk,
            keep_first=home.freezes,
            tagging=tagging_for(settings.cdn),
        )
        self.inspector = Inspector(
            originals=self.originals,
            engine=home.engine,
            slots=self.slots,
            spending=self.throttling.spending,
            metrics=self.metrics,
            settings=settings.engine,
            limits=limits,
        )

    # What only some callers ask for

    @cached_property
    def keys(self) -> AdminKey:
        """The admin key; made when first asked for, with its file where there is none yet."""
        from imagemill.assembly.keys import admin_key

        return admin_key(self.settings, self._data, self._home.key_place)

    @cached_property
    def uploads(self) -> Intake:
        """What takes uploads by browsers."""
        from imagemill.assembly.uploads import build_uploads

        return build_uploads(
            self.settings, self._data, self.originals, self.documents, resumable=not self._home.freezes
        )

    @property
    def most_body(self) -> int | None:
        """How many bytes one answer can have; None: any number."""
        return self._home.most_body

    @property
    def api_url(self) -> str:
        """Where /v1 is; empty for links relative to it, as a function does not know what stands in front of it."""
        server = self.settings.server
        return server.api_url or ("" if self._home.freezes else server.public_url)

    def control(self) -> AsgiApp:
        """Return the control application; its import takes some 300 ms."""
        if self._control_app is None:
            from imagemill.assembly.control import build_control

            self._control_app = build_control(self)
        return self._control_app

    # The front door

    def _gateway(self, memo: Memo) -> Gateway:
        """Return the front door with everything that answers behind it."""
        settings = self.settings
        tagging = tagging_for(settings.cdn)
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
                tagging=tagging,
                outsize=build_outsize(settings, self.access, self.variants, self._home.most_body),
            ),
            info=Info(self.inspector, settings.delivery, self.access, self.signatures, tagging),
            memo=memo,
            control=self.control,
            health=self.health,
            pages=Pages(
                lambda: samples_of(self.originals),
                lambda: offered(self.access, self.presets.current),
                settings.server.public_url,
            ),
            clients=Clients(networks(settings.server.trusted_proxies), lambda headers: self.keys.admits(headers)),
            metrics=self.metrics,
            log=self.log,
            limits=settings.limits,
            is_remote=self._is_remote(),
            gate=self.throttling.gate,
            write_seconds=settings.server.write_seconds,
            totals=self._home.totals,
            not_found_max_age=settings.delivery.not_found_max_age,
        )

    def _is_remote(self) -> Callable[[str], bool] | None:
        """Return what says of a key whether a web server would be asked for it; None without such a source."""
        if not self.settings.attached:
            return None
        from imagemill.assembly.sources import remote_keys

        return remote_keys(self.store)

    def _tell_of_documents(self) -> None:
        """Tell the others at once that a document has changed; by default they find out when they next look."""

    def _forget(self, key: str) -> None:
        """Drop from every cache what was made of an original that has changed."""
        self.cache.forget(SITE, key)
        if self.disk is not None:
            self.disk.forget(SITE, key)
        if self.originals.changed_at(key):  # a CDN asks money for each purge, and of a new original it holds nothing
            present = self.originals.last_seen(key)
            self.purging.changed(key, GONE if present is None else present.kept_under)

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
        return None if self._home.engine.ready_workers else "no worker is ready"
