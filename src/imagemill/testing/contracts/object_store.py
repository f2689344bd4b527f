"""What every object store promises, as tests.

An adapter joins by a subclass in its own test file, with a name that pytest collects:

    class TestMyStore(ObjectStoreContract):
        @asynccontextmanager
        async def opened(self) -> AsyncIterator[ObjectStore]:
            store = MyStore(...)       # empty, and another one each time
            yield store
            await store.close()

Needs no pytest to be imported. Each test runs in an event loop of its own.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager

from imagemill.errors import Conflict, InvalidRequest, PreconditionFailed
from imagemill.object_store.port import ALWAYS, Condition, ObjectInfo, ObjectStore, Upload

Scenario = Callable[[ObjectStore], Awaitable[None]]

NEW_ONLY = Condition(if_none_match=True)
ANY_PRESENT = Condition(if_match=("*",))
NO_ETAG = "0" * 64

UNUSUAL_KEYS = (
    "x.gif[n=-1]",
    "-rf.jpg",
    ".htaccess",
    "..jpg",
    "a.jpg ",
    " a.jpg",
    "a.jpg.",
    "con.jpg",
    "a?b#c.jpg",
    "a%2Fb.jpg",
    "a+b.jpg",
    "é.jpg",
    "e\u0301.jpg",
    "STRASSE.jpg",
    "strasse.jpg",
    "\U0001f469\u200d\U0001f4bb.jpg",
    "x" * 255,
    "x" * 256,
    "é" * 128,
    "deep/" * 200 + "x",
    "long/" + "y" * 1000,
    ".Imagemill/x.jpg",
    "photos/.imagemill/x.jpg",
    "photos/admin.key",
)
"""Keys that are legal and that some store or path could trip over."""


async def put(
    store: ObjectStore,
    key: str,
    data: bytes,
    condition: Condition = ALWAYS,
    content_type: str = "image/png",
    metadata: Mapping[str, str] | None = None,
) -> ObjectInfo:
    """Upload `data` in two chunks."""
    upload = await store.begin()
    await upload.write(data[: len(data) // 2])
    await upload.write(data[len(data) // 2 :])
    return await upload.commit(key, content_type=content_type, condition=condition, metadata=metadata)


async def read(store: ObjectStore, key: str) -> bytes | None:
    """Return the bytes of `key`, checking that everything said of them is true."""
    opened = await store.open(key)
    head = await store.head(key)
    if opened is None:
        assert head is None, "head knows an object that open does not"
        assert await store.stamp(key) is None, "a stamp without an object"
        return None
    try:
        data = read_descriptor(opened.fileno())
        assert opened.info.size == len(data)
        assert opened.info.etag == hashlib.sha256(data).hexdigest()
        assert head == opened.info
        assert await store.stamp(key) == opened.info.stamp
        return data
    finally:
        opened.close()


def read_descriptor(descriptor: int) -> bytes:
    """Return all bytes of an open descriptor, wherever it stands."""
    chunks = []
    offset = 0
    while chunk := os.pread(descriptor, 1 << 20, offset):
        chunks.append(chunk)
        offset += len(chunk)
    return b"".join(chunks)


async def keys(store: ObjectStore, prefix: str = "", delimiter: str = "", limit: int = 1000) -> list[str]:
    """Return all keys and common prefixes, page by page, in the order they come."""
    found: list[str] = []
    after = ""
    while True:
        page = await store.list(prefix, delimiter=delimiter, after=after, limit=limit)
        lines = sorted([info.key for info in page.objects] + list(page.prefixes))
        assert len(lines) <= limit, "a page holds more than was asked for"
        assert [info.key for info in page.objects] == sorted(info.key for info in page.objects), (
            "a page is out of order"
        )
        found += lines
        if page.next_after is None:
            return found
        assert page.next_after >= max([after, *lines]), "the next page would begin before this one's end"
        after = page.next_after


async def refused(error: type[Exception], work: Awaitable[object]) -> None:
    """Check that `work` raises `error`."""
    try:
        await work
    except error:
        return
    raise AssertionError(f"{error.__name__} was expected, and nothing was raised")


class ObjectStoreContract:
    """The promises of `imagemill.object_store.port.ObjectStore`."""

    def opened(self) -> AbstractAsyncContextManager[ObjectStore]:
        """Return an empty store, to be closed at the end."""
        raise NotImplementedError

    def holds(self, names: Sequence[str]) -> list[str]:
        """Return those of `names` that can be kept side by side: all of them, but on a server that keeps files.

        The gateway to a folder has neither long names nor a file and a folder of one name; that is the server's limit,
        which our adapter hands on as a refusal (Conflict or Overloaded) with nothing changed.
        """
        return list(names)

    def check(self, scenario: Scenario) -> None:
        """Run `scenario` against an empty store."""

        async def run() -> None:
            async with self.opened() as store:
                await scenario(store)

        asyncio.run(run())

    def test_an_empty_store_has_nothing(self) -> None:
        """Nothing is found, listed or removed where nothing was put."""

        async def scenario(store: ObjectStore) -> None:
            assert await read(store, "a/b.png") is None
            assert await store.delete("a/b.png") is False
            page = await store.list()
            assert (page.objects, page.prefixes, page.next_after) == ((), (), None)

        self.check(scenario)

    def test_what_is_put_is_found(self) -> None:
        """Bytes, digest, type and metadata come back, from commit, head, open and list alike."""

        async def scenario(store: ObjectStore) -> None:
            info = await put(store, "a/b.png", b"hello", metadata={"owner": "me"})
            assert (info.key, info.size, info.content_type) == ("a/b.png", 5, "image/png")
            assert dict(info.metadata) == {"owner": "me"}
            assert await read(store, "a/b.png") == b"hello"
            assert await store.head("a/b.png") == info
            listed = (await store.list()).objects
            assert [(line.key, line.size) for line in listed] == [("a/b.png", 5)]
            assert listed[0].etag in ("", info.etag)

        self.check(scenario)

    def test_an_object_may_be_empty(self) -> None:
        """No bytes are bytes too."""

        async def scenario(store: ObjectStore) -> None:
            await put(store, "nothing", b"")
            assert await read(store, "nothing") == b""

        self.check(scenario)

    def test_a_replacement_is_seen_at_once_and_whole(self) -> None:
        """After commit the new object is there with its own metadata, another etag and another stamp."""

        async def scenario(store: ObjectStore) -> None:
            old = await put(store, "k", b"old bytes", metadata={"old": "1"})
            new = await put(store, "k", b"new bytes", content_type="image/webp")
            assert await read(store, "k") == b"new bytes"
            assert new.etag != old.etag
            assert new.stamp != old.stamp
            head = await store.head("k")
            assert head is not None
            assert (head.content_type, dict(head.metadata)) == ("image/webp", {})

        self.check(scenario)

    def test_an_open_object_keeps_its_bytes(self) -> None:
        """Neither replacing nor deleting touches an object that is open."""

        async def scenario(store: ObjectStore) -> None:
            await put(store, "k", b"first")
            opened = await store.open("k")
            assert opened is not None
            await put(store, "k", b"second")
            assert read_descriptor(opened.fileno()) == b"first"
            await store.delete("k")
            assert read_descriptor(opened.fileno()) == b"first"
            opened.close()
            opened.close()

        self.check(scenario)

    def test_opening_what_is_known_never_gives_old_bytes(self) -> None:
        """What was seen before saves work only while it is still true."""

        async def scenario(store: ObjectStore) -> None:
            await put(store, "k", b"first")
            known = await store.head("k")
            assert known is not None
            same = await store.open("k", known=known)
            assert same is not None
            assert (read_descriptor(same.fileno()), same.info.etag) == (b"first", known.etag)
            same.close()
            await put(store, "k", b"second")
            other = await store.open("k", known=known)
            assert other is not None
            assert read_descriptor(other.fileno()) == b"second"
            assert other.info.etag != known.etag
            other.close()
            await store.delete("k")
            assert await store.open("k", known=known) is None

        self.check(scenario)

    def test_an_upload_is_invisible_before_its_commit(self) -> None:
        """Nothing is found or listed of a running upload, nor of one that was given up."""

        async def scenario(store: ObjectStore) -> None:
            upload = await store.begin()
            await upload.write(b"half")
            assert (await store.list()).objects == ()
            await upload.abort()
            await upload.abort()
            assert (await store.list()).objects == ()

        self.check(scenario)

    def test_an_upload_tells_its_size_and_digest_as_it_goes(self) -> None:
        """Size and SHA-256 are those of the bytes so far, and a descriptor shows them."""

        async def scenario(store: ObjectStore) -> None:
            upload = await store.begin()
            sent = b""
            for chunk in (b"one", b"", b"two" * 100_000):
                await upload.write(chunk)
                sent += chunk
                assert upload.size == len(sent)
                assert upload.sha256 == hashlib.sha256(sent).hexdigest()
                assert read_descriptor(upload.fileno()) == sent
            await upload.commit("k", content_type="image/png")
            await upload.abort()
            assert await read(store, "k") == sent

        self.check(scenario)

    def test_who_checks_an_upload_cannot_change_it(self) -> None:
        """Writing to the descriptor of an upload or an object fails, or changes nothing."""

        async def scenario(store: ObjectStore) -> None:
            upload = await store.begin()
            await upload.write(b"checked")
            with contextlib.suppress(OSError):
                os.pwrite(upload.fileno(), b"altered", 0)
            await upload.commit("k", content_type="image/png")
            opened = await store.open("k")
            assert opened is not None
            with contextlib.suppress(OSError):
                os.pwrite(opened.fileno(), b"altered", 0)
            opened.close()
            assert await read(store, "k") == b"checked"

        self.check(scenario)

    def test_if_none_match_protects_what_is_there(self) -> None:
        """A create succeeds once; the second changes nothing and leaves nothing."""

        async def scenario(store: ObjectStore) -> None:
            await put(store, "k", b"first", NEW_ONLY)
            await refused(PreconditionFailed, put(store, "k", b"second", NEW_ONLY))
            assert await read(store, "k") == b"first"
            assert await keys(store) == ["k"]
            await store.delete("k")
            await put(store, "k", b"third", NEW_ONLY)
            assert await read(store, "k") == b"third"

        self.check(scenario)

    def test_if_match_compares_etags(self) -> None:
        """An update succeeds with the present etag or "*", and with nothing else."""

        async def scenario(store: ObjectStore) -> None:
            await refused(PreconditionFailed, put(store, "k", b"x", ANY_PRESENT))
            await refused(PreconditionFailed, put(store, "k", b"x", Condition(if_match=(NO_ETAG,))))
            first = await put(store, "k", b"first")
            await refused(PreconditionFailed, put(store, "k", b"x", Condition(if_match=(NO_ETAG,))))
            await refused(PreconditionFailed, put(store, "k", b"x", Condition(if_match=())))
            second = await put(store, "k", b"second", Condition(if_match=(NO_ETAG, first.etag)))
            await refused(PreconditionFailed, put(store, "k", b"x", Condition(if_match=(first.etag,))))
            await put(store, "k", b"third", ANY_PRESENT)
            await refused(PreconditionFailed, put(store, "k", b"x", Condition(if_match=(second.etag,))))
            assert await read(store, "k") == b"third"

        self.check(scenario)

    def test_a_delete_obeys_conditions(self) -> None:
        """A delete with the wrong etag removes nothing; with the right one it does."""

        async def scenario(store: ObjectStore) -> None:
            await refused(PreconditionFailed, store.delete("k", condition=ANY_PRESENT))
            info = await put(store, "k", b"x")
            await refused(PreconditionFailed, store.delete("k", condition=Condition(if_match=(NO_ETAG,))))
            assert await read(store, "k") == b"x"
            assert await store.delete("k", condition=Condition(if_match=(info.etag,))) is True
            assert await store.delete("k") is False
            assert await read(store, "k") is None

        self.check(scenario)

    def test_of_many_creators_one_wins(self) -> None:
        """Eight creates of one key at once: one succeeds, and its bytes are there."""

        async def scenario(store: ObjectStore) -> None:
            work = [put(store, "k", b"%d" % number, NEW_ONLY) for number in range(8)]
            results = await asyncio.gather(*work, return_exceptions=True)
            winners = [result for result in results if isinstance(result, ObjectInfo)]
            assert len(winners) == 1
            assert all(isinstance(result, ObjectInfo | PreconditionFailed) for result in results)
            data = await read(store, "k")
            assert data is not None
            assert hashlib.sha256(data).hexdigest() == winners[0].etag

        self.check(scenario)

    def test_of_many_updaters_one_wins(self) -> None:
        """Eight updates of one etag at once: one succeeds."""

        async def scenario(store: ObjectStore) -> None:
            base = await put(store, "k", b"base")
            work = [put(store, "k", b"%d" % number, Condition(if_match=(base.etag,))) for number in range(8)]
            results = await asyncio.gather(*work, return_exceptions=True)
            assert sum(isinstance(result, ObjectInfo) for result in results) == 1
            assert sum(isinstance(result, PreconditionFailed) for result in results) == 7

        self.check(scenario)

    def test_writers_at_once_leave_one_whole_object(self) -> None:
        """Puts and deletes of one key and its neighbours at once: what stays is one of them, whole."""

        async def scenario(store: ObjectStore) -> None:
            bodies = [bytes([65 + number]) * 70_000 for number in range(12)]
            work: list[Awaitable[object]] = [put(store, "f/k", body) for body in bodies]
            work += [put(store, "f/neighbour", b"n"), store.delete("f/k"), store.delete("f/neighbour")] * 4
            await asyncio.gather(*work)
            assert await read(store, "f/k") in [None, *bodies]
            await put(store, "f/k", bodies[0])
            assert await read(store, "f/k") == bodies[0]

        self.check(scenario)

    def test_one_key_may_begin_another(self) -> None:
        """`a`, `a/b` and `a/b/c` are three objects, whatever comes or goes first."""

        async def scenario(store: ObjectStore) -> None:
            if len(self.holds(["a", "a/b"])) == 1:
                await put(store, "a", b"first")
                await refused(Conflict, put(store, "a/b", b"second"))
                assert await keys(store) == ["a"]
                assert await read(store, "a") == b"first"
                return
            for order in (["a", "a/b", "a/b/c"], ["a/b/c", "a/b", "a"], ["a/b", "a", "a/b/c"]):
                for key in order:
                    await put(store, key, key.encode())
                assert await keys(store) == ["a", "a/b", "a/b/c"]
                assert await keys(store, delimiter="/") == ["a", "a/"]
                for index, key in enumerate(order):
                    assert await read(store, key) == key.encode()
                    await put(store, key, b"again")
                    assert await store.delete(key) is True
                    assert await read(store, key) is None
                    assert await keys(store) == sorted(order[index + 1 :])

        self.check(scenario)

    def test_unusual_keys_are_only_names(self) -> None:
        """Every legal key can be put, found, listed and removed, byte for byte."""

        async def scenario(store: ObjectStore) -> None:
            unusual = self.holds(UNUSUAL_KEYS)
            for key in unusual:
                await put(store, key, key.encode())
            assert await keys(store) == sorted(unusual)
            for key in unusual:
                assert await read(store, key) == key.encode()
            for key in unusual:
                assert await store.delete(key) is True
            assert await keys(store) == []

        self.check(scenario)

    def test_listing_is_in_byte_order_and_pages_are_complete(self) -> None:
        """Pages of any size show each key once, in byte order, which is not the order of a walk."""

        async def scenario(store: ObjectStore) -> None:
            names = [
                "a-b",
                "a.jpg",
                "a/1",
                "a/1/x",
                "a/1-x",
                "a/2",
                "a0",
                "b",
                "b/~x",
                "ä",
                "z",
                "a//".strip("/") + "!",
            ]
            names = self.holds(names)
            for name in names:
                await put(store, name, b"x")
            for limit in (1, 2, 3, 5, 1000):
                assert await keys(store, limit=limit) == sorted(names)
            below = [name for name in ("a/1", "a/1-x", "a/1/x", "a/2") if name in names]
            assert await keys(store, prefix="a/", limit=2) == below
            assert await keys(store, prefix="a/1", limit=1) == below[:-1]
            assert await keys(store, prefix="a/1/") == [name for name in below if name == "a/1/x"]
            for nowhere in ("nowhere", "a/1/x/", "../", "a//", "/", "~/", "a\0/"):
                assert await keys(store, prefix=nowhere) == []

        self.check(scenario)

    def test_a_delimiter_folds_keys_into_prefixes(self) -> None:
        """Keys that have the delimiter after the prefix are told once, by their common prefix."""

        async def scenario(store: ObjectStore) -> None:
            for name in ("a/1", "a/2/x", "a/2/y", "a-b", "b--1", "b--2", "c"):
                await put(store, name, b"x")
            for limit in (1, 2, 1000):
                assert await keys(store, delimiter="/", limit=limit) == ["a-b", "a/", "b--1", "b--2", "c"]
                assert await keys(store, prefix="a/", delimiter="/", limit=limit) == ["a/1", "a/2/"]
                assert await keys(store, delimiter="--", limit=limit) == ["a-b", "a/1", "a/2/x", "a/2/y", "b--", "c"]
            page = await store.list(delimiter="/")
            assert page.prefixes == ("a/",)
            assert (await store.list(delimiter="/", after="a/")).prefixes == ()

        self.check(scenario)

    def test_a_listing_starts_after_any_text(self) -> None:
        """`after` need not be a key; only what is greater is listed."""

        async def scenario(store: ObjectStore) -> None:
            names = self.holds(["a", "a/b", "a/b/c", "b", "c/d"])
            for name in names:
                await put(store, name, b"x")
            for after in ("", "a", "a/", "a/a", "a/b", "a/b/", "a/b/c", "a/b/c/", "a0", "b", "c", "c/d", "d"):
                page = await store.list(after=after)
                assert [info.key for info in page.objects] == [name for name in names if name > after], after

        self.check(scenario)

    def test_a_page_has_a_size(self) -> None:
        """A page of none, or of more than a thousand, is refused in words."""

        async def scenario(store: ObjectStore) -> None:
            for limit in (0, -1, 1001):
                await refused(InvalidRequest, store.list(limit=limit))

        self.check(scenario)

    def test_equal_bytes_are_separate_objects(self) -> None:
        """Deleting one of two equal objects leaves the other."""

        async def scenario(store: ObjectStore) -> None:
            one, two = await put(store, "one", b"same"), await put(store, "two", b"same")
            assert one.etag == two.etag
            await store.delete("one")
            assert await read(store, "two") == b"same"

        self.check(scenario)

    def test_an_upload_is_over_once(self) -> None:
        """After commit, a failed one too, an upload takes nothing more."""

        async def scenario(store: ObjectStore) -> None:
            await put(store, "k", b"x")
            for condition in (ALWAYS, NEW_ONLY):
                upload = await store.begin()
                await upload.write(b"y")
                with contextlib.suppress(PreconditionFailed):
                    await upload.commit("k", content_type="image/png", condition=condition)
                await refused(RuntimeError, upload.write(b"z"))
                await refused(RuntimeError, upload.commit("k", content_type="image/png"))
            assert await read(store, "k") == b"y"

        self.check(scenario)

    def test_a_cancelled_commit_leaves_old_or_new(self) -> None:
        """Whenever the client hangs up, the object is whole, and the key is free for the next."""

        async def scenario(store: ObjectStore) -> None:
            await put(store, "k", b"old")
            for turns in range(12):
                upload = await store.begin()
                await upload.write(b"new")
                task = asyncio.ensure_future(_commit(upload, "k"))
                for _ in range(turns):
                    await asyncio.sleep(0)
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await task
                assert await read(store, "k") in (b"old", b"new")
                await put(store, "k", b"old")
                assert await keys(store) == ["k"]

        self.check(scenario)

    def test_a_sweep_takes_only_leftovers(self) -> None:
        """Objects and running uploads survive a sweep of any age."""

        async def scenario(store: ObjectStore) -> None:
            await put(store, "k", b"x")
            upload = await store.begin()
            await upload.write(b"running")
            assert await store.sweep(0) == 0
            await upload.write(b" on")
            await upload.commit("later", content_type="image/png")
            assert await read(store, "k") == b"x"
            assert await read(store, "later") == b"running on"

        self.check(scenario)


async def _commit(upload: Upload, key: str) -> ObjectInfo:
    return await upload.commit(key, content_type="image/png")
