"""The originals of one site: find, upload, replace, describe, delete, list.

The one place that orders what must happen together. Under a key's lock, a change runs

    hide the present variants → change the store → write the record → tell this process

because a web server may follow `~/current` without asking us: whatever is interrupted, by a crash too, that link leads
to nothing (a miss, and the next request puts it right) but never to a picture that is no more. The store is the truth
about which original exists; the record beside the variants holds what can be found out again, and the description.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from imagemill.engine.limits import Limits
from imagemill.engine.port import Engine
from imagemill.engine.sniff import media_type
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
    PartlyReadOnly,
)
from imagemill.originals.description import DescriptionChanges, entity_tag
from imagemill.originals.entries import MAX_ENTRIES, Entries, Entry
from imagemill.originals.finding import NOWHERE, Finder, Present, no_such_original
from imagemill.originals.freshness import Freshness
from imagemill.originals.kept_findings import KeptFindings
from imagemill.originals.looks import Looks
from imagemill.originals.preview import Previews
from imagemill.originals.settings import OriginalsSettings
from imagemill.originals.settling import SETTLE_SECONDS, Settling
from imagemill.originals.uploads import Bounds, Checked, check_declared_length, receive
from imagemill.originals.values import Description, Original, version_of
from imagemill.variants.port import VariantStore

log = logging.getLogger(__name__)
T = TypeVar("T")

STALE_IF_ERROR = 86400.0
"""Seconds a known original is answered while the store is away, where nobody says otherwise: the contract's default."""
RECORDS_AT_ONCE = 32
"""Records read side by side where all of them are looked through."""


@dataclass(frozen=True, slots=True)
class Listed:
    """A line of a listing; `original` is given where it is known without opening the object."""

    info: ObjectInfo
    original: Original | None


@dataclass(frozen=True, slots=True)
class Listing:
    """A page of originals in byte order of the key; see `object_store.port.Page`."""

    originals: tuple[Listed, ...]
    prefixes: tuple[str, ...]
    next_after: str | None


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
        self._variants = variants
        self._engine = engine
        self._settings = settings
        self._limits = limits
        self._previews = Previews(engine)
        self._entries = Entries(
            freshness or Freshness.alone(settings.recheck, STALE_IF_ERROR), most=most_entries, clock=clock
        )
        self._finder = Finder(store, variants, engine, site, self._entries, self._is_another, is_closed)
        self._locks = locks or KeyLocks()
        self.findings = KeptFindings(self._finder, self._entries, self._locks)
        self._looks = Looks(self._look)
        self._settling = Settling(self._settle, settle_seconds)
        self._listeners: list[Callable[[str], None]] = []
        self._announced: list[Callable[[str], Awaitable[None]]] = []
        self._unbroken: set[asyncio.Task[Any]] = set()

    def on_change(self, listener: Callable[[str], None]) -> None:
        """Call `listener(key)` whenever an original was replaced, described, deleted or found to be another."""
        self._listeners.append(listener)

    def before_change(self, announced: Callable[[str], Awaitable[None]]) -> None:
        """Await `announced(key)` before an original is described otherwise or deleted, after all that could refuse it.

        For who has to hear of it even if this process ends in the middle: of these two the store itself tells nobody,
        or tells it when nothing is left that says who had seen the original.
        """
        self._announced.append(announced)

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
        page = await self._store.list(prefix, delimiter=delimiter, after=after, limit=limit)
        lines = [Listed(info, await self._known(info)) for info in page.objects]
        return Listing(tuple(lines), page.prefixes, page.next_after)

    async def tagged(self, word: str) -> AsyncIterator[str]:
        """Yield the key of every original that people tagged `word`, in byte order.

        Every record is read for it, some at a time: linear in the number of originals until a catalog knows tags (C1).
        """
        after: str | None = ""
        while after is not None:
            page = await self._store.list("", after=after, limit=1000)
            for keys in batched([info.key for info in page.objects], RECORDS_AT_ONCE):
                found = await asyncio.gather(*(self._finder.tags(key) for key in keys))
                for key, tags in zip(keys, found, strict=True):
                    if word in tags:
                        yield key
            after = page.next_after

    async def preview(self, original: Original) -> str | None:
        """Return a tiny preview as a data URI, made once and recorded; None where it would cost too much or fails."""
        entry = self._entries.known(original.key)
        if entry is None or entry.original != original:
            return None
        if entry.placeholder is None and self._previews.cheap(original.facts):
            try:
                opened = await self.open(original)
            except ImagemillError:
                return None
            try:
                entry.placeholder = await self._previews.make(opened.fileno(), original)
            finally:
                opened.close()
            if entry.placeholder is not None:
                async with self._locks.hold(original.key):
                    if self._entries.known(original.key) is entry and entry.original == original:
                        await self._finder.try_to_write(entry)
        return entry.placeholder

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
        self._check_writable(key)
        bounds = bounds or Bounds(most_bytes=self._limits.upload_bytes)
        check_declared_length(declared_length, bounds.most_bytes)
        if condition != ALWAYS:
            # Asked before the body is read, so that a refusal costs no upload; asked again under the lock.
            present = await self._finder.present(key)
            demand(condition, key, None if present is None else present.entity_tag)
        checked = await receive(
            self._store, self._engine, bounds, chunks, declared_length=declared_length, digests=digests or {}
        )
        return await self._to_the_end(self._place(key, checked, condition, private=private))

    async def describe(self, key: str, changes: DescriptionChanges, condition: Condition = ALWAYS) -> Original:
        """Change what is said of an original; a new focal point is a new version.

        Raises NotFound, PreconditionFailed, InvalidRequest (`invalid_description`), and what the variant store raises
        when the record cannot be written.
        """
        return await self._to_the_end(self._redescribe(key, changes, condition))

    async def delete(self, key: str, condition: Condition = ALWAYS) -> bool:
        """Remove the original with its variants and its record; False when there was none.

        Raises PreconditionFailed, Refused (`read_only`), Overloaded.
        """
        return await self._to_the_end(self._remove(key, condition))

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
        if self._unbroken:
            await asyncio.gather(*self._unbroken, return_exceptions=True)

    async def close(self) -> None:
        """Finish the changes under way and forget the second looks."""
        await self._settling.close()
        await self._looks.close()
        if self._unbroken:
            await asyncio.gather(*self._unbroken, return_exceptions=True)

    # ---- under a key's lock

    async def _place(self, key: str, checked: Checked, condition: Condition, *, private: bool) -> tuple[Original, bool]:
        upload = checked.upload
        try:
            async with self._locks.hold(key):
                before = await self._finder.present(key)
                demand(condition, key, None if before is None else before.entity_tag)
                same = before is not None and before.info.etag == upload.sha256
                description = Description() if before is None else before.description
                private = private or description.private  # new bytes open nothing that was closed
                description = replace(description, private=private) if same else Description(private=private)
                await self._finder.publish(key, version_of(upload.sha256, description.focal), description)
                began = self._entries.now()
                try:
                    info = await upload.commit(
                        key,
                        content_type=media_type(checked.facts.format),
                        condition=_store_condition(condition, before),
                    )
                except BaseException:
                    self._entries.doubt(key)  # whether it happened all the same, only a look can tell
                    await self._finder.restore(key, before)
                    raise
                original = Original(
                    site=self.site,
                    key=key,
                    info=info,
                    facts=checked.facts,
                    description=description,
                    closed=self._finder.is_closed(key),
                )
                replaced = before is not None and not same
                if replaced:
                    self._entries.changes.note(key)  # before anything can be made of the new one
                entry = self._entries.remember(original, looked=began)
                if private:
                    entry.record_stamp = await self._finder.write(entry)  # without its record it would open some day
                else:
                    await self._finder.try_to_write(entry)
                self._after_change(key, again=replaced)
                return original, before is None
        finally:
            await upload.abort()

    async def _redescribe(self, key: str, changes: DescriptionChanges, condition: Condition) -> Original:
        async with self._locks.hold(key):
            entry = await self._finder.entry(key, anew=True)  # what another process said of it must not be lost
            old = entry.original
            demand(condition, key, entity_tag(old.info.etag, old.description))
            new = replace(old, description=changes.apply(old.description))
            moved = new.kept_under != old.kept_under
            if moved:
                await self._announce(key)
                await self._finder.publish(key, new.version, new.description)
            try:
                entry.record_stamp = await self._finder.write(replace(entry, original=new))
            except BaseException:
                self._entries.doubt(key)
                await self._finder.try_to_publish(key, old.version, old.description)
                raise
            if moved:
                self._entries.changes.note(key)
            entry.original = new
            self._after_change(key, again=moved)
            return new

    async def _remove(self, key: str, condition: Condition) -> bool:
        async with self._locks.hold(key):
            before = await self._finder.present(key)
            demand(condition, key, None if before is None else before.entity_tag)
            if not self._store.writable:
                raise Refused("The originals of this place can only be read.", code="read_only")
            self._check_writable(key)
            if before is not None:
                await self._announce(key)
                await self._variants.publish(self.site, key, NOWHERE)
                try:
                    await self._store.delete(key, condition=_store_condition(condition, before))
                except BaseException:
                    self._entries.doubt(key)
                    await self._finder.restore(key, before)
                    raise
            self._entries.forget(key)  # first: from here on nothing of it may be answered, whatever fails
            if before is not None:
                self._entries.changes.note(key)
            try:
                await self._variants.withdraw(self.site, key)
            finally:
                self._after_change(key, again=before is not None)
            return before is not None

    async def _settle(self, key: str) -> None:
        async with self._locks.hold(key):
            await self._finder.settle(key)

    # ---- small steps

    def _check_writable(self, key: str) -> None:
        """Refuse, before a body is read, a key under which something is that can only be read."""
        if isinstance(self._store, PartlyReadOnly):
            self._store.check_writable(key)

    async def _known(self, info: ObjectInfo) -> Original | None:
        """Return the original that a listing shows, if an entry or a record speaks of exactly these bytes."""
        entry = self._entries.fresh(info.key)
        if entry is not None and info.etag in ("", entry.original.info.etag):
            return entry.original
        record = await self._finder.record(info.key, info.etag) if info.etag else None
        if record is None or record.facts is None:
            return None
        return Original(
            site=self.site,
            key=info.key,
            info=info,
            facts=record.facts,
            description=record.description,
            closed=self._finder.is_closed(info.key),
        )

    def _after_change(self, key: str, *, again: bool) -> None:
        if again:
            self._settling.add(key)
        self._tell(key)

    def _is_another(self, key: str) -> None:
        self._entries.changes.note(key)
        self._tell(key)

    async def _announce(self, key: str) -> None:
        for announced in self._announced:
            await announced(key)

    def _tell(self, key: str) -> None:
        for listener in self._listeners:
            listener(key)

    async def _to_the_end(self, work: Coroutine[Any, Any, T]) -> T:
        """Run `work` to its end even if the caller is cancelled: half a change would be believed for a minute."""
        task = asyncio.ensure_future(work)
        self._unbroken.add(task)
        task.add_done_callback(self._finished)
        return await asyncio.shield(task)

    def _finished(self, task: asyncio.Task[Any]) -> None:
        self._unbroken.discard(task)
        if not task.cancelled():
            task.exception()  # read, so that an error nobody waited for is not reported as forgotten


def batched(items: list[T], size: int) -> Iterator[list[T]]:
    """Yield `items` in lists of at most `size`."""
    for start in range(0, len(items), size):
        yield items[start : start + size]


def _store_condition(condition: Condition, before: Present | None) -> Condition:
    """Return what the store must hold to, so that a conditional change is safe against other processes as well."""
    if condition == ALWAYS:
        return ALWAYS
    if before is None:
        return Condition(if_none_match=True)
    return Condition(if_match=(before.info.etag,))
