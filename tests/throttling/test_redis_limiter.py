"""Token buckets in Redis keep the contract, and what happens when it is away is decided (threats O1, F4)."""

from __future__ import annotations

import asyncio
import itertools
import math
import signal
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
from redis.asyncio import Redis
from tests.servers.redis import RedisServer, running_redis

from imagemill.coordination import redis as shared_redis
from imagemill.coordination.redis import SharedRedis
from imagemill.errors import Overloaded
from imagemill.testing.contracts.limiter import Clock, LimiterContract, taken
from imagemill.throttling.bucket import Bucket, Demand, Verdict
from imagemill.throttling.fallback import TRY_AGAIN, FallbackLimiter
from imagemill.throttling.memory import MemoryLimiter
from imagemill.throttling.port import Limiter
from imagemill.throttling.redis import RedisLimiter

FRESH = itertools.count()


def prefix() -> str:
    """Return a prefix that no other test has."""
    return f"{{test}}:{next(FRESH)}:"


@asynccontextmanager
async def shared(server: RedisServer) -> AsyncIterator[SharedRedis]:
    """Return a connection of its own."""
    redis = SharedRedis(server.url)
    try:
        yield redis
    finally:
        await redis.close()


class TestRedisLimiter(LimiterContract):
    """Shared by all nodes."""

    threaded = False
    server: RedisServer

    @pytest.fixture(autouse=True)
    def _with(self, redis: RedisServer) -> None:
        self.server = redis

    @asynccontextmanager
    async def opened(self, clock: Callable[[], float] | None) -> AsyncIterator[Limiter]:
        """Return one with keys of its own."""
        async with shared(self.server) as redis:
            yield RedisLimiter(redis, clock=clock, prefix=prefix())


def test_nodes_share_a_bucket(redis: RedisServer) -> None:
    """Two nodes that ask at once, each over its own connections, get one burst between them."""

    async def scene() -> int:
        own = prefix()
        async with shared(redis) as one, shared(redis) as two:
            limiters = [RedisLimiter(node, prefix=own) for node in (one, two)]
            demands = (Demand(Bucket("site", 0.001, 30)), Demand(Bucket("client", 0.001, 500), "a"))
            verdicts = await asyncio.gather(*(limiters[n % 2].take(demands) for n in range(100)))
            return sum(verdict.met for verdict in verdicts)

    assert asyncio.run(scene()) == 30


def test_buckets_leave_redis_once_they_are_full(redis: RedisServer) -> None:
    """A key lives until its bucket would be full anyway, so a million clients of yesterday take no room today."""

    async def scene() -> tuple[int, int]:
        own = prefix()
        async with shared(redis) as node:
            limiter = RedisLimiter(node, prefix=own)
            await limiter.take((Demand(Bucket("site", 2.0, 1000), "a", 400), Demand(Bucket("slow", 0.0, 10), "a")))
            script = "return {redis.call('PTTL', KEYS[1]), redis.call('PTTL', KEYS[2])}"
            short, long = await node.run(script, [own + "site:a", own + "slow:a"], [])
            return short, long

    short, long = asyncio.run(scene())
    assert 100_000 < short <= 201_000
    assert long <= 86_400_000


def test_a_script_that_redis_forgot_is_sent_again(redis: RedisServer) -> None:
    """A restart, or SCRIPT FLUSH, costs nobody a request."""

    async def scene() -> bool:
        async with shared(redis) as node:
            limiter = RedisLimiter(node, prefix=prefix())
            demand = Demand(Bucket("site", 1.0, 10))
            await limiter.take((demand,))
            client = Redis.from_url(redis.url)
            await client.script_flush()
            await client.aclose()
            return (await limiter.take((demand,))).met

    assert asyncio.run(scene())


@pytest.mark.parametrize("level", ["-inf", "nan", "-nan", "inf", "none", ""])
def test_a_bucket_that_holds_no_numbers_is_a_new_one(redis: RedisServer, level: str) -> None:
    """What somebody else wrote there is no error and no refusal for ever: the burst counts from now on."""

    async def scene() -> list[bool]:
        own = prefix()
        demand = Demand(Bucket("site", 0.001, 2), "a")
        client = Redis.from_url(redis.url)
        await client.hset(f"{own}site:a", mapping={"level": level, "at": "0"})
        await client.aclose()
        async with shared(redis) as node:
            limiter = RedisLimiter(node, prefix=own)
            verdicts = [await limiter.take((demand,)) for _ in range(3)]
            assert all(math.isfinite(verdict.wait) for verdict in verdicts)
            return [verdict.met for verdict in verdicts]

    assert asyncio.run(scene()) == [True, True, False]


class Away:
    """A shared limiter that can be taken away, and counts who asks."""

    def __init__(self, inner: Limiter) -> None:
        self.inner = inner
        self.away = False
        self.asked = 0

    async def take(self, demands: tuple[Demand, ...]) -> Verdict:
        """Take, or fail as Redis does."""
        self.asked += 1
        if self.away:
            raise Overloaded("away")
        return await self.inner.take(demands)

    async def give(self, demand: Demand) -> None:
        """Give, or fail as Redis does."""
        self.asked += 1
        if self.away:
            raise Overloaded("away")
        await self.inner.give(demand)

    async def close(self) -> None:
        """Nothing to close."""


def test_without_redis_a_node_admits_its_share() -> None:
    """Rate and burst divided by the nodes, at most one burst over the whole absence; then the shared bucket again."""

    async def scene() -> None:
        clock = Clock()
        away = Away(MemoryLimiter(clock=clock))
        limiter = FallbackLimiter(away, MemoryLimiter(clock=clock), nodes=2, clock=clock)
        demand = Demand(Bucket("client", 1.0, 20), "a")
        assert await taken(limiter, demand, times=5) == 5
        away.away = True
        assert await taken(limiter, demand, times=30) == 10
        clock.now += 4
        assert await taken(limiter, demand, times=30) == 2
        away.away = False
        clock.now += TRY_AGAIN
        assert await taken(limiter, demand, times=30) == 20
        await limiter.give(demand)
        assert await taken(limiter, demand, times=3) == 1

    asyncio.run(scene())


def test_a_redis_that_is_away_is_asked_once_a_second() -> None:
    """Whoever finds out pays for it; the others are judged locally until it is back."""

    async def scene() -> None:
        clock = Clock()
        away = Away(MemoryLimiter(clock=clock))
        away.away = True
        limiter = FallbackLimiter(away, MemoryLimiter(clock=clock), clock=clock)
        demand = Demand(Bucket("client", 1.0, 1000), "a")
        assert await taken(limiter, demand, times=50) == 50
        assert away.asked == 1
        clock.now += TRY_AGAIN
        await asyncio.gather(*(limiter.take((demand,)) for _ in range(50)))
        await limiter.give(demand)
        assert away.asked == 2

    asyncio.run(scene())


def test_a_share_is_never_less_than_one_request() -> None:
    """A small burst over many nodes still lets a client in."""
    assert Bucket("client", 1.0, 3).share(10) == Bucket("client", 0.1, 1.0)


def test_redis_killed_and_stopped_while_it_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed or hanging, every request is judged in bounded time; back again, its buckets count."""
    monkeypatch.setattr(shared_redis, "COMMAND_SECONDS", 2.0)

    async def scene(server: RedisServer) -> None:
        async with shared(server) as node:
            limiter = FallbackLimiter(RedisLimiter(node, prefix=prefix()), MemoryLimiter())
            demand = Demand(Bucket("client", 0.001, 10), "a")
            assert await taken(limiter, demand, times=4) == 4
            assert server.process is not None
            server.process.send_signal(signal.SIGSTOP)
            assert await taken(limiter, demand, times=20) == 10  # the local bucket was full: one burst at most
            server.process.send_signal(signal.SIGCONT)
            deadline = time.monotonic() + 60
            while (await limiter.take((demand,))).levels[0] < 1 and time.monotonic() < deadline:
                await asyncio.sleep(0.05)
            assert await taken(limiter, demand, times=20) <= 6
            server.stop()
            assert await taken(limiter, demand, times=20) == 0  # this node's own bucket is empty by now
            server.start()

    with running_redis() as server:
        asyncio.run(scene(server))
