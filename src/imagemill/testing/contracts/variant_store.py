"""What every variant store promises, as tests. How an adapter joins is told in `contracts.object_store`."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager

from imagemill.errors import InvalidRequest
from imagemill.testing.contracts.object_store import UNUSUAL_KEYS, refused
from imagemill.variants.port import VariantName, VariantStore

Scenario = Callable[[VariantStore], Awaitable[None]]

SITE = "default"
KEY = "photos/cat.jpg"
OLD = "0123456789ab"
NEW = "ba9876543210"
LEAF = "w=300@webp.webp"


def name(leaf: str = LEAF, *, version: str = OLD, key: str = KEY, site: str = SITE) -> VariantName:
    """Return a variant's name."""
    return VariantName(site, key, version, leaf)


async def fetched(store: VariantStore, variant: VariantName) -> bytes | None:
    """Return the bytes of a variant, checking what is said of them."""
    kept = await store.fetch(variant)
    if kept is None:
        return None
    assert kept.etag == hashlib.sha256(kept.data).hexdigest()
    return kept.data


async def leaves(store: VariantStore, key: str = KEY) -> list[str]:
    """Return what is listed of a key."""
    return [info.name.leaf for info in await store.list(SITE, key)]


class VariantStoreContract:
    """The promises of `imagemill.variants.port.VariantStore`."""

    def opened(self, *, max_bytes: int, max_per_original: int) -> AbstractAsyncContextManager[VariantStore]:
        """Return an empty store with these limits, to be closed at the end."""
        raise NotImplementedError

    def check(self, scenario: Scenario, *, max_bytes: int = 1_000_000, max_per_original: int = 100) -> None:
        """Run `scenario` against an empty store."""

        async def run() -> None:
            async with self.opened(max_bytes=max_bytes, max_per_original=max_per_original) as store:
                await scenario(store)

        asyncio.run(run())

    def test_nothing_is_kept_before_publish(self) -> None:
        """A variant of a version that was never published is dropped, without an error."""

        async def scenario(store: VariantStore) -> None:
            assert await store.keep(name(), b"x") is False
            assert await store.fetch(name()) is None
            assert store.usage() == 0
            assert await leaves(store) == []

        self.check(scenario)

    def test_what_is_kept_is_fetched(self) -> None:
        """Bytes come back with their digest; a listing has them in byte order."""

        async def scenario(store: VariantStore) -> None:
            await store.publish(SITE, KEY, OLD)
            for leaf in ("w=300@webp.webp", "_@jpg.jpg", "w=20@webp.webp"):
                assert await store.keep(name(leaf), leaf.encode()) is True
            assert await fetched(store, name("_@jpg.jpg")) == b"_@jpg.jpg"
            assert await leaves(store) == ["_@jpg.jpg", "w=20@webp.webp", "w=300@webp.webp"]
            infos = await store.list(SITE, KEY)
            assert [info.size for info in infos] == [9, 14, 15]
            assert {info.name.version for info in infos} == {OLD}
            assert store.usage() == 38

        self.check(scenario)

    def test_when_it_was_made_is_kept(self) -> None:
        """A fetch tells the second that the first answer told, however much later it was kept."""

        async def scenario(store: VariantStore) -> None:
            await store.publish(SITE, KEY, OLD)
            assert await store.keep(name(), b"x", modified=1_700_000_000.75) is True
            kept = await store.fetch(name())
            assert kept is not None
            assert abs(kept.modified - 1_700_000_000.75) < 0.001

        self.check(scenario)

    def test_keeping_again_replaces(self) -> None:
        """Two makers of one variant are harmless: the last bytes stay, counted once."""

        async def scenario(store: VariantStore) -> None:
            await store.publish(SITE, KEY, OLD)
            for data in (b"first", b"second one", b"3"):
                assert await store.keep(name(), data)
            assert await fetched(store, name()) == b"3"
            assert store.usage() == 1

        self.check(scenario)

    def test_a_new_version_removes_the_old_one(self) -> None:
        """After publish the old version's variants are gone, and late makers of them are dropped."""

        async def scenario(store: VariantStore) -> None:
            await store.publish(SITE, KEY, OLD)
            await store.keep(name(), b"old")
            await store.publish(SITE, KEY, NEW)
            assert await store.fetch(name()) is None
            assert await store.keep(name(), b"late") is False
            assert await store.fetch(name()) is None
            assert await leaves(store) == []
            assert await store.keep(name(version=NEW), b"new")
            assert await fetched(store, name(version=NEW)) == b"new"
            assert store.usage() == 3

        self.check(scenario)

    def test_publishing_the_present_version_changes_nothing(self) -> None:
        """Publish may be repeated."""

        async def scenario(store: VariantStore) -> None:
            await store.publish(SITE, KEY, OLD)
            await store.keep(name(), b"x")
            await store.publish(SITE, KEY, OLD)
            assert await fetched(store, name()) == b"x"

        self.check(scenario)

    def test_an_old_version_may_come_back(self) -> None:
        """Version A, then B, then A again: the variants of the first A do not return."""

        async def scenario(store: VariantStore) -> None:
            await store.publish(SITE, KEY, OLD)
            await store.keep(name(), b"x")
            await store.publish(SITE, KEY, NEW)
            await store.publish(SITE, KEY, OLD)
            assert await store.fetch(name()) is None
            assert await store.keep(name(), b"y")

        self.check(scenario)

    def test_a_version_that_is_not_followed_is_kept_and_fetched(self) -> None:
        """A private original has variants like any other; what was followed before goes at once, both ways."""

        async def scenario(store: VariantStore) -> None:
            hidden = f"{OLD}-private"
            await store.publish(SITE, KEY, OLD)
            await store.keep(name(), b"open")
            await store.publish(SITE, KEY, hidden, followed=False)
            assert await store.fetch(name()) is None
            assert await store.keep(name(version=hidden), b"closed") is True
            assert await fetched(store, name(version=hidden)) == b"closed"
            assert await leaves(store) == [LEAF]
            await store.publish(SITE, KEY, OLD)
            assert await store.fetch(name(version=hidden)) is None
            assert await leaves(store) == []

        self.check(scenario)

    def test_withdraw_removes_everything_of_one_key(self) -> None:
        """Variants and record go; those of keys beside, above and below stay."""

        async def scenario(store: VariantStore) -> None:
            family = ("a", "a/b", "a/b/c", "a-b")
            for key in family:
                await store.publish(SITE, key, OLD)
                await store.keep(name(key=key), key.encode())
                await store.write_record(SITE, key, b"record")
            await store.withdraw(SITE, "a/b")
            await store.withdraw(SITE, "never there")
            assert await store.fetch(name(key="a/b")) is None
            assert await store.read_record(SITE, "a/b") is None
            assert await store.keep(name(key="a/b"), b"late") is False
            for key in ("a", "a/b/c", "a-b"):
                assert await fetched(store, name(key=key)) == key.encode()
                assert await store.read_record(SITE, key) == b"record"

        self.check(scenario)

    def test_records_are_opaque_bytes(self) -> None:
        """A record comes back as written, survives a new version, and needs no version."""

        async def scenario(store: VariantStore) -> None:
            assert await store.read_record(SITE, KEY) is None
            await store.write_record(SITE, KEY, b"\0\xff one")
            assert await leaves(store) == []
            await store.publish(SITE, KEY, OLD)
            await store.publish(SITE, KEY, NEW)
            assert await store.read_record(SITE, KEY) == b"\0\xff one"
            await store.write_record(SITE, KEY, b"two")
            assert await store.read_record(SITE, KEY) == b"two"
            assert store.usage() == 0

        self.check(scenario)

    def test_a_records_stamp_tells_every_change(self) -> None:
        """Other bytes have another stamp; what a write returns is what a look tells."""

        async def scenario(store: VariantStore) -> None:
            assert await store.record_stamp(SITE, KEY) is None
            one = await store.write_record(SITE, KEY, b"one")
            assert one
            assert await store.record_stamp(SITE, KEY) == one
            await store.publish(SITE, KEY, OLD)
            assert await store.record_stamp(SITE, KEY) == one
            two = await store.write_record(SITE, KEY, b"two")
            assert two != one
            assert await store.record_stamp(SITE, KEY) == two
            await store.withdraw(SITE, KEY)
            assert await store.record_stamp(SITE, KEY) is None

        self.check(scenario)

    def test_sites_are_apart(self) -> None:
        """The same key in two sites is two originals."""

        async def scenario(store: VariantStore) -> None:
            await store.publish("one", KEY, OLD)
            await store.publish("two", KEY, OLD)
            await store.keep(name(site="one"), b"1")
            assert await store.fetch(name(site="two")) is None
            assert await store.purge("two", prefix="") == 0
            await store.withdraw("two", KEY)
            assert await fetched(store, name(site="one")) == b"1"

        self.check(scenario)

    def test_an_original_has_its_share(self) -> None:
        """Beyond `max_per_original` a new variant is not kept; a present one can be replaced, a purge makes room."""

        async def scenario(store: VariantStore) -> None:
            await store.publish(SITE, KEY, OLD)
            results = [await store.keep(name(f"w={width}@jpg.jpg"), b"x") for width in range(6)]
            assert results == [True, True, True, False, False, False]
            assert await store.keep(name("w=0@jpg.jpg"), b"yy") is True
            assert store.usage() == 4
            assert await store.purge(SITE, key=KEY, leaf="w=1@jpg.jpg") == 1
            assert await store.keep(name("w=9@jpg.jpg"), b"x") is True
            assert await store.keep(name("w=8@jpg.jpg"), b"x") is False
            await store.publish(SITE, KEY, NEW)
            assert await store.keep(name("w=8@jpg.jpg", version=NEW), b"x") is True

        self.check(scenario, max_per_original=3)

    def test_the_whole_has_its_limit(self) -> None:
        """What is kept never passes `max_bytes`; the newest is kept, the oldest unread goes."""

        async def scenario(store: VariantStore) -> None:
            await store.publish(SITE, KEY, OLD)
            for number in range(30):
                assert await store.keep(name(f"w={number}@jpg.jpg"), bytes(1000))
                assert store.usage() <= 10_000
                await asyncio.sleep(0.011)  # file systems tell times apart by their clock's tick, 1 to 10 ms
            kept = await leaves(store)
            assert "w=29@jpg.jpg" in kept
            assert "w=0@jpg.jpg" not in kept
            assert store.usage() == 1000 * len(kept)
            assert await store.trim() == 0

        self.check(scenario, max_bytes=10_000)

    def test_what_is_larger_than_everything_is_not_kept(self) -> None:
        """A variant over `max_bytes` is dropped and pushes nothing out."""

        async def scenario(store: VariantStore) -> None:
            await store.publish(SITE, KEY, OLD)
            await store.keep(name("small.jpg"), b"x")
            assert await store.keep(name("large.jpg"), bytes(10_001)) is False
            assert await leaves(store) == ["small.jpg"]

        self.check(scenario, max_bytes=10_000)

    def test_purge_removes_variants_and_leaves_versions(self) -> None:
        """By leaf, by key, by prefix: the count is told, and the variant can be kept again."""

        async def scenario(store: VariantStore) -> None:
            family = ("a", "a/b", "a/c", "ab", "b", "x" * 300)
            for key in family:
                await store.publish(SITE, key, OLD)
                for leaf in ("one.jpg", "two.jpg"):
                    assert await store.keep(name(leaf, key=key), b"x")
            assert await store.purge(SITE, key="a", leaf="one.jpg") == 1
            assert await leaves(store, "a") == ["two.jpg"]
            assert await store.purge(SITE, key="a") == 1
            assert await store.purge(SITE, prefix="a/", leaf="two.jpg") == 2
            assert await store.purge(SITE, prefix="a") == 4
            assert await leaves(store, "ab") == []
            assert await store.purge(SITE, prefix="../") == 0
            assert await store.purge(SITE, prefix="") == 4
            assert store.usage() == 0
            for key in family:
                assert await store.keep(name("one.jpg", key=key), b"x")

        self.check(scenario)

    def test_a_purge_names_a_key_or_a_prefix(self) -> None:
        """Neither, or both, is refused in words."""

        async def scenario(store: VariantStore) -> None:
            await refused(InvalidRequest, store.purge(SITE))
            await refused(InvalidRequest, store.purge(SITE, key="a", prefix="a"))

        self.check(scenario)

    def test_unusual_keys_are_only_names(self) -> None:
        """Every legal key has its variants and its record, apart from those of all others."""

        async def scenario(store: VariantStore) -> None:
            for key in UNUSUAL_KEYS:
                await store.publish(SITE, key, OLD)
                assert await store.keep(name(key=key), key.encode())
                await store.write_record(SITE, key, key.encode())
            for key in UNUSUAL_KEYS:
                assert await fetched(store, name(key=key)) == key.encode()
                assert await store.read_record(SITE, key) == key.encode()
                assert await leaves(store, key) == [LEAF]
            for key in UNUSUAL_KEYS:
                await store.withdraw(SITE, key)
                assert await store.fetch(name(key=key)) is None
            assert store.usage() == 0

        self.check(scenario)

    def test_names_that_are_paths_are_refused(self) -> None:
        """Neither a leaf, a version nor a site can lead elsewhere."""

        async def scenario(store: VariantStore) -> None:
            await store.publish(SITE, KEY, OLD)
            for leaf in ("", ".", "..", "a/b", "../x", "x" * 256, "a\0b"):
                await refused(InvalidRequest, store.keep(name(leaf), b"x"))
            for version in ("", "..", "a/b", "current", "record.json", "../" + OLD):
                await refused(InvalidRequest, store.publish(SITE, KEY, version))
            for site in ("", ".", "..", ".tmp", ".trash", ".odd", "a/b"):
                await refused(InvalidRequest, store.publish(site, KEY, OLD))
            assert store.usage() == 0

        self.check(scenario)

    def test_keepers_and_publishers_at_once(self) -> None:
        """However keep, publish, purge and withdraw interleave, nothing of an old version is served afterwards."""

        async def scenario(store: VariantStore) -> None:
            versions = [f"{number:012x}" for number in range(10)]
            for version in versions:
                work: list[Awaitable[object]] = [store.publish(SITE, KEY, version)]
                work += [store.keep(name(f"{w}.jpg", version=v), v.encode()) for v in versions for w in range(3)]
                work += [store.purge(SITE, key=KEY), store.fetch(name("1.jpg", version=version))]
                await asyncio.gather(*work)
                for other in versions:
                    data = await fetched(store, name("1.jpg", version=other))
                    assert data is None or (data == version.encode() and other == version)
            assert store.usage() == sum(info.size for info in await store.list(SITE, KEY))
            keeps = [store.keep(name(f"{w}.jpg", version=versions[-1]), b"late") for w in range(20)]
            await asyncio.gather(store.withdraw(SITE, KEY), *keeps)
            assert await leaves(store) == []
            assert store.usage() == 0

        self.check(scenario)
