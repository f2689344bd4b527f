"""What a store's event comes to: look at what lies under the key now, and put right what was made of it before.

Separate from `library`, which answers askers and so does nothing until somebody asks. Here nobody asked: the store says
that something happened, at least once and in any order, so only its present state counts and doing it again is
harmless. Needs nothing of the past: a process that has never seen the original does the same as one that has.
"""

from __future__ import annotations

from dataclasses import dataclass

from imagemill.engine.port import Engine
from imagemill.errors import Conflict, ImagemillError, NotAnImage, NotFound, Unprocessable
from imagemill.object_store.port import ObjectStore
from imagemill.originals.finding import NOWHERE
from imagemill.originals.library import Originals
from imagemill.originals.records import decode_record, says_private
from imagemill.originals.values import GONE, Original, source_of
from imagemill.variants.port import VariantStore

ATTEMPTS = 3
"""Looks at an original that is replaced while it is being looked at; then whoever told of it has to tell again."""


@dataclass(frozen=True, slots=True)
class Reconciled:
    """What lies under `key` now: an original, nothing (None), or with `error` something that is no picture for us.

    `known` says that something was recorded of the key before, so that others may have seen it.
    """

    key: str
    original: Original | None
    known: bool
    error: ImagemillError | None = None

    @property
    def state(self) -> str:
        """The version, or "gone"."""
        return GONE if self.original is None else self.original.kept_under


class Reconciler:
    """Reconciles originals with their store. Belongs to one event loop."""

    def __init__(self, originals: Originals, store: ObjectStore, variants: VariantStore, engine: Engine) -> None:
        """`store` is the one that `originals` has."""
        self._originals = originals
        self._store = store
        self._variants = variants
        self._engine = engine

    async def reconcile(self, key: str) -> Reconciled:
        """Look at `key` now; record, publish or withdraw accordingly.

        Bytes that others laid there are decoded once to the end, as an upload's are. Raises Overloaded where a store is
        away, Conflict where the original is replaced again and again meanwhile.
        """
        await self._store.stamp(key)  # only the store itself is asked here: a replica, read while it is away, is behind
        record = await self._variants.read_record(self._originals.site, key)
        known = record is not None
        for attempt in range(1, ATTEMPTS + 1):
            await self._originals.look_again(key)
            try:
                original = await self._originals.locate(key)
                before = decode_record(record)
                if before is None or before.etag != original.info.etag:
                    await self._verify(original)
            except NotFound:
                await self._withdraw(key)
                return Reconciled(key, None, known)
            except (NotAnImage, Unprocessable) as error:
                if known:
                    await self._variants.publish(self._originals.site, key, NOWHERE)
                return Reconciled(key, None, known, error)
            except Conflict:
                if attempt == ATTEMPTS:
                    raise
                continue
            await self._publish(original)
            return Reconciled(key, original, known)
        raise AssertionError("the last attempt returns or raises")

    async def _verify(self, original: Original) -> None:
        """Decode bytes that are not from an upload of ours, which were decoded before they were placed."""
        if not original.info.opaque:
            return  # it came through us
        opened = await self._originals.open(original)
        try:
            await self._engine.verify(source_of(opened))
        finally:
            opened.close()

    async def _publish(self, original: Original) -> None:
        """Publish the present version once more: a first sight of it leaves the others' variants for later."""
        await self._variants.publish(original.site, original.key, original.kept_under, followed=not original.private)

    async def _withdraw(self, key: str) -> None:
        """Remove what was made of an original that is gone.

        That it was private is said of the key, not only of the bytes: its record stays, or whatever is laid there next
        would be open to everyone. Read once more, for it may have been said just now.
        """
        site = self._originals.site
        if says_private(await self._variants.read_record(site, key)):
            await self._variants.publish(site, key, NOWHERE)
        else:
            await self._variants.withdraw(site, key)
