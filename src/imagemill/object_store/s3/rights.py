"""What the store lets us do, found out by asking it and without writing anything.

Separate from the store's verbs, which only want to know. Permissions are changed by hand, so an answer is believed for
a minute.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

from imagemill.object_store.s3.connection import S3Connection
from imagemill.object_store.s3.failures import Denied, Missing, Odd, Unmet
from imagemill.object_store.s3.words import told

PROBE = ".imagemill-may-we-write"
"""A key that never exists: a write over it is refused either way, and why says whether we may write."""
LEARNED_SECONDS = 60.0
_NO_TAG = '"00000000000000000000000000000000"'
_NOT_ALLOWED = ("", "AccessDenied", "AllAccessDisabled", "MethodNotAllowed")


class Rights:
    """What we may do in one bucket. Belongs to one event loop."""

    def __init__(self, connection: S3Connection) -> None:
        """Nothing is asked yet."""
        self._connection = connection
        self._list = _Learned()
        self._write = _Learned(yes_for_good=True)  # a no that comes later is told by the write itself

    @property
    def writable(self) -> bool:
        """Whether we may write, as far as we know."""
        return self._write.value is not False

    async def may_list(self) -> bool:
        """Find out whether we may list; raises Missing where there is not even a bucket."""
        return await self._list.learn(self._try_to_list)

    async def may_write(self) -> bool:
        """Find out whether we may write; raises the errors that people may see."""
        with told("be written"):
            return await self._write.learn(self._try_to_write)

    async def _try_to_list(self) -> bool:
        try:
            await self._connection.page(limit=1)
        except Denied as error:
            if error.code in _NOT_ALLOWED:
                return False
            raise
        return True

    async def _try_to_write(self) -> bool:
        try:
            await self._connection.place(PROBE, b"", content_type="text/plain", only_over=_NO_TAG)
        except (Unmet, Odd):
            return True
        except Missing as error:
            if error.bucket:
                raise
            return True
        except Denied as error:
            if error.code in _NOT_ALLOWED:
                return False
            raise
        await self._connection.remove(PROBE)  # a server that knows no conditions
        return True


class _Learned:
    """One thing that the store allows or not, asked again after a while; a yes may be for good."""

    def __init__(self, *, yes_for_good: bool = False) -> None:
        self.value: bool | None = None
        self._for_good = yes_for_good
        self._until = 0.0
        self._asking = asyncio.Lock()

    async def learn(self, ask: Callable[[], Awaitable[bool]]) -> bool:
        """Return what `ask` says, now or lately; one asks, however many want to know."""
        async with self._asking:
            if self.value is None or self._doubtful():
                self.value = await ask()
                self._until = time.monotonic() + LEARNED_SECONDS
            return self.value

    def _doubtful(self) -> bool:
        return not (self.value and self._for_good) and time.monotonic() >= self._until
