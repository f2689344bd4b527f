"""One connection pool to Redis (or Valkey) for everything that nodes share: leases, token buckets.

Separate from its users so that being away is noticed in one place. Redis is a help here, never the truth: no picture
needs it. So a command gets a fraction of a second, and after a failure nobody tries again for `PAUSE_SECONDS`: a Redis
that hangs costs one request its patience, not each of them (threat F4). Every failure is `RedisAway`; what to do
without is decided beside the code that asked.

The URL may hold a password. It stays in here: errors, logs and `repr` know only host and port.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Sequence
from typing import Any, TypeVar
from urllib.parse import urlsplit

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as NotConnected
from redis.exceptions import NoScriptError, RedisError
from redis.exceptions import TimeoutError as TooSlow

from imagemill.errors import Overloaded

log = logging.getLogger(__name__)

T = TypeVar("T")

COMMAND_SECONDS = 0.25
"""How long one command may take, connecting included twice at most; a healthy Redis answers in well under 5 ms."""
PAUSE_SECONDS = 0.5
"""After a failure, for how long every command fails at once without a try."""
LISTEN_SECONDS = 0.75
"""After so long without a message a listener asks whether Redis is still there, and after as long again gives it up.

Together less than the two seconds in which everybody sees a change: a Redis that hangs says nothing of its own accord.
"""
CONNECTIONS = 16
"""Connections of one process; further commands wait for one, within their time."""


class RedisAway(Overloaded):
    """Redis cannot be reached, does not answer in time, or refuses (a wrong password, a read-only replica)."""

    code = "shared_state_away"

    def __init__(self) -> None:
        super().__init__("What the servers share cannot be reached now; please try again.", retry_after=1)


class SharedRedis:
    """The pool of one process. All calls belong to one event loop; nothing connects before the first command."""

    def __init__(self, url: str) -> None:
        """`url` is `redis://[user:password@]host[:port][/number]` or `rediss://…` (TLS), checked by the settings."""
        parts = urlsplit(url)
        self.address = f"{parts.hostname}:{parts.port or 6379}"
        pool = BlockingConnectionPool.from_url(
            url,
            max_connections=CONNECTIONS,
            timeout=COMMAND_SECONDS,
            socket_timeout=COMMAND_SECONDS,
            socket_connect_timeout=COMMAND_SECONDS,
            # A connection that Redis closed while it lay idle is found out by the next command, which gets another one.
            retry=Retry(NoBackoff(), 1, supported_errors=(NotConnected,)),
            health_check_interval=0,
        )
        self._client: Any = Redis(connection_pool=pool)
        self._digests: dict[str, str] = {}
        self._closed_until = 0.0
        self._away = False

    def __repr__(self) -> str:
        return f"SharedRedis({self.address})"

    @property
    def away(self) -> bool:
        """Whether the last command failed."""
        return self._away

    async def set_if_absent(self, key: str, value: str, *, milliseconds: int) -> bool:
        """Write `value` under `key` for some time if nothing is there (SET NX PX); say whether it was. RedisAway."""
        return bool(await self._ask(self._client.set(key, value, nx=True, px=milliseconds)))

    async def exists(self, key: str) -> bool:
        """Return whether anything is under `key`. Raises RedisAway."""
        return bool(await self._ask(self._client.exists(key)))

    async def run(self, script: str, keys: Sequence[str], arguments: Sequence[str | int | float]) -> Any:
        """Run a Lua script, all at once as Redis does, and return its answer. Raises RedisAway.

        The text is sent the first time and after Redis has forgotten it; then only its digest (EVALSHA).
        """
        return await self._ask(self._evaluate(script, keys, arguments))

    async def publish(self, channel: str, text: str) -> None:
        """Tell everyone who listens to `channel` now. Raises RedisAway."""
        await self._ask(self._client.publish(channel, text))

    async def messages(self, channel: str) -> AsyncIterator[str | None]:
        """Yield what is published on `channel`, and None when listening begins; ends when Redis goes away.

        A connection of its own, which may be silent for as long as nothing happens.
        """
        listener = self._client.pubsub(ignore_subscribe_messages=True)
        try:
            await self._ask(listener.subscribe(channel))
            yield None
            asked = False
            while True:
                message = await listener.get_message(timeout=LISTEN_SECONDS)
                if message is not None and message["type"] == "message":
                    yield str(message["data"].decode("utf-8", "replace"))
                elif message is None and asked:
                    raise TooSlow
                elif message is None:
                    await self._ask(listener.ping())
                asked = message is None
        except (RedisError, TooSlow, OSError) as error:
            self._failed(error)
        except RedisAway:
            return
        finally:
            with contextlib.suppress(RedisError, OSError):
                await listener.aclose()

    async def check(self) -> str | None:
        """Return why Redis cannot be used, for readiness and `doctor`; None when it can."""
        try:
            await self._ask(self._client.ping())
        except RedisAway:
            return f"Redis at {self.address} does not answer"
        return None

    async def close(self) -> None:
        """Close every connection."""
        await self._client.aclose(close_connection_pool=True)

    async def _evaluate(self, script: str, keys: Sequence[str], arguments: Sequence[str | int | float]) -> Any:
        digest = self._digests.get(script)
        if digest is not None:
            try:
                return await self._client.evalsha(digest, len(keys), *keys, *arguments)
            except NoScriptError:
                pass  # a restart, or SCRIPT FLUSH
        self._digests[script] = await self._client.script_load(script)
        return await self._client.evalsha(self._digests[script], len(keys), *keys, *arguments)

    async def _ask(self, command: Awaitable[T]) -> T:
        if time.monotonic() < self._closed_until:
            _never(command)
            raise RedisAway
        try:
            async with asyncio.timeout(3 * COMMAND_SECONDS):
                answer = await command
        except (RedisError, TooSlow, OSError, TimeoutError) as error:
            self._failed(error)
            raise RedisAway from None  # the cause may spell the URL
        if self._away:
            self._away = False
            log.warning("Redis at %s is back.", self.address)
        return answer

    def _failed(self, error: Exception) -> None:
        self._closed_until = time.monotonic() + PAUSE_SECONDS
        if not self._away:
            self._away = True
            log.warning("Redis at %s is away (%s).", self.address, type(error).__name__)


def _never(command: Awaitable[Any]) -> None:
    """End a coroutine that will not be awaited, without the interpreter's warning."""
    close = getattr(command, "close", None)
    if close is not None:
        close()
