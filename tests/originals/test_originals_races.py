"""Interleavings made on purpose: each order that threat 2.11 names, forced with events rather than hoped for."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping

import pytest
from tests.originals.library_kit import Kit, picture, pieces, until

from imagemill.errors import ImagemillError, NotFound, PreconditionFailed, StorageFull
from imagemill.object_store.memory import MemoryStore, MemoryUpload
from imagemill.object_store.port import ALWAYS, Condition, ObjectInfo
from imagemill.originals.description import DescriptionChanges
from imagemill.originals.values import version_of
from imagemill.recipe.model import FocalPoint
from imagemill.variants.memory import MemoryVariants


class GatedStore(MemoryStore):
    """A store whose commits wait for `gate` and fail with `failure` if one is given."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = asyncio.Event()
        self.gate.set()
        self.waiting = asyncio.Event()
        self.failure: ImagemillError | None = None

    async def begin(self) -> MemoryUpload:
        """Start an upload whose commit waits."""
        store = self

        class Gated(MemoryUpload):
            async def commit(
                self,
                key: str,
                *,
                content_type: str,
                condition: Condition = ALWAYS,
                metadata: Mapping[str, str] | None = None,
            ) -> ObjectInfo:
                store.waiting.set()
                await store.gate.wait()
                if store.failure is not None:
                    raise store.failure
                return await super().commit(key, content_type=content_type, condition=condition, metadata=metadata)

        return Gated(self)


async def assert_consistent(kit: Kit, key: str) -> None:
    """What this process believes, what the store has and what is published agree, also with a fresh process."""
    info = await kit.store.head(key)
    if info is None:
        assert kit.originals.peek(key) is None
        with pytest.raises(NotFound):
            await kit.originals.locate(key)
        assert await kit.variants.read_record("default", key) is None
        return
    original = await kit.originals.locate(key)
    assert original.info.etag == info.etag
    assert await kit.library().locate(key) == original
    assert await kit.keep(original, "fresh.webp")


def test_a_slow_make_of_a_replaced_original_is_dropped() -> None:
    """A variant finished after the replacement is neither kept nor found, whichever version is asked."""

    async def run() -> None:
        kit = Kit()
        old = await kit.put("x.png", picture("red"))
        opened = await kit.originals.open(old)  # the maker has its file open …
        new = await kit.put("x.png", picture("blue"))
        opened.close()
        assert not await kit.keep(old)  # … and is late
        assert not await kit.kept(old)
        assert not await kit.kept(new)
        await assert_consistent(kit, "x.png")

    asyncio.run(run())


def test_what_slips_through_is_swept_after_the_longest_make() -> None:
    """A second look removes even a variant that landed under the old version against the rules."""

    async def run() -> None:
        published: list[str] = []

        class Noting(MemoryVariants):
            async def publish(self, site: str, key: str, version: str, *, followed: bool = True) -> None:
                published.append(version)
                await super().publish(site, key, version, followed=followed)

        kit = Kit(variants=Noting(max_bytes=10**9, max_per_original=1000), settle_seconds=0.05)
        await kit.put("x.png", picture("red"))
        new = await kit.put("x.png", picture("blue"))
        published.clear()
        await until(lambda: published == [new.version])
        await kit.originals.close()

    asyncio.run(run())


def test_a_delete_is_not_undone_by_a_first_contact() -> None:
    """A look at the header that is under way when the original is deleted brings nothing back."""

    async def run() -> None:
        kit = Kit()
        await kit.lay("x.png", picture())
        kit.engine.gate.clear()
        contact = asyncio.create_task(kit.originals.locate("x.png"))
        await until(lambda: kit.engine.probes == 1)
        deletion = asyncio.create_task(kit.originals.delete("x.png"))
        await asyncio.sleep(0)
        kit.engine.gate.set()
        original = await contact
        assert await deletion
        assert not await kit.keep(original)
        await assert_consistent(kit, "x.png")

    asyncio.run(run())


def test_of_two_creators_one_wins() -> None:
    """Two uploads that demand that nothing is there: one creates, the other hears 412, and nothing is mixed."""

    async def run() -> None:
        kit = Kit()
        free = Condition(if_none_match=True)
        results = await asyncio.gather(
            kit.originals.put("x.png", pieces(picture("red")), condition=free),
            kit.originals.put("x.png", pieces(picture("blue")), condition=free),
            return_exceptions=True,
        )
        assert sorted(isinstance(one, PreconditionFailed) for one in results) == [False, True]
        await assert_consistent(kit, "x.png")

    asyncio.run(run())


def test_until_a_replacement_is_durable_the_old_original_is_served() -> None:
    """While the store is still writing the new bytes, the old original is found; afterwards only the new one."""

    async def run() -> None:
        store = GatedStore()
        kit = Kit(store=store)
        old = await kit.put("x.png", picture("red"))
        store.gate.clear()
        store.waiting.clear()
        putting = asyncio.create_task(kit.put("x.png", picture("blue")))
        await store.waiting.wait()
        assert kit.originals.peek("x.png") == old
        store.gate.set()
        new = await putting
        assert kit.originals.peek("x.png") == new

    asyncio.run(run())


def test_a_client_that_leaves_during_the_commit_changes_nothing_by_halves() -> None:
    """Cancelling while the store commits does not leave this process believing in the old original."""

    async def run() -> None:
        store = GatedStore()
        kit = Kit(store=store)
        old = await kit.put("x.png", picture("red"))
        store.gate.clear()
        store.waiting.clear()
        putting = asyncio.create_task(kit.put("x.png", picture("blue")))
        await store.waiting.wait()
        putting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await putting
        store.gate.set()
        await kit.originals.close()
        assert (await kit.originals.locate("x.png")).version != old.version
        await assert_consistent(kit, "x.png")

    asyncio.run(run())


def test_a_store_that_fails_to_commit_leaves_the_old_original_published() -> None:
    """When the disk is full at the last moment, the old original is served, kept and followed as before."""

    async def run() -> None:
        store = GatedStore()
        kit = Kit(store=store)
        old = await kit.put("x.png", picture("red"))
        store.failure = StorageFull("full")
        with pytest.raises(StorageFull):
            await kit.put("x.png", picture("blue"))
        with pytest.raises(StorageFull):
            await kit.put("new.png", picture("blue"))
        assert await kit.originals.locate("x.png") == old
        assert await kit.keep(old)
        assert await kit.keys() == ["x.png"]
        await assert_consistent(kit, "x.png")

    asyncio.run(run())


class Crash(BaseException):
    """The process ends here; nothing after it runs."""


class Fuse:
    """Ends the process at the first `step` after it was armed, and at every change after that."""

    def __init__(self, step: str) -> None:
        self.step = step
        self.armed = False
        self.dead = False

    def check(self, name: str) -> None:
        """Raise Crash when the time has come."""
        if self.armed and (self.dead or name == self.step):
            self.dead = True
            raise Crash


class DyingVariants(MemoryVariants):
    """Variants of a process that dies."""

    def __init__(self, fuse: Fuse) -> None:
        super().__init__(max_bytes=10**9, max_per_original=1000)
        self._fuse = fuse

    async def publish(self, site: str, key: str, version: str, *, followed: bool = True) -> None:
        """Publish if alive."""
        self._fuse.check("publish")
        await super().publish(site, key, version, followed=followed)

    async def write_record(self, site: str, key: str, record: bytes) -> str:
        """Write if alive."""
        self._fuse.check("write_record")
        return await super().write_record(site, key, record)

    async def withdraw(self, site: str, key: str) -> None:
        """Withdraw if alive."""
        self._fuse.check("withdraw")
        await super().withdraw(site, key)


class DyingStore(MemoryStore):
    """The store of a process that dies."""

    def __init__(self, fuse: Fuse) -> None:
        super().__init__()
        self._fuse = fuse

    async def delete(self, key: str, *, condition: Condition = ALWAYS) -> bool:
        """Delete if alive."""
        self._fuse.check("commit")
        return await super().delete(key, condition=condition)

    def put(
        self, key: str, data: bytes, content_type: str, condition: Condition, metadata: Mapping[str, str] | None
    ) -> ObjectInfo:
        """Store if alive."""
        self._fuse.check("commit")
        return super().put(key, data, content_type, condition, metadata)


CHANGES: dict[str, Callable[[Kit], Awaitable[object]]] = {
    "put": lambda kit: kit.put("x.png", picture("blue")),
    "describe": lambda kit: kit.originals.describe("x.png", DescriptionChanges(focal=FocalPoint(0, 0))),
    "delete": lambda kit: kit.originals.delete("x.png"),
}
STEPS = {
    "put": ("publish", "commit", "write_record"),
    "describe": ("publish", "write_record"),
    "delete": ("publish", "commit", "withdraw"),
}


@pytest.mark.parametrize(("change", "step"), [(change, step) for change, steps in STEPS.items() for step in steps])
def test_a_crash_between_any_two_steps_never_leaves_a_stale_variant(change: str, step: str) -> None:
    """After a crash at any step, what `current` leads to is empty or right, and a new process puts the rest right.

    The steps after the crash are cut off as well: from then on both stores refuse every change.
    """

    async def run() -> None:
        fuse = Fuse(step)
        kit = Kit(store=DyingStore(fuse), variants=DyingVariants(fuse))
        old = await kit.put("x.png", picture("red"))
        await kit.keep(old)
        fuse.armed = True
        with pytest.raises(Crash):
            await CHANGES[change](kit)
        fuse.armed = False
        info = await kit.store.head("x.png")
        if await kit.kept(old):  # what the web server would still answer
            assert info is not None
            assert version_of(info.etag, None) == old.version
        if info is not None:
            found = await kit.library().locate("x.png")
            assert found.info.etag == info.etag
            assert await kit.keep(found, "new.webp")
            assert found.version == old.version or not await kit.kept(old)

    asyncio.run(run())


@pytest.mark.parametrize("seed", range(20))
def test_any_mixture_of_changes_ends_in_one_truth(seed: int) -> None:
    """Many puts, deletes, descriptions and looks at two keys at once leave store, memory and versions agreeing."""

    async def run() -> None:
        dice = random.Random(seed)
        kit = Kit()

        async def one() -> None:
            key = dice.choice(["a.png", "b.png"])
            kind = dice.choice(["put", "put", "delete", "locate", "describe", "keep"])
            for _ in range(dice.randrange(5)):
                await asyncio.sleep(0)
            try:
                if kind == "put":
                    await kit.put(key, picture(dice.choice(["red", "blue", "green"])))
                elif kind == "delete":
                    await kit.originals.delete(key)
                elif kind == "describe":
                    await kit.originals.describe(key, DescriptionChanges(focal=FocalPoint(dice.random(), 0)))
                else:
                    original = await kit.originals.locate(key)
                    await asyncio.sleep(0)
                    await kit.keep(original)
            except NotFound:
                pass

        await asyncio.gather(*(one() for _ in range(60)))
        for key in ("a.png", "b.png"):
            await assert_consistent(kit, key)
            for info in await kit.variants.list("default", key):
                assert info.name.version == (await kit.originals.locate(key)).version

    asyncio.run(run())
