"""Variants in a bucket: away, damaged, shared by nodes, and makers that come late."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable

import pytest
from tests.variants.memory_bucket import MemoryBucket

from imagemill.errors import ImagemillError, Overloaded
from imagemill.object_store.s3.listing import ListedPage
from imagemill.testing.contracts.variant_store import KEY, LEAF, NEW, OLD, SITE, fetched, leaves, name
from imagemill.variants.homes import Homes
from imagemill.variants.port import Reads, VariantName
from imagemill.variants.remote import RemoteVariants
from imagemill.variants.remote_names import RemoteNames, parts_of, type_of

LONG = "long/" + "y" * 1000
OBJECT = f"{SITE}/{KEY}/~/{OLD}/{LEAF}"


def store_on(
    bucket: MemoryBucket, *, max_bytes: int = 1_000_000, share: int = 100, reads: Reads = dict
) -> RemoteVariants:
    """Return what a node has of a bucket."""
    return RemoteVariants(bucket, max_bytes=max_bytes, max_per_original=share, reads=reads)


def run(scenario: Callable[[MemoryBucket, RemoteVariants], Awaitable[None]]) -> MemoryBucket:
    """Run `scenario` with a node on an empty bucket; return that afterwards."""
    bucket = MemoryBucket()

    async def whole() -> None:
        store = store_on(bucket)
        try:
            await scenario(bucket, store)
        finally:
            bucket.away = False
            bucket.hold.clear()
            await store.close()

    asyncio.run(whole())
    return bucket


def test_objects_have_the_names_that_everybody_knows() -> None:
    """A variant lies under its name with its type and its digest; a record beside; a long key under a digest."""

    async def scenario(bucket: MemoryBucket, store: RemoteVariants) -> None:
        await store.publish(SITE, KEY, OLD)
        await store.keep(name(), b"bytes", modified=1_700_000_000.5)
        await store.write_record(SITE, KEY, b"{}")
        about = bucket.objects[OBJECT].about
        assert about.content_type == "image/webp"
        assert about.metadata == {
            "imagemill-sha256": hashlib.sha256(b"bytes").hexdigest(),
            "imagemill-modified": "1700000000.5",
        }
        assert bucket.objects[f"{SITE}/{KEY}/~/record.json"].data == b"{}"
        await store.publish(SITE, LONG, OLD)
        await store.keep(name(key=LONG), b"x")
        (text,) = (one.data for path, one in bucket.objects.items() if path.endswith("/key.txt"))
        assert text == f"{SITE}\n{LONG}".encode()

    bucket = run(scenario)
    assert all(len(path.encode()) <= 1024 for path in bucket.objects)


def test_what_a_rule_of_the_bucket_trims_is_told_from_records() -> None:
    """Where nothing is counted, variants are tagged for the bucket's lifecycle rule; what must stay never is."""

    async def tags(max_bytes: int | None) -> dict[str, dict[str, str]]:
        bucket = MemoryBucket()
        store = RemoteVariants(bucket, max_bytes=max_bytes, max_per_original=100)
        for key in (KEY, LONG):
            await store.publish(SITE, key, OLD)
            assert await store.keep(name(key=key), b"bytes")
            await store.write_record(SITE, key, b"{}")
        await store.close()
        return bucket.tags

    tagged = asyncio.run(tags(None))
    assert len(tagged) == 5, "two variants, two records and the text that says the long key"
    for path, its in tagged.items():
        assert its == ({"imagemill": "variant"} if path.endswith(LEAF) else {}), path
    assert not any(asyncio.run(tags(1_000_000)).values()), "not every store that speaks S3 has tags"


def test_names_are_read_back() -> None:
    """What is a variant's object and what is not; types by extension."""
    assert parts_of(OBJECT) == (f"{SITE}/{KEY}/~/", OLD, LEAF)
    for path in (f"{SITE}/{KEY}/~/record.json", "a/b/c", ".imagemill/site/purges.json", f"{SITE}/{KEY}/~/{OLD}/"):
        assert parts_of(path) is None
    assert [type_of(leaf) for leaf in ("w=1.jpg", "_@avif.avif", "odd")] == [
        "image/jpeg",
        "image/avif",
        "application/octet-stream",
    ]
    assert RemoteNames(900).is_odd(SITE, KEY)
    assert not RemoteNames(0).is_odd(SITE, KEY)


def test_a_damaged_variant_is_never_returned() -> None:
    """Other bytes than were kept, and bytes without a digest: a miss, and the object goes."""

    async def scenario(bucket: MemoryBucket, store: RemoteVariants) -> None:
        await store.publish(SITE, KEY, OLD)
        await store.keep(name(), b"the bytes")
        bucket.damage(OBJECT)
        assert await store.fetch(name()) is None
        assert OBJECT not in bucket.objects
        assert store.usage() == 0
        await bucket.place(OBJECT, b"somebody else's", content_type="image/webp")
        assert await store.fetch(name()) is None
        assert await store.keep(name(), b"made again")
        assert await fetched(store, name()) == b"made again"

    run(scenario)


def test_a_bucket_that_is_away_fails_no_answer() -> None:
    """A fetch is a miss, a keep is dropped, without an error; those who maintain the store are told."""

    async def scenario(bucket: MemoryBucket, store: RemoteVariants) -> None:
        await store.publish(SITE, KEY, OLD)
        await store.keep(name(), b"x")
        bucket.away = True
        assert await store.fetch(name()) is None
        assert await store.keep(name("other.webp"), b"y") is False
        await store.publish(SITE, "first/sight.jpg", OLD)
        assert await store.keep(name(key="first/sight.jpg"), b"z") is False
        for work in (
            store.publish(SITE, KEY, NEW),
            store.withdraw(SITE, KEY),
            store.purge(SITE, key=KEY),
            store.purge(SITE, prefix=""),
            store.read_record(SITE, KEY),
            store.record_stamp(SITE, KEY),
            store.write_record(SITE, KEY, b"{}"),
            store.list(SITE, "first/sight.jpg"),
        ):
            with pytest.raises(Overloaded):
                await work
        assert await store.trim() == 0
        bucket.away = False
        await store.settled()
        assert store.usage() == 1, "what was dropped is not counted"
        assert await store.keep(name(key="first/sight.jpg"), b"z")

    run(scenario)


@pytest.mark.parametrize("overtaking", ["publish", "withdraw", "purge", "purge leaf", "purge prefix"])
@pytest.mark.parametrize("verb", ["place", "placed"])
def test_a_keep_that_is_overtaken_leaves_nothing(overtaking: str, verb: str) -> None:
    """Whatever removes a variant while it is being written: when both are done it is not there, and is not counted."""

    async def scenario(bucket: MemoryBucket, store: RemoteVariants) -> None:
        await store.publish(SITE, KEY, OLD)
        await store.keep(name("other.webp"), b"stays or goes")
        await store.settled()
        gate = bucket.hold[verb] = asyncio.Event()
        keeping = asyncio.ensure_future(store.keep(name(), b"late"))
        while bucket.calls[-1] != verb:
            await asyncio.sleep(0)
        work: dict[str, Callable[[], Awaitable[object]]] = {
            "publish": lambda: store.publish(SITE, KEY, NEW),
            "withdraw": lambda: store.withdraw(SITE, KEY),
            "purge": lambda: store.purge(SITE, key=KEY),
            "purge leaf": lambda: store.purge(SITE, key=KEY, leaf=LEAF),
            "purge prefix": lambda: store.purge(SITE, prefix="photos/"),
        }
        await work[overtaking]()
        gate.set()
        assert await keeping is False
        assert await store.fetch(name()) is None
        assert store.usage() == sum(len(one.data) for one in bucket.objects.values())
        assert (await leaves(store) == ["other.webp"]) is (overtaking == "purge leaf")

    run(scenario)


def test_nodes_share_what_they_keep() -> None:
    """What one kept the other fetches; records and stamps are one; what one publishes, the other's old ones go."""

    async def scenario(bucket: MemoryBucket, one: RemoteVariants) -> None:
        other = store_on(bucket)
        await one.publish(SITE, KEY, OLD)
        await other.publish(SITE, KEY, OLD)
        assert await one.keep(name(), b"made by one")
        assert await fetched(other, name()) == b"made by one"
        stamp = await one.write_record(SITE, KEY, b"said by one")
        assert await other.record_stamp(SITE, KEY) == stamp
        assert await other.read_record(SITE, KEY) == b"said by one"
        await one.publish(SITE, KEY, NEW)
        assert await other.keep(name("late.webp"), b"the other does not know yet")
        assert await one.fetch(name()) is None
        await one.publish(SITE, KEY, NEW)  # the second look after a change
        assert [path for path in bucket.objects if OLD in path] == []
        await other.close()

    run(scenario)


def test_a_restarted_node_finds_what_is_there() -> None:
    """Counted again, listed, within the share of each original; old versions that a crash left go at first sight."""

    async def scenario(bucket: MemoryBucket, before: RemoteVariants) -> None:
        await before.publish(SITE, KEY, OLD)
        for leaf in ("1.jpg", "2.jpg"):
            await before.keep(name(leaf), b"xx")
        await bucket.place(f"{SITE}/{KEY}/~/{NEW}/left.jpg", b"left", content_type="image/jpeg")
        after = store_on(bucket, share=2)
        await after.publish(SITE, KEY, OLD)
        await after.settled()
        assert await leaves(after) == ["1.jpg", "2.jpg"]
        assert f"{SITE}/{KEY}/~/{NEW}/left.jpg" not in bucket.objects
        assert await after.keep(name("3.jpg"), b"x") is False
        assert await after.keep(name("2.jpg"), b"x") is True
        await after.trim()
        assert after.usage() == 3
        await after.close()

    run(scenario)


def test_what_was_read_lately_stays() -> None:
    """A trim removes the longest unread; hits in the memory in front count, as told before it."""
    read: dict[VariantName, int] = {}

    async def scenario() -> None:
        bucket = MemoryBucket()
        store = store_on(bucket, max_bytes=10_000, reads=lambda: read)
        await store.publish(SITE, KEY, OLD)
        for number in range(10):
            assert await store.keep(name(f"{number}.jpg"), bytes(1000))
        assert await store.fetch(name("0.jpg")) is not None
        last = max(int(one.about.modified * 1e9) for one in bucket.objects.values())
        read[name("1.jpg")] = last + 10**12
        assert await store.keep(name("new.jpg"), bytes(1000))
        there = await leaves(store)
        assert {"0.jpg", "1.jpg", "new.jpg"} <= set(there)
        assert "2.jpg" not in there
        assert store.usage() == 1000 * len(there) <= 10_000
        await store.close()

    asyncio.run(scenario())


def test_what_is_remembered_of_originals_is_bounded() -> None:
    """The originals and sizes used longest ago are forgotten first; sums of what is remembered stay right."""
    homes = Homes(most_homes=2, most_leaves=3)
    for number in range(3):
        homes.add((SITE, str(number)), OLD)
    assert homes.get((SITE, "0")) is None
    one, two = homes.get((SITE, "1")), homes.get((SITE, "2"))
    assert one is not None
    assert two is not None
    homes.know(one, {"a": 1, "b": 2})
    assert homes.keep(one, "a", 5) == 1
    assert homes.keep(one, "c", 1) == 0
    homes.know(two, {"a": 1})
    assert one.leaves is None
    assert two.leaves == {"a": 1}
    assert homes.drop(two, "a") == 1
    assert homes.drop(two, "a") == 0
    homes.know(two, {"a": 1, "b": 1, "c": 1})
    assert homes.change(two, NEW) == {"a": 1, "b": 1, "c": 1}
    homes.know(one, {"a": 1, "b": 1, "c": 1})
    assert one.leaves is not None
    assert homes.remove((SITE, "1")) is one
    assert homes.remove((SITE, "1")) is None


def test_a_trim_that_fails_is_no_error_of_a_keep() -> None:
    """Where room cannot be made because the bucket is away, the variant is not kept."""

    async def scenario() -> None:
        bucket = MemoryBucket()
        store = store_on(bucket, max_bytes=1000)
        await store.publish(SITE, KEY, OLD)
        assert await store.keep(name("1.jpg"), bytes(1000))
        await store.settled()
        bucket.away = True
        assert await store.keep(name("2.jpg"), bytes(1000)) is False
        bucket.away = False
        assert await store.keep(name("2.jpg"), bytes(1000)) is True
        assert await leaves(store) == ["2.jpg"]
        await store.close()

    asyncio.run(scenario())


def test_no_error_but_ours_leaves_the_store() -> None:
    """A bucket that is not there, and one that denies, are said in a sentence."""
    from imagemill.object_store.s3.failures import Denied, Missing

    class Refusing(MemoryBucket):
        error: Exception = Missing(bucket=True)

        async def _turn(self, verb: str) -> None:
            raise self.error

    async def scenario() -> None:
        for error in (Missing(bucket=True), Denied("AccessDenied")):
            bucket = Refusing()
            bucket.error = error
            store = store_on(bucket)
            assert await store.fetch(name()) is None
            await store.publish(SITE, KEY, OLD)
            assert await store.keep(name(), b"x") is False
            for work in (store.read_record(SITE, KEY), store.withdraw(SITE, KEY), store.purge(SITE, prefix="a")):
                with pytest.raises(ImagemillError) as caught:
                    await work
                assert caught.value.sentence.endswith(".")
            await store.close()

    asyncio.run(scenario())


class Listed(MemoryBucket):
    """A bucket that notes which parts of it were listed."""

    def __init__(self) -> None:
        super().__init__()
        self.prefixes: set[str] = set()

    async def page(self, prefix: str = "", *, delimiter: str = "", after: str = "", limit: int = 3) -> ListedPage:
        """Note and list."""
        self.prefixes.add(prefix)
        return await super().page(prefix, delimiter=delimiter, after=after, limit=limit)


@pytest.mark.parametrize(("max_bytes", "whole"), [(None, False), (1_000_000, True)])
def test_what_is_not_counted_is_never_listed_as_a_whole(max_bytes: int | None, *, whole: bool) -> None:
    """Without a limit nothing is listed but an original's own place, whose bound stays; trimming is not ours then."""

    async def scenario() -> None:
        bucket = Listed()
        store = RemoteVariants(bucket, max_bytes=max_bytes, max_per_original=2)
        await store.publish(SITE, KEY, OLD)
        for number in range(3):
            await store.keep(name(f"w={number + 1}.webp"), b"bytes")
        await store.settled()
        assert await store.trim() == 0
        assert len(await leaves(store)) == 2
        await store.close()
        assert ("" in bucket.prefixes) is whole
        assert f"{SITE}/{KEY}/~/" in bucket.prefixes

    asyncio.run(scenario())
