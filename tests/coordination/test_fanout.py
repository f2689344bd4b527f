"""Changes told through a real Redis."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable

import pytest
from tests.servers.redis import RedisServer

from imagemill.coordination import redis as shared_redis
from imagemill.coordination.fanout import Fanout
from imagemill.coordination.redis import SharedRedis


class Listener:
    """A process that notes where it was told to look."""

    def __init__(self, url: str, scope: str) -> None:
        self.redis = SharedRedis(url)
        self.keys: list[str] = []
        self.looks = 0
        self.listening = False
        self.fanout = Fanout(
            self.redis, scope, original=self._original, documents=self._documents, listening=self._listening
        )
        self.listen()

    def listen(self) -> None:
        """Begin to listen."""
        self.task = asyncio.ensure_future(self.fanout.run())

    async def stop_listening(self) -> None:
        """Hear nothing until `listen`."""
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)

    async def _original(self, key: str) -> None:
        self.keys.append(key)
        self.fanout.original_changed(key)  # it notices the change itself now

    def _listening(self, heard: bool) -> None:
        self.listening = heard

    async def _documents(self) -> None:
        self.looks += 1

    async def close(self) -> None:
        """Stop listening."""
        await self.fanout.settled()
        await self.stop_listening()
        await self.redis.close()


async def until(true: Callable[[], bool]) -> None:
    """Wait until it is so."""
    async with asyncio.timeout(60):
        while not true():
            await asyncio.sleep(0.01)


def test_a_change_is_told_to_everyone_else_once(redis_server: RedisServer) -> None:
    """The teller hears nothing of its own, and who was told does not tell it on; another store's are not heard."""

    async def run() -> None:
        one, two, three, other = (Listener(redis_server.url, scope) for scope in "sssx")
        listeners = (one, two, three, other)
        await until(lambda: all(each.looks for each in listeners))
        one.fanout.original_changed("a b/ü.jpg")
        await until(lambda: bool(two.keys and three.keys))
        two.fanout.documents_changed()
        await until(lambda: one.looks > 1 and three.looks > 1)
        assert [each.keys for each in listeners] == [[], ["a b/ü.jpg"], ["a b/ü.jpg"], []]
        assert (two.looks, other.looks) == (1, 1)
        for each in listeners:
            await each.close()

    asyncio.run(run())


def test_after_an_absence_everything_is_looked_at(redis_server: RedisServer) -> None:
    """Redis goes and comes back: who listens knows so, looks at all documents, and hears what it was not told."""

    async def run() -> None:
        one, two = Listener(redis_server.url, "t"), Listener(redis_server.url, "t")
        await until(lambda: bool(one.looks and two.looks))
        await asyncio.to_thread(redis_server.stop)
        await until(lambda: not one.listening and not two.listening)
        one.fanout.original_changed("late.jpg")
        await one.fanout.settled()
        await one.stop_listening()
        await asyncio.to_thread(redis_server.start)
        await until(lambda: two.looks > 1)
        one.listen()  # the last to be back: what it tells then is heard by all
        await until(lambda: one.looks > 1)
        await one.fanout.settled()  # what was late has been told: two messages at once may come in either order
        one.fanout.original_changed("heard.jpg")
        await until(lambda: "heard.jpg" in two.keys)
        assert two.keys == ["late.jpg", "heard.jpg"]
        assert one.listening
        for each in (one, two):
            await each.close()

    asyncio.run(run())


def test_who_was_told_of_a_change_tells_the_next_one_itself(redis_server: RedisServer) -> None:
    """A picture that one process stored and another deletes a moment later is gone for the first one too."""

    async def run() -> None:
        one, two = Listener(redis_server.url, "again"), Listener(redis_server.url, "again")
        await until(lambda: bool(one.looks and two.looks))
        one.fanout.original_changed("cat.jpg")
        await until(lambda: two.keys == ["cat.jpg"])
        two.fanout.original_changed("cat.jpg")
        await until(lambda: one.keys == ["cat.jpg"])
        for each in (one, two):
            await each.close()

    asyncio.run(run())


def test_a_redis_that_hangs_is_no_longer_trusted(redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """It closes no connection and says nothing: who listens finds out unasked, and looks for itself."""
    monkeypatch.setattr(shared_redis, "LISTEN_SECONDS", 0.75)

    async def run() -> None:
        one = Listener(redis_server.url, "hang")
        await until(lambda: one.listening)
        assert redis_server.process is not None
        redis_server.process.send_signal(signal.SIGSTOP)
        try:
            await until(lambda: not one.listening)
        finally:
            redis_server.process.send_signal(signal.SIGCONT)
        await until(lambda: one.listening)
        await one.close()

    asyncio.run(run())
