"""Changes told to every other process at once, through Redis, where there is one.

Separate from how a change is noticed without it: every process looks again within two seconds anyway (`freshness`, and
the documents each second). So nothing depends on a message: one that is lost costs those two seconds, and Redis away
costs no more. A message says where to look, never what is there: who can write to Redis can make us look, and no more.
"""

from __future__ import annotations

import asyncio
import hashlib
import secrets
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable

from imagemill.coordination.redis import RedisAway, SharedRedis

ORIGINAL, DOCUMENTS = "original", "documents"
HEARD_SECONDS = 5.0
"""For so long a change that we were told of is not told on when we notice it ourselves."""
MOST_HEARD = 10_000
MOST_TELLING = 1000
"""Messages on their way; beyond it the two seconds must do."""
AGAIN_SECONDS = 1.0


class Fanout:
    """The channel of everyone who serves from one store; calls belong to one event loop."""

    def __init__(
        self,
        redis: SharedRedis,
        scope: str,
        *,
        original: Callable[[str], Awaitable[object]],
        documents: Callable[[], Awaitable[object]],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`scope` names the store; `original(key)` looks at a key again, `documents()` at our own documents."""
        self._redis = redis
        self._channel = f"imagemill:changes:{hashlib.sha256(scope.encode()).hexdigest()[:16]}"
        self._original = original
        self._documents = documents
        self._clock = clock
        self._me = secrets.token_hex(8)
        self._heard: OrderedDict[str, float] = OrderedDict()
        self._telling: set[asyncio.Task[None]] = set()

    def original_changed(self, key: str) -> None:
        """Tell the others to look at `key`, unless it was they who told us."""
        at = self._heard.get(key)
        if at is None or at < self._clock() - HEARD_SECONDS:
            self._tell(f"{self._me} {ORIGINAL} {key}")

    def documents_changed(self) -> None:
        """Tell the others to look at our documents: presets, signing keys, purges."""
        self._tell(f"{self._me} {DOCUMENTS} ")

    async def run(self) -> None:
        """Listen until cancelled; after an absence everything is looked at, for nobody knows what was missed."""
        while True:
            async for message in self._redis.messages(self._channel):
                await (self._documents() if message is None else self._hear(message))
            await asyncio.sleep(AGAIN_SECONDS)

    async def _hear(self, message: str) -> None:
        by, _, rest = message.partition(" ")
        what, _, key = rest.partition(" ")
        if by == self._me:
            return
        if what == DOCUMENTS:
            await self._documents()
        elif what == ORIGINAL and key:
            self._heard[key] = self._clock()
            self._heard.move_to_end(key)
            while len(self._heard) > MOST_HEARD:
                self._heard.popitem(last=False)
            await self._original(key)

    def _tell(self, message: str) -> None:
        if len(self._telling) < MOST_TELLING:
            task = asyncio.ensure_future(self._send(message))
            self._telling.add(task)
            task.add_done_callback(self._telling.discard)

    async def _send(self, message: str) -> None:
        try:
            await self._redis.publish(self._channel, message)
        except RedisAway:
            return  # the others look within two seconds

    async def settled(self) -> None:
        """Wait until everything has been told."""
        while self._telling:
            await asyncio.gather(*self._telling)
