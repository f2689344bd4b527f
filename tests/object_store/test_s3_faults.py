"""A bucket behind a network that fails: bounded retries, no half object, no double one, and a way back."""

from __future__ import annotations

import asyncio
import hashlib
import os
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.object_store.s3_servers import S3Server
from tests.servers.fault_proxy import (
    BROKEN,
    BUSY,
    GONE_AFTER,
    GONE_BEFORE,
    HALF,
    SILENT,
    SKEWED,
    Fault,
    FaultProxy,
    fault_proxy,
)

from imagemill.errors import ImagemillError, Overloaded, PreconditionFailed, StoreTooSlow
from imagemill.object_store.guard import ATTEMPTS, FAILURES
from imagemill.object_store.port import ALWAYS, Condition, ObjectInfo
from imagemill.object_store.s3.store import S3Objects

NEW_ONLY = Condition(if_none_match=True)
BODY = os.urandom(300_000)
OTHER = os.urandom(200_000)


@pytest.fixture
def proxy(versity_s3: S3Server) -> Iterator[FaultProxy]:
    """A proxy in front of a server that checks signatures."""
    with fault_proxy(versity_s3.url) as running:
        yield running


class Place:
    """A bucket as we see it through the proxy, and as it is."""

    def __init__(self, server: S3Server, proxy: FaultProxy, spool: Path) -> None:
        self.bucket = server.bucket()
        self.truth = server.boto()
        self._through = S3Server(proxy.url, server.access, server.secret)
        self._spool = spool

    def run(self, scenario: Callable[[S3Objects], Awaitable[None]], **settings: Any) -> None:
        """Run `scenario` with a store on the proxy that has found out what it may."""

        async def whole() -> None:
            store = S3Objects(self._through.connection(self.bucket, **settings), self._spool)
            await store.check()
            try:
                await scenario(store)
            finally:
                await store.close()

        asyncio.run(whole())

    def there(self, key: str) -> bytes | None:
        """Return what really lies in the bucket."""
        try:
            body: bytes = self.truth.get_object(Bucket=self.bucket, Key=key)["Body"].read()
        except self.truth.exceptions.NoSuchKey:
            return None
        return body

    def keys(self) -> list[str]:
        """Return every key of the bucket, unfinished uploads included."""
        listed = self.truth.list_objects_v2(Bucket=self.bucket).get("Contents", [])
        parts = self.truth.list_multipart_uploads(Bucket=self.bucket).get("Uploads", [])
        return [one["Key"] for one in [*listed, *parts]]


@pytest.fixture
def place(versity_s3: S3Server, proxy: FaultProxy, tmp_path: Path) -> Place:
    """A fresh bucket behind the proxy."""
    return Place(versity_s3, proxy, tmp_path / "spool")


async def put(store: S3Objects, key: str, data: bytes, condition: Condition = ALWAYS) -> ObjectInfo:
    """Upload in one piece."""
    upload = await store.begin()
    await upload.write(data)
    return await upload.commit(key, content_type="image/png", condition=condition)


async def read(store: S3Objects, key: str) -> bytes | None:
    """Return the bytes of `key`."""
    opened = await store.open(key)
    if opened is None:
        return None
    try:
        return os.pread(opened.fileno(), opened.info.size + 1, 0)
    finally:
        opened.close()


@pytest.mark.parametrize("fault", [BROKEN, BUSY, GONE_BEFORE, GONE_AFTER], ids=["500", "503", "before", "after"])
@pytest.mark.parametrize("condition", [ALWAYS, NEW_ONLY], ids=["always", "new"])
def test_a_write_survives_faults(place: Place, proxy: FaultProxy, fault: Fault, condition: Condition) -> None:
    """Two faults in a row, the write done or not when the answer was lost: one whole object, and success is told."""

    async def scenario(store: S3Objects) -> None:
        proxy.fail_next(fault, fault, method="PUT")
        info = await put(store, "k", BODY, condition)
        assert info.etag == hashlib.sha256(BODY).hexdigest()
        assert await store.head("k") == info

    place.run(scenario)
    assert place.there("k") == BODY
    assert place.keys() == ["k"]


def test_a_lost_answer_of_a_replacement_is_found_out(place: Place, proxy: FaultProxy) -> None:
    """A conditional replacement that was done unheard is our own success, not somebody else's change."""

    async def scenario(store: S3Objects) -> None:
        first = await put(store, "k", BODY)
        proxy.fail_next(GONE_AFTER, method="PUT")
        second = await put(store, "k", OTHER, Condition(if_match=(first.etag,)))
        assert second.etag == hashlib.sha256(OTHER).hexdigest()
        proxy.fail_next(GONE_AFTER, method="DELETE")
        assert await store.delete("k", condition=Condition(if_match=(second.etag,))) is True

    place.run(scenario)
    assert place.keys() == []


def test_of_two_who_create_the_one_who_was_late_is_told_so(place: Place, proxy: FaultProxy) -> None:
    """A create whose first try was broken off finds another's object: refused, and the other's bytes stay."""

    async def scenario(store: S3Objects) -> None:
        proxy.fail_next(GONE_BEFORE, method="PUT")
        place.truth.put_object(Bucket=place.bucket, Key="k", Body=OTHER)
        with pytest.raises(PreconditionFailed):
            await put(store, "k", BODY, NEW_ONLY)

    place.run(scenario)
    assert place.there("k") == OTHER


@pytest.mark.parametrize(
    "fault", [BROKEN, BUSY, GONE_BEFORE, GONE_AFTER, HALF], ids=["500", "503", "before", "after", "half"]
)
def test_a_read_survives_faults(place: Place, proxy: FaultProxy, fault: Fault) -> None:
    """Two faults in a row, in the middle of the body too: the whole object comes, and only its bytes."""

    async def scenario(store: S3Objects) -> None:
        await put(store, "k", BODY)
        proxy.fail_next(fault, fault, method="GET", holding="/k")
        assert await read(store, "k") == BODY
        if fault is not HALF:
            proxy.fail_next(fault, method="HEAD")
            assert (await store.head("k")) is not None
            proxy.fail_next(fault, fault, method="GET", holding="list-type")
        else:
            proxy.fail_next(fault, method="GET", holding="list-type")
        assert [one.key for one in (await store.list()).objects] == ["k"]

    place.run(scenario)


@pytest.mark.parametrize("fault", [BROKEN, GONE_AFTER], ids=["500", "after"])
def test_retries_are_bounded_and_say_when_to_come_back(place: Place, proxy: FaultProxy, fault: Fault) -> None:
    """A store that fails each time is asked three times; then it is away, in words without address or bucket."""

    async def scenario(store: S3Objects) -> None:
        await put(store, "k", BODY)
        proxy.fail(lambda method, target: fault)
        before = proxy.count("GET", "/k")
        with pytest.raises(Overloaded) as caught:
            await read(store, "k")
        assert proxy.count("GET", "/k") - before == ATTEMPTS
        assert (caught.value.code, caught.value.retry_after is not None) == ("store_away", True)
        for secret in (place.bucket, proxy.url, "127.0.0.1", "AKID", "InternalError"):
            assert secret not in caught.value.sentence

    place.run(scenario)


def test_a_failed_write_leaves_nothing(place: Place, proxy: FaultProxy) -> None:
    """An upload that the store never took is an error, and neither object nor parts are in the bucket."""

    async def scenario(store: S3Objects) -> None:
        proxy.fail(lambda method, target: BUSY if method == "PUT" else None)
        with pytest.raises(Overloaded):
            await put(store, "k", BODY)
        proxy.fail(None)
        assert await store.head("k") is None

    place.run(scenario)
    assert place.keys() == []


def test_a_silent_store_is_too_slow(place: Place, proxy: FaultProxy) -> None:
    """No first byte, or one now and then: given up within the deadline, and told as 504."""

    async def scenario(store: S3Objects) -> None:
        await put(store, "k", BODY)
        for fault in (SILENT, Fault(rate=1000.0)):
            proxy.fail(lambda method, target, fault=fault: fault)  # type: ignore[misc]  # bound early, on purpose
            began = time.monotonic()
            with pytest.raises(StoreTooSlow) as caught:
                await read(store, "k")
            assert time.monotonic() - began < 30
            assert caught.value.retry_after
            proxy.fail(None)
            store._connection.guard.breaker.succeeded()

    place.run(scenario, request_seconds=3.0)


def test_a_slow_answer_in_time_is_an_answer(place: Place, proxy: FaultProxy) -> None:
    """A store that takes its time, within the deadline, is asked once."""

    async def scenario(store: S3Objects) -> None:
        await put(store, "k", BODY)
        proxy.fail(lambda method, target: Fault(wait=0.3))
        before = proxy.count("GET", "/k")
        assert await read(store, "k") == BODY
        assert proxy.count("GET", "/k") - before == 1

    place.run(scenario)


def test_a_clock_that_is_wrong_is_said_to_be(place: Place, proxy: FaultProxy) -> None:
    """The store refuses what is signed at another time: not repeated, and the sentence names the clock."""

    async def scenario(store: S3Objects) -> None:
        await put(store, "k", BODY)
        proxy.fail(lambda method, target: SKEWED)
        before = proxy.count("GET", "/k")
        with pytest.raises(ImagemillError, match="clock"):
            await read(store, "k")
        assert proxy.count("GET", "/k") - before == 1

    place.run(scenario)


def test_the_breaker_opens_and_closes(place: Place, proxy: FaultProxy) -> None:
    """While the store is away callers are refused at once and it is left alone; when it is back, it is found out."""

    async def scenario(store: S3Objects) -> None:
        await put(store, "k", BODY)
        proxy.fail(lambda method, target: BUSY)
        for _ in range(FAILURES):
            with pytest.raises(Overloaded):
                await store.head("k")
        breaker = store._connection.guard.breaker
        true, now = breaker._clock, time.monotonic()
        breaker._clock = lambda: now  # fifty refusals may take longer than the second after which one may try
        asked = len(proxy.seen)
        for _ in range(50):
            with pytest.raises(Overloaded) as caught:
                await store.head("k")
            assert caught.value.retry_after
        assert len(proxy.seen) == asked
        breaker._clock = true
        proxy.fail(None)
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            try:
                found = await store.head("k")
                break
            except Overloaded:
                await asyncio.sleep(0.05)
        assert found is not None
        assert await read(store, "k") == BODY

    place.run(scenario)
