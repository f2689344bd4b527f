"""Changes told to every other process at once, through Redis, where there is one.

Separate from how a change is noticed without it: every process looks again within two seconds (`freshness`, and the
documents each second). While a process hears of changes it looks less often, since each look is two requests to the
store; when it no longer hears, it looks as before. A message that is lost all the same costs `freshness.told`. Messages
say where to look, never what is there: who can write to Redis can make us look, and no more.
"""

from __future__ import annotations

import asyncio
import hashlib
import secrets
from collections.abc import Awaitable, Callable
from contextvars import ContextVar

from imagemill.coordination.redis import RedisAway, SharedRedis

ORIGINAL, DOCUMENTS = "original", "documents"
MOST_TELLING = 1000
"""Messages on their way; beyond it the two seconds must do."""
AGAIN_SECONDS = 1.0

_TOLD: ContextVar[bool] = ContextVar("told", default=False)
"""Set while we look at what we were told to look at: a change that is noticed then is not told on."""


class Fanout:
    """The channel of everyone who serves from one store; calls belong to one event loop."""

    def __init__(
        self,
        redis: SharedRedis,
        scope: str,
        *,
        original: Callable[[str], Awaitable[object]],
        documents: Callable[[], Awaitable[object]],
        listening: Callable[[bool], None] = lambda _: None,
    ) -> None:
        """`scope` names the store; `original(key)` looks at a key again, `documents()` at our own documents.

        `listening` is told whether changes of the others are heard of from now on.
        """
        self._redis = redis
        self._channel = f"imagemill:changes:{hashlib.sha256(scope.encode()).hexdigest()[:16]}"
        self._original = original
        self._documents = documents
        self._listening = listening
        self._me = secrets.token_hex(8)
        self._untold: dict[str, None] = {}
        self._telling: set[asyncio.Task[None]] = set()

    def original_changed(self, key: str) -> None:
        """Tell the others to look at `key`, unless we notice the change only because they told us."""
        if not _TOLD.get():
            self._tell(f"{self._me} {ORIGINAL} {key}")

    def documents_changed(self) -> None:
        """Tell the others to look at our documents: presets, signing keys, purges."""
        self._tell(f"{self._me} {DOCUMENTS} ")

    async def run(self) -> None:
        """Listen until cancelled; after an absence everything is looked at, for nobody knows what was missed."""
        while True:
            try:
                async for message in self._redis.messages(self._channel):
                    await (self._begin() if message is None else self._hear(message))
            finally:
                self._listening(False)
            await asyncio.sleep(AGAIN_SECONDS)

    async def _begin(self) -> None:
        self._listening(True)
        untold, self._untold = self._untold, {}
        for message in untold:
            self._tell(message)
        await self._documents()

    async def _hear(self, message: str) -> None:
        by, _, rest = message.partition(" ")
        what, _, key = rest.partition(" ")
        if by == self._me:
            return
        if what == DOCUMENTS:
            await self._documents()
        elif what == ORIGINAL and key:
            token = _TOLD.set(True)
            try:
                await self._original(key)
            finally:
                _TOLD.reset(token)

    def _tell(self, message: str) -> None:
        if len(self._telling) < MOST_TELLING:
            task = asyncio.ensure_future(self._send(message))
            self._telling.add(task)
            task.add_done_callback(self._telling.discard)

    async def _send(self, message: str) -> None:
        try:
            await self._redis.publish(self._channel, message)
        except RedisAway:
            if len(self._untold) < MOST_TELLING:
                self._untold[message] = None  # told when we hear again: others may have heard all the time

    async def settled(self) -> None:
        """Wait until everything has been told."""
        while self._telling:
            await asyncio.wait(self._telling)  # not `gather`: of ended tasks Python 3.12 gives no turn to callbacks
