"""Finding out what lies under a key: the store's word, our record of it, and the header where there is no record.

Separate from `changing`, which changes originals: here nothing changes but what we know. The caller holds the key's
lock. Records and publishing are best effort while looking: originals on a read-only place are served all the same
(contract, "Settings": "read-only if so mounted").
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, replace

from imagemill.engine.port import Engine, Facts
from imagemill.errors import ImagemillError, NotAnImage, NotFound, Overloaded, Unprocessable, shown
from imagemill.object_store.port import ObjectInfo, ObjectStore
from imagemill.originals.description import entity_tag
from imagemill.originals.entries import Entries, Entry
from imagemill.originals.records import Record, decode_record, encode_record, says_private
from imagemill.originals.values import Description, Original, kept_under, source_of, version_of
from imagemill.variants.port import VariantStore

log = logging.getLogger(__name__)

NOWHERE = version_of("", None)
"""A version that no bytes have: published while there is nothing to follow."""
UNDESCRIBED = Description()


@dataclass(frozen=True, slots=True)
class Present:
    """What lies under a key now. `record` speaks of these very bytes, or is None.

    `record_stamp` is the mark of whatever record there is; `looked` is when the look began, by the entries' clock.
    """

    info: ObjectInfo
    record: Record | None
    record_stamp: str | None
    looked: float

    @property
    def description(self) -> Description:
        """What people said of these bytes."""
        return Description() if self.record is None else self.record.description

    @property
    def entity_tag(self) -> str:
        """What If-Match speaks of."""
        return entity_tag(self.info.etag, self.description)

    @property
    def version(self) -> str:
        """The version that should be published."""
        return version_of(self.info.etag, self.description.focal)


def no_such_original(key: str) -> NotFound:
    """Return the error for a key under which nothing lies."""
    return NotFound(f"There is no original “{shown(key)}”.", code="no_such_original")


def record_of(entry: Entry) -> Record:
    """Return what is to be kept of `entry`."""
    original = entry.original
    return Record(
        etag=original.info.etag,
        facts=original.facts,
        description=original.description,
        placeholder=entry.placeholder,
    )


def _other(old: Original, new: Original) -> bool:
    """Whether answers made of `old` may not go out for `new`: other pixels, or other things said of them."""
    return old.version != new.version or old.description != new.description


class Finder:
    """Asks the store, the record and the engine, in this order, and remembers the answer in `entries`."""

    def __init__(
        self,
        store: ObjectStore,
        variants: VariantStore,
        engine: Engine,
        site: str,
        entries: Entries,
        tell: Callable[[str], None],
        is_closed: Callable[[str], bool] = lambda key: False,
    ) -> None:
        """`tell(key)` is called when an original turns out to be another one, or gone.

        `is_closed(key)` says whether the settings make everything under that key private.
        """
        self._store = store
        self._variants = variants
        self._engine = engine
        self._site = site
        self._entries = entries
        self._tell = tell
        self.is_closed = is_closed

    async def present(self, key: str) -> Present | None:
        """Return what lies under `key` without reading its bytes; None when there is nothing."""
        looked = self._entries.now()
        # The stamp is asked before the record is read: if that is replaced in between, one more look is all it costs.
        info, stamp = await asyncio.gather(self._store.head(key), self._record_stamp(key))
        if info is None:
            return None
        record = None if stamp is None else await self.record(key, info.etag)
        return Present(info, record, stamp, looked)

    async def entry(self, key: str, *, anew: bool = False) -> Entry:
        """Return the entry of `key`, looked at again if it is not fresh. Raises as `Originals.locate` does.

        `anew` asks the store in any case and takes no excuse: for changes that build on what is there.
        """
        entry = self._entries.fresh(key)
        if entry is not None and not anew:
            return entry
        entry = self._entries.known(key)
        if entry is not None:
            try:
                if await self._unchanged(entry):
                    return entry
            except Overloaded:
                if anew or not self._entries.excuse(entry):
                    raise
                return entry
            self._entries.doubt(key)  # others changed it: no asker gets it any more while we find out how
        present = await self.present(key)
        if present is None:
            await self._vanished(key)
            raise no_such_original(key)
        return await self._meet(key, present)

    async def _unchanged(self, entry: Entry) -> bool:
        """Ask whether object and record are still those that were seen, and believe the entry for longer if so."""
        key = entry.original.key
        looked = self._entries.now()
        stamp, record = await asyncio.gather(self._store.stamp(key), self._record_stamp(key))
        if not stamp or stamp != entry.original.info.stamp or record != entry.record_stamp:
            return False
        self._entries.renew(entry, looked)
        return True

    async def _record_stamp(self, key: str) -> str | None:
        """Return the mark of the record; None as well where records cannot be read at all."""
        try:
            return await self._variants.record_stamp(self._site, key)
        except Overloaded:
            raise
        except (ImagemillError, OSError) as error:
            log.warning("A record cannot be read: %s", error)
            return None

    async def _meet(self, key: str, present: Present) -> Entry:
        """First contact: facts from the record or from the header, then the version becomes the current one."""
        info, record, stamp = present.info, present.record, present.record_stamp
        if record is None or record.facts is None:
            looked = await self._look(key, info)
            if looked is None:
                await self._vanished(key)
                raise no_such_original(key)
            if looked[0].etag != info.etag:
                record = await self.record(key, looked[0].etag)  # replaced behind our back since `present`
            info, facts = looked
            description = Description() if record is None else record.description
            record = Record(etag=info.etag, facts=facts, description=description)
            stamp = await self._try_to_write(key, record) or stamp
        else:
            facts = record.facts
        original = Original(
            site=self._site,
            key=key,
            info=info,
            facts=facts,
            description=record.description,
            closed=self.is_closed(key),
        )
        # Published before it is remembered: whoever is cancelled in between leaves the work to the next.
        await self.try_to_publish(key, original.version, original.description)
        known = self._entries.known(key)
        if known is not None and known.original == original:
            original = known.original  # the very object: shortcuts to it stay good
        entry = self._entries.remember(original, record.placeholder, record_stamp=stamp, looked=present.looked)
        if known is not None and _other(known.original, original):
            self._tell(key)
        return entry

    async def _look(self, key: str, info: ObjectInfo) -> tuple[ObjectInfo, Facts] | None:
        """Read the header; None when the object has just gone. A refusal is remembered for these bytes, briefly."""
        mark = info.stamp or info.etag
        failure = self._entries.failure(key, mark)
        if failure is not None:
            raise failure.with_traceback(None)
        opened = await self._store.open(key)
        if opened is None:
            return None
        try:
            return opened.info, await self._engine.probe(source_of(opened))
        except (NotAnImage, Unprocessable) as error:
            self._entries.forget(key)
            self._entries.fail(key, mark, error)
            raise
        finally:
            opened.close()

    async def _vanished(self, key: str) -> None:
        """Hide the variants of an original that somebody removed behind our back.

        Its record stays: a volume that is not mounted for a moment must not cost people their descriptions.
        """
        known = self._entries.forget(key)
        if await self._has_record(key):
            await self.try_to_publish(key, NOWHERE)
        if known:
            self._tell(key)

    # ---- records and versions

    async def record(self, key: str, etag: str) -> Record | None:
        """Return the record of the bytes with this `etag`; None where none speaks of them or none can be read.

        That its original is private is a record's word on the key, not only on bytes: whatever else it says is left
        out. Raises Overloaded while the store is away, as nobody knows then what may be seen.
        """
        try:
            data = await self._variants.read_record(self._site, key)
        except Overloaded:
            raise
        except (ImagemillError, OSError) as error:
            log.warning("A record cannot be read: %s", error)
            return None
        record = decode_record(data)
        if record is not None and record.etag == etag:
            return record
        return Record(etag=etag, description=Description(private=True)) if says_private(data) else None

    async def tags(self, key: str) -> tuple[str, ...]:
        """Return the tags of `key` by its record, whatever bytes that speaks of; raises what the store raises."""
        record = decode_record(await self._variants.read_record(self._site, key))
        return () if record is None else record.description.tags

    async def _has_record(self, key: str) -> bool:
        try:
            return await self._variants.read_record(self._site, key) is not None
        except (ImagemillError, OSError):
            return False

    async def write(self, entry: Entry) -> str:
        """Keep the record of `entry` and return its stamp; raises what the variant store raises."""
        return await self._write(entry.original.key, record_of(entry))

    async def try_to_write(self, entry: Entry, findings: bytes | None = None) -> None:
        """Keep the record of `entry`, with new `findings` if given, where that is possible."""
        stamp = await self._try_to_write(entry.original.key, replace(record_of(entry), findings=findings))
        entry.record_stamp = stamp or entry.record_stamp

    async def _write(self, key: str, record: Record) -> str:
        """Write a record; what an inspection of the same bytes has told stays in it."""
        if record.findings is None:
            before = await self.record(key, record.etag)
            record = replace(record, findings=None if before is None else before.findings)
        return await self._variants.write_record(self._site, key, encode_record(record))

    async def _try_to_write(self, key: str, record: Record) -> str | None:
        try:
            return await self._write(key, record)
        except (ImagemillError, OSError) as error:
            log.warning("A record cannot be written: %s", error)
            return None

    async def publish(self, key: str, version: str, description: Description = UNDESCRIBED) -> None:
        """Make `version` the current one, for us alone where `key` is private; raises what the variant store raises."""
        private = description.private or self.is_closed(key)
        name = kept_under(version, private=private)
        await self._variants.publish(self._site, key, name, followed=not private)

    async def try_to_publish(self, key: str, version: str, description: Description = UNDESCRIBED) -> None:
        """Publish where that is possible: a place for variants that can only be read must not stop serving."""
        try:
            await self.publish(key, version, description)
        except (ImagemillError, OSError) as error:
            log.warning("A version cannot be published: %s", error)

    async def restore(self, key: str, before: Present | None) -> None:
        """Bring back what was published before a change that the store refused."""
        if before is not None:
            await self.try_to_publish(key, before.version, before.description)
        elif await self._has_record(key):
            await self.try_to_publish(key, NOWHERE)
        else:
            await self._withdraw_quietly(key)

    async def settle(self, key: str) -> None:
        """Remove what a slow maker left since the original was replaced or deleted; never raises."""
        try:
            entry = await self.entry(key)
            await self.publish(key, entry.original.version, entry.original.description)
        except NotFound:
            if not await self._has_record(key):
                await self._withdraw_quietly(key)
        except (ImagemillError, OSError) as error:
            log.warning("Old variants could not be looked for: %s", error)

    async def _withdraw_quietly(self, key: str) -> None:
        try:
            await self._variants.withdraw(self._site, key)
        except (ImagemillError, OSError) as error:
            log.warning("Old variants could not be removed: %s", error)
