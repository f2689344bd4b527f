"""A change to an original under its key's lock: what must happen together, in the order that no crash can spoil.

    hide the present variants → change the store → write the record → tell this process

A web server may follow `~/current` without asking us: whatever is interrupted, by a crash too, that link leads to
nothing (a miss, and the next request puts it right) but never to a picture that is no more. The store is the truth
about which original exists; the record beside the variants holds what can be found out again, and the description.
"""

from __future__ import annotations

from dataclasses import replace

from imagemill.engine.sniff import media_type
from imagemill.errors import Refused
from imagemill.object_store.condition import demand
from imagemill.object_store.key_locks import KeyLocks
from imagemill.object_store.port import ALWAYS, Condition, ObjectStore, PartlyReadOnly
from imagemill.originals.description import DescriptionChanges, entity_tag
from imagemill.originals.entries import Entries
from imagemill.originals.finding import NOWHERE, Finder, Present
from imagemill.originals.listeners import Listeners
from imagemill.originals.settling import Settling
from imagemill.originals.unbroken import Unbroken
from imagemill.originals.uploads import Checked
from imagemill.originals.values import Description, Original, version_of
from imagemill.variants.port import VariantStore


class Changing:
    """Places, describes and removes originals. A change that has begun runs to its end, even if its asker leaves."""

    def __init__(
        self,
        store: ObjectStore,
        variants: VariantStore,
        *,
        site: str,
        finder: Finder,
        entries: Entries,
        locks: KeyLocks,
        listeners: Listeners,
        settle_seconds: float,
    ) -> None:
        """The parts of the library that it works with; `settle_seconds` must be longer than any make."""
        self._store = store
        self._variants = variants
        self._site = site
        self._finder = finder
        self._entries = entries
        self._locks = locks
        self._listeners = listeners
        self._settling = Settling(self._settle, settle_seconds)
        self._unbroken = Unbroken()

    def check_writable(self, key: str) -> None:
        """Raise Refused (`read_only`) for a key under which something is that can only be read."""
        if isinstance(self._store, PartlyReadOnly):
            self._store.check_writable(key)

    async def place(self, key: str, checked: Checked, condition: Condition, *, private: bool) -> tuple[Original, bool]:
        """Make `checked` the original of `key` (`Originals.put`); its upload is gone afterwards in any case."""
        return await self._unbroken.run(self._place(key, checked, condition, private=private))

    async def redescribe(self, key: str, changes: DescriptionChanges, condition: Condition) -> Original:
        """Change what is said of an original (`Originals.describe`)."""
        return await self._unbroken.run(self._redescribe(key, changes, condition))

    async def remove(self, key: str, condition: Condition) -> bool:
        """Remove an original (`Originals.delete`)."""
        return await self._unbroken.run(self._remove(key, condition))

    async def settled(self) -> None:
        """Wait for the changes under way; second looks (`settling`) are not waited for."""
        await self._unbroken.settled()

    async def close(self) -> None:
        """Finish the changes under way, then forget the second looks."""
        await self._unbroken.settled()
        await self._settling.close()

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
                    site=self._site,
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
                self._tell(key, again=replaced)
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
                await self._listeners.announce(key)
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
            self._tell(key, again=moved)
            return new

    async def _remove(self, key: str, condition: Condition) -> bool:
        async with self._locks.hold(key):
            before = await self._finder.present(key)
            demand(condition, key, None if before is None else before.entity_tag)
            if not self._store.writable:
                raise Refused("The originals of this place can only be read.", code="read_only")
            self.check_writable(key)
            if before is not None:
                await self._listeners.announce(key)
                await self._variants.publish(self._site, key, NOWHERE)
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
                await self._variants.withdraw(self._site, key)
            finally:
                self._tell(key, again=before is not None)
            return before is not None

    async def _settle(self, key: str) -> None:
        async with self._locks.hold(key):
            await self._finder.settle(key)

    def _tell(self, key: str, *, again: bool) -> None:
        """Say that `key` has changed; `again`: variants of another original may still be on their way."""
        if again:
            self._settling.add(key)
        self._listeners.tell(key)


def _store_condition(condition: Condition, before: Present | None) -> Condition:
    """Return what the store must hold to, so that a conditional change is safe against other processes as well."""
    if condition == ALWAYS:
        return ALWAYS
    if before is None:
        return Condition(if_none_match=True)
    return Condition(if_match=(before.info.etag,))
