"""A key is reconciled with its store, whatever happens to it meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace

import pytest
from tests.originals.library_kit import Kit, picture

from imagemill.errors import Conflict, NotAnImage
from imagemill.object_store.memory import MemoryObject, MemoryStore
from imagemill.object_store.port import ALWAYS, Condition, ObjectInfo
from imagemill.originals.description import DescriptionChanges
from imagemill.originals.reconciling import ATTEMPTS, Reconciler
from imagemill.originals.values import GONE

RED, BLUE = picture("red"), picture("blue", (64, 48))


class Shared(MemoryStore):
    """A store that others write to: its entity tags are their words, and `coming` replaces what is opened next."""

    def __init__(self) -> None:
        super().__init__()
        self.coming: list[bytes | None] = []

    def put(
        self, key: str, data: bytes, content_type: str, condition: Condition, metadata: Mapping[str, str] | None
    ) -> ObjectInfo:
        """Store bytes that somebody else wrote."""
        info = replace(super().put(key, data, content_type, condition, metadata), opaque=True)
        self._objects[key] = replace(self._objects[key], info=info)
        return info

    async def open(self, key: str, *, known: ObjectInfo | None = None) -> MemoryObject | None:
        """Open what lies there, after whatever was to come; None of `coming` is one quiet turn."""
        if self.coming and (data := self.coming.pop(0)) is not None:
            self.put(key, data, "image/png", ALWAYS, None)
        return await super().open(key, known=known)


def kit_and_reconciler(store: MemoryStore | None = None) -> tuple[Kit, Reconciler]:
    """Return a library over a store that others write to, and what reconciles it."""
    kit = Kit(store=store or Shared())
    return kit, Reconciler(kit.originals, kit.store, kit.variants, kit.engine)


def test_bytes_of_others_are_decoded_once() -> None:
    """To the end when they are first seen, and not again while they are the same; ours never, uploads were."""

    async def run() -> None:
        kit, reconciler = kit_and_reconciler()
        await kit.lay("a.png", RED)
        for _ in range(3):
            found = await reconciler.reconcile("a.png")
            assert found.original is not None
            assert kit.engine.verifications == 1
        await kit.originals.close()
        ours, reconciler = kit_and_reconciler(MemoryStore())
        await ours.put("b.png", RED)
        uploaded = ours.engine.verifications
        assert (await reconciler.reconcile("b.png")).known
        assert ours.engine.verifications == uploaded
        await ours.originals.close()

    asyncio.run(run())


def test_a_replacement_meanwhile_is_what_counts() -> None:
    """Replaced between two looks at it: looked at anew; replaced for ever: told again."""

    async def run() -> None:
        store = Shared()
        kit, reconciler = kit_and_reconciler(store)
        await kit.lay("a.png", RED)
        store.coming = [None, BLUE]
        found = await reconciler.reconcile("a.png")
        assert found.original is not None
        assert found.original.facts.width == 64
        store.coming = [one for n in range(ATTEMPTS) for one in (None, picture("red", (10 + n, 10)))]
        await kit.lay("a.png", picture("green"))
        with pytest.raises(Conflict):
            await reconciler.reconcile("a.png")
        await kit.originals.close()

    asyncio.run(run())


def test_what_is_gone_takes_everything_along() -> None:
    """Record and variants; a key of which nothing was known costs nothing."""

    async def run() -> None:
        kit, reconciler = kit_and_reconciler()
        await kit.lay("a.png", RED)
        original = (await reconciler.reconcile("a.png")).original
        assert original is not None
        assert await kit.keep(original)
        await kit.store.delete("a.png")
        gone = await reconciler.reconcile("a.png")
        assert (gone.original, gone.known, gone.state) == (None, True, GONE)
        assert not await kit.kept(original)
        assert await kit.variants.read_record("default", "a.png") is None
        assert not (await reconciler.reconcile("a.png")).known
        await kit.originals.close()

    asyncio.run(run())


def test_that_it_is_private_outlives_the_bytes() -> None:
    """Whatever is laid under the key next is closed too, and kept where no URL leads."""

    async def run() -> None:
        kit, reconciler = kit_and_reconciler()
        await kit.lay("a.png", RED)
        await reconciler.reconcile("a.png")
        await kit.originals.describe("a.png", DescriptionChanges(private=True))
        await kit.store.delete("a.png")
        assert (await reconciler.reconcile("a.png")).original is None
        await kit.lay("a.png", BLUE)
        found = await reconciler.reconcile("a.png")
        assert found.original is not None
        assert found.original.private
        assert found.state.endswith("-private")
        await kit.originals.close()

    asyncio.run(run())


def test_nonsense_hides_what_was_there() -> None:
    """It is no picture now: variants of the one before would show what is no more."""

    async def run() -> None:
        kit, reconciler = kit_and_reconciler()
        await kit.lay("a.png", RED)
        original = (await reconciler.reconcile("a.png")).original
        assert original is not None
        await kit.keep(original)
        await kit.lay("a.png", b"nonsense")
        found = await reconciler.reconcile("a.png")
        assert (found.original, found.known, found.state) == (None, True, GONE)
        assert isinstance(found.error, NotAnImage)
        assert not await kit.kept(original)
        await kit.originals.close()

    asyncio.run(run())
