"""The originals of one site: find, upload, replace, describe, delete, list.

The door to all of it: what is believed without a look stands here, with who looks and for how long; what lies under a
key is found out by `finding`, a change is carried out by `changing`, a listing made by `listing`.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping

from imagemill.engine.limits import Limits
from imagemill.engine.port import Engine
from imagemill.errors import Conflict, ImagemillError, NotAnImage, NotFound, Overloaded, Refused, Unprocessable
from imagemill.object_store.condition import demand
from imagemill.object_store.key_locks import KeyLocks
from imagemill.object_store.naming import check_new_key
from imagemill.object_store.port import (
    ALWAYS,
    Condition,
    Doubting,
    Linking,
    ObjectInfo,
    ObjectStore,
    OpenObject,
)
from imagemill.originals.changing import Changing
from imagemill.originals.description import DescriptionChanges
from imagemill.originals.entries import MAX_ENTRIES, Entries, Entry
from imagemill.originals.finding import Finder, no_such_original
from imagemill.originals.freshness import Freshness
from imagemill.originals.kept_findings import KeptFindings
from imagemill.originals.listeners import Listeners
from imagemill.originals.listing import Listing, Listings
from imagemill.originals.looks import Looks
from imagemill.originals.preview import Previews
from imagemill.originals.settings import OriginalsSettings
from imagemill.originals.settling import SETTLE_SECONDS
from imagemill.originals.uploads import Bounds, check_declared_length, receive
from imagemill.originals.values import Original
from imagemill.variants.port import VariantStore

log = logging.getLogger(__name__)

STALE_IF_ERROR = 86400.0
"""Seconds a known original is answered while the store is away, where nobody says otherwise: the contract's default."""


class Originals:
    """Everything the platform does with originals. Safe to use from any task of one event loop."""

    def __init__(
        self,
        store: ObjectStore,
        variants: VariantStore,
        engine: Engine,
        settings: OriginalsSettings,
        limits: Limits,
        site: str = "default",
        *,
        clock: Callable[[], float] = time.monotonic,
        settle_seconds: float = SETTLE_SECONDS,
        most_entries: int = MAX_ENTRIES,
        freshness: Freshness | None = None,
        is_closed: Callable[[str], bool] = lambda key: False,
        locks: KeyLocks | None = None,
    ) -> None:
        """`clock` is monotonic, in seconds; `settle_seconds` must be longer than any make.

        `locks` order the changes of one original; without, those of this process alone.

        `is_closed(key)` says whether the settings make everything under that key private. Without `freshness` this is
        taken to be the only process that changes what is in the store.
        """
        self.site = site
        self._store = store
        self._engine = engine
        self._settings = settings
        self._limits = limits
        self._entries = Entries(
            freshness or Freshness.alone(settings.recheck, STALE_IF_ERROR), most=most_entries, clock=clock
        )
        self._finder = Finder(store, variants, engine, site, self._entries, self._is_another, is_closed)
        self._locks = locks or KeyLocks()
        self.findings = KeptFindings(self._finder, self._entries, self._locks)
        self._previews = Previews(engine, self._finder, self._entries, self._locks)
        self._looks = Looks(self._look)
        self._listings = Listings(store, self._finder, self._entries, site)
        self._listeners = Listeners()
        self._changing = Changing(
            store,
            variants,
            site=site,
            finder=self._finder,
            entries=self._entries,
            locks=self._locks,
            listeners=self._listeners,
            settle_seconds=settle_seconds,
        )

    def on_change(self, listener: Callable[[str], None]) -> None:
        """Call `listener(key)` whenever an original was replaced, described, deleted or found to be another."""
        self._listeners.add(listener)

    def before_change(self, announced: Callable[[str], Awaitable[None]]) -> None:
        """Await `announced(key)` before an original is described otherwise or deleted, after all that could refuse it.

        For who has to hear of it even if this process ends in the middle: of these two the store itself tells nobody,
        or tells it when nothing is left that says who had seen the original.
        """
        self._listeners.add_before(announced)

    def follow(self, told: Freshness | None) -> None:
        """Believe originals for as long as `told` says, because others tell of their changes; None: as before."""
        self._entries.follow(told)

    # ---- finding

    def peek(self, key: str) -> Original | None:
        """Return the original if it may be answered without a look at the store: for the hot path.

        While it is fresh that is one look in a dictionary; after that, for a while, one look at the store behind it.
        """
        entry = self._entries.fresh(key) or self._stale(key)
        return None if entry is None else entry.original

    def last_seen(self, key: str) -> Original | None:
        """Return the original as this process last saw it, however long ago: for who judges a change, not for answers.

        None where it never saw one, or saw that it is gone.
        """
        entry = self._entries.known(key)
        return None if entry is None else entry.original

    @property
    def remembered(self) -> int:
        """How many originals are known here, and served while the store is away."""
        return len(self._entries)

    def changed_at(self, key: str) -> float:
        """Return when something else was last seen under `key`, in seconds since 1970; 0 where nothing is known of it.

        Dates of copies from that second tell no two pictures apart. Only this process's time counts: a restart between
        two pictures of one second is not worth a record.
        """
        return self._entries.changes.at(key)

    def modified_from(self, original: Original) -> int:
        """Return the second (since 1970) from which variants made now of `original` say they were modified.

        No variant of another version of its key says that second or one of the seven after it.
        """
        known = self._entries.known(original.key)
        return self._entries.changes.step(
            original.key,
            placed=original.info.modified,
            superseded=known is not None and known.original.version != original.version,
        )

    async def locate(self, key: str) -> Original:
        """Return the original of `key`.

        Raises NotFound (`no_such_original`); NotAnImage or Unprocessable where the object is no picture we can use;
        Overloaded. The first look at a key is made once, however many ask.
        """
        entry = self._entries.fresh(key) or self._stale(key) or await self._look(key)
        return entry.original

    def _stale(self, key: str) -> Entry | None:
        """Return the entry that may be answered while one look for all of its askers runs behind (RFC 5861)."""
        entry = self._entries.stale(key, looking=self._looks.under_way(key))
        if entry is not None:
            self._looks.start(key)
        return entry

    async def _look(self, key: str) -> Entry:
        async with self._locks.hold(key):
            return await self._finder.entry(key)

    async def look_again(self, key: str) -> bool:
        """Ask the store about `key` now, because somebody says that it changed; say whether we had seen it at all.

        What this process never saw costs nothing: the first who asks for it looks. Raises Overloaded; the original is
        then looked at when it is next asked for, and not served before.
        """
        if isinstance(self._store, Doubting):
            self._store.doubt(key)
        if self._entries.known(key) is None:
            return False
        await self._look_anew(key)
        return True

    async def _look_anew(self, key: str) -> Entry | None:
        """Ask the store, whatever is believed; None where nothing lies there that we can use. Raises Overloaded."""
        self._entries.doubt(key)
        try:
            async with self._locks.hold(key):
                return await self._finder.entry(key, anew=True)
        except (NotFound, NotAnImage, Unprocessable, Refused):
            log.debug("An original is gone, or is no picture any more")
            return None

    async def confirm(self, original: Original) -> bool:
        """Ask the store now whether this is still the original, to be shown to the same people.

        For who has made something of it where nobody tidies later. False as well where the store cannot be asked. What
        the look found counts, not what may be answered after it: with `freshness.check` 0 that is nothing.
        """
        if isinstance(self._store, Doubting):
            self._store.doubt(original.key)
        try:
            present = await self._look_anew(original.key)
        except Overloaded:
            return False
        return present is not None and present.original.kept_under == original.kept_under

    async def open(self, original: Original) -> OpenObject:
        """Open the bytes of this very original; raise NotFound if it is gone.

        Raises Conflict (`original_changed`) if it is another by now: locate it again.
        """
        opened = await self._store.open(original.key, known=original.info)
        if opened is None:
            self._entries.doubt(original.key)
            raise no_such_original(original.key)
        if opened.info.etag != original.info.etag:
            opened.close()
            self._entries.doubt(original.key)
            raise Conflict("The original was replaced while it was being read; ask again.", code="original_changed")
        return opened

    async def open_untouched(self, key: str) -> OpenObject:
        """Open whatever lies under `key`, picture or not; raise NotFound."""
        opened = await self._store.open(key)
        if opened is None:
            raise no_such_original(key)
        return opened

    async def untouched(self, key: str) -> ObjectInfo:
        """Return what lies under `key`, picture or not, without its bytes; raise NotFound."""
        info = await self._store.head(key)
        if info is None:
            raise no_such_original(key)
        return info

    async def link(self, key: str, *, expires_in: int, answer: Mapping[str, str]) -> str | None:
        """Return a URL at which the store itself gives the bytes; None where it cannot (`port.Linking`)."""
        if not isinstance(self._store, Linking):
            return None
        return await self._store.link(key, expires_in=expires_in, answer=answer)

    async def exists(self, key: str) -> bool:
        """Say whether anything lies under `key`."""
        return await self._store.head(key) is not None

    async def list(self, prefix: str = "", delimiter: str = "", after: str = "", limit: int = 1000) -> Listing:
        """List originals after `after`, at most `limit` (1…1000) keys and common prefixes; opens no object."""
        return await self._listings.page(prefix, delimiter, after, limit)

    def tagged(self, word: str) -> AsyncIterator[str]:
        """Yield the key of every original that people tagged `word` (`listing.Listings.tagged`)."""
        return self._listings.tagged(word)

    async def preview(self, original: Original) -> str | None:
        """Return a tiny preview as a data URI, made once and recorded; None where it would cost too much or fails."""
        return await self._previews.of(original, self.open)

    # ---- changing

    async def put(
        self,
        key: str,
        chunks: AsyncIterator[bytes],
        *,
        condition: Condition = ALWAYS,
        declared_length: int | None = None,
        digests: Mapping[str, bytes] | None = None,
        bounds: Bounds | None = None,
        private: bool = False,
    ) -> tuple[Original, bool]:
        """Make the bytes of `chunks` the original of `key`; return it and whether there was none before.

        `private` closes it from its first moment on; without it, one that was closed stays closed.
        `condition` speaks of entity tags (`description.entity_tag`); `digests` maps "sha-256" and "sha-512" to raw
        digests; `bounds` replace the limit on uploads. The old original stays until the new one is whole, verified and
        durable. The same bytes again keep version and description; other bytes start with an empty description.

        Raises InvalidRequest (`bad_key`, `empty_body`, `incomplete_body`, `digest_mismatch`), TooLarge, NotAnImage,
        Unprocessable, PreconditionFailed, Refused (`read_only`), StorageFull, Overloaded. On any error, and when the
        caller is cancelled before the body is complete, nothing has changed.
        """
        check_new_key(key)
        self._changing.check_writable(key)
        bounds = bounds or Bounds(most_bytes=self._limits.upload_bytes)
        check_declared_length(declared_length, bounds.most_bytes)
        if condition != ALWAYS:
            # Asked before the body is read, so that a refusal costs no upload; asked again under the lock.
            present = await self._finder.present(key)
            demand(condition, key, None if present is None else present.entity_tag)
        checked = await receive(
            self._store, self._engine, bounds, chunks, declared_length=declared_length, digests=digests or {}
        )
        return await self._changing.place(key, checked, condition, private=private)

    async def describe(self, key: str, changes: DescriptionChanges, condition: Condition = ALWAYS) -> Original:
        """Change what is said of an original; a new focal point is a new version.

        Raises NotFound, PreconditionFailed, InvalidRequest (`invalid_description`), and what the variant store raises
        when the record cannot be written.
        """
        return await self._changing.redescribe(key, changes, condition)

    async def delete(self, key: str, condition: Condition = ALWAYS) -> bool:
        """Remove the original with its variants and its record; False when there was none.

        Raises PreconditionFailed, Refused (`read_only`), Overloaded.
        """
        return await self._changing.remove(key, condition)

    # ---- keeping house

    async def sweep(self, older_than: float | None = None) -> int:
        """Remove leftovers of uploads not written to for `older_than` seconds (default: `originals.sweep`)."""
        return await self._store.sweep(self._settings.sweep if older_than is None else older_than)

    async def run(self) -> None:
        """Sweep now and then, until cancelled."""
        while True:
            try:
                swept = await self.sweep()
                if swept:
                    log.info("Removed leftovers of interrupted uploads: %d", swept)
            except (ImagemillError, OSError) as error:
                log.warning("Leftovers could not be swept: %s", error)
            await asyncio.sleep(self._settings.sweep)

    async def settled(self) -> None:
        """Wait for the changes and looks under way; second looks (`settling`) are not waited for."""
        await self._looks.settled()
        await self._changing.settled()

    async def close(self) -> None:
        """Finish the changes under way and forget the second looks."""
        await self._looks.close()
        await self._changing.close()

    def _is_another(self, key: str) -> None:
        self._entries.changes.note(key)
        self._listeners.tell(key)
