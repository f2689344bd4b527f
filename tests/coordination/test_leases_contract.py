"""Every kind of lease keeps the port's promises, and what is particular to each."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from tests.servers.redis import PASSWORD, RedisServer

from imagemill.coordination.file_leases import FileLeases
from imagemill.coordination.layered_leases import LayeredLeases
from imagemill.coordination.leases import FREE, Leases
from imagemill.coordination.no_leases import NoLeases
from imagemill.coordination.redis import RedisAway, SharedRedis
from imagemill.coordination.redis_leases import RedisLeases
from imagemill.coordination.store_leases import StoreLeases
from imagemill.object_store.local import LocalStore
from imagemill.object_store.memory import MemoryStore
from imagemill.testing.contracts.leases import LONG, LeasesContract, taken

SECONDS = 60.0


class TestFileLeases(LeasesContract):
    """Locked files in a folder."""

    runs_out = False

    @pytest.fixture(autouse=True)
    def _folder(self, tmp_path: Path) -> None:
        self.folder = tmp_path / "leases"

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[tuple[Leases, Leases]]:
        """Two who name the same folder; nothing lies about in the end."""
        one, other = FileLeases(str(self.folder)), FileLeases(str(self.folder))
        yield one, other
        await one.close()
        await other.close()
        assert list(self.folder.iterdir()) == []


class TestRedisLeases(LeasesContract):
    """Keys in a real Redis."""

    @pytest.fixture(autouse=True)
    def _server(self, redis_server: RedisServer) -> None:
        self.url = redis_server.url

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[tuple[Leases, Leases]]:
        """Two connections."""
        one, other = SharedRedis(self.url), SharedRedis(self.url)
        scope = os.urandom(4).hex()
        yield RedisLeases(one, scope=scope), RedisLeases(other, scope=scope)
        await one.close()
        await other.close()


class TestStoreLeases(LeasesContract):
    """Objects in a store in memory."""

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[tuple[Leases, Leases]]:
        """Two nodes on one store; no object is left in the end but of those that were not given back."""
        store = MemoryStore()
        yield StoreLeases(store), StoreLeases(store)
        await store.close()


class TestStoreLeasesInAFolder(LeasesContract):
    """Objects in a folder that two processes opened, each for itself."""

    @pytest.fixture(autouse=True)
    def _folder(self, tmp_path: Path) -> None:
        self.folder = tmp_path

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[tuple[Leases, Leases]]:
        """Two stores over one folder."""
        one, other = LocalStore(self.folder), LocalStore(self.folder)
        yield StoreLeases(one), StoreLeases(other)
        await one.close()
        await other.close()


class TestLayeredLeases(LeasesContract):
    """Two machines, which share a store only."""

    @pytest.fixture(autouse=True)
    def _folder(self, tmp_path: Path) -> None:
        self.folder = tmp_path

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[tuple[Leases, Leases]]:
        """A folder for each, and one store."""
        store = MemoryStore()
        one, other = (
            LayeredLeases(FileLeases(str(self.folder / machine)), StoreLeases(store)) for machine in ("one", "other")
        )
        yield one, other
        await one.close()
        await other.close()
        await store.close()


def test_without_leases_everyone_may_make() -> None:
    """One process alone never waits for itself."""

    async def scenario() -> None:
        leases = NoLeases()
        assert await leases.take("a", LONG) is FREE
        assert await leases.take("a", LONG) is FREE
        assert await FREE.renew()
        await FREE.release()
        await leases.close()

    asyncio.run(scenario())


HOLDER = """
import asyncio, sys
from imagemill.coordination.file_leases import FileLeases
lease = asyncio.run(FileLeases(sys.argv[1]).take("a", 30))
print(lease is not None, flush=True)
sys.stdin.read()
"""


def test_the_lease_of_a_killed_process_is_free_at_once(tmp_path: Path) -> None:
    """The kernel drops the lock with its process, whatever time was left."""
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"True\n"

        async def scenario() -> None:
            leases = FileLeases(str(tmp_path))
            assert await leases.take("a", LONG) is None
            holder.send_signal(signal.SIGKILL)
            holder.wait()
            assert await leases.take("a", LONG) is not None
            await leases.close()

        asyncio.run(scenario())
    finally:
        holder.kill()
        holder.communicate()


def test_where_files_cannot_be_made_everyone_may_make(tmp_path: Path) -> None:
    """A lease is an economy: a folder that is none costs transcodes, not answers."""
    (tmp_path / "file").write_text("")

    async def scenario() -> None:
        assert await FileLeases(str(tmp_path / "file" / "x")).take("a", LONG) is FREE

    asyncio.run(scenario())


class Clock:
    """A monotonic clock that a test moves."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        """Say what time it is."""
        return self.now


def test_a_lease_in_a_store_is_judged_by_the_watchers_own_clock() -> None:
    """Whatever the holder's clock says: what did not change for its own length, as the watcher counts, is dead."""

    async def scenario() -> None:
        store, clock = MemoryStore(), Clock()
        one, other = StoreLeases(store), StoreLeases(store, clock=clock)
        lease = await taken(one, seconds=10)
        assert await other.take("a", LONG) is None
        clock.now += 9
        assert await other.take("a", LONG) is None
        assert await lease.renew()
        clock.now += 9
        assert await other.take("a", LONG) is None  # renewed, so watched from the start again
        clock.now += 10
        assert await other.take("a", LONG) is not None
        await store.close()

    asyncio.run(scenario())


def test_something_else_in_the_place_of_a_lease_is_taken_over() -> None:
    """What cannot be read as a lease keeps nobody from making."""

    async def scenario() -> None:
        store = MemoryStore()
        leases = StoreLeases(store)
        lease = await taken(leases)
        key = (await store.list("leases/")).objects[0].key
        upload = await store.begin()
        await upload.write(b"not a lease")
        await upload.commit(key, content_type="text/plain")
        assert await lease.renew() is False
        assert await taken(leases) is not None
        await store.close()

    asyncio.run(scenario())


def test_without_redis_everyone_may_make_and_nobody_waits() -> None:
    """A Redis that is away costs one try in each half second, and never an answer."""

    async def scenario() -> None:
        redis = SharedRedis(f"redis://:{PASSWORD}@127.0.0.1:1/0")
        leases = RedisLeases(redis)
        began = time.monotonic()
        for _ in range(1000):
            assert await leases.take("a", LONG) is FREE
        assert time.monotonic() - began < SECONDS / 6
        assert redis.away
        said = await redis.check()
        assert said is not None
        await redis.close()

    asyncio.run(scenario())


def test_redis_that_comes_back_is_used_again(redis_server: RedisServer, caplog: pytest.LogCaptureFixture) -> None:
    """After a restart leases are shared again; the log says both in one line each, and never the password."""

    async def scenario() -> None:
        redis, beside = SharedRedis(redis_server.url), SharedRedis(redis_server.url)
        one, other = RedisLeases(redis), RedisLeases(beside)
        await (await taken(one)).release()
        redis_server.stop()
        assert await one.take("a", LONG) is FREE
        assert await one.take("a", LONG) is FREE
        redis_server.start()
        deadline = time.monotonic() + SECONDS
        while (lease := await one.take("a", LONG)) is FREE:
            assert time.monotonic() < deadline
            await asyncio.sleep(0.05)
        assert lease is not None
        assert await other.take("a", LONG) is None
        await lease.release()
        await redis.close()
        await beside.close()

    asyncio.run(scenario())
    lines = [record.getMessage() for record in caplog.records if "Redis" in record.getMessage()]
    assert [line.split()[-1] for line in lines if "is back" in line] == ["back."]
    assert sum("is away" in line for line in lines) == 1
    assert PASSWORD not in caplog.text


def test_a_wrong_password_is_away_and_never_repeated(redis_server: RedisServer) -> None:
    """What is wrong with the connection is for the operator's log; errors and `repr` hold no secret."""

    async def scenario() -> None:
        redis = SharedRedis(f"redis://:wrong-{PASSWORD}@127.0.0.1:{redis_server.port}/0")
        with pytest.raises(RedisAway) as caught:
            await redis.exists("a")
        assert PASSWORD not in f"{caught.value!r} {caught.value} {redis!r} {await redis.check()}"
        assert caught.value.__cause__ is None
        await redis.close()

    asyncio.run(scenario())


def test_a_script_is_sent_once_and_again_after_redis_forgot_it(redis_server: RedisServer) -> None:
    """Scripts go by their digest; one that a restarted Redis does not know any more is sent anew, unnoticed."""

    async def scenario() -> None:
        redis = SharedRedis(redis_server.url)
        text = "return redis.call('INCRBY', KEYS[1], ARGV[1])"
        assert await redis.run(text, ["counter"], [2]) == 2
        redis_server.stop()
        redis_server.start()
        assert await redis.run(text, ["counter"], [3]) == 3
        await redis.close()

    asyncio.run(scenario())
