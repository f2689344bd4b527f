"""A second look at the variants of a replaced or deleted original, after the longest possible make.

Separate from `changing`: nothing waits for it and nothing depends on it. The first removal happens before the answer;
a maker that had its file open at that moment could leave one behind, and this removes it (architecture: "PUT and
DELETE remove the other versions at once and sweep again after the longest possible make").
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

SETTLE_SECONDS = 30.0
"""Longer than any make: 8 s in the queue, 10 s at work, and time to write the result."""


class Settling:
    """Carries out `settle(key)` some seconds after `add(key)`; one task for all keys, none when nothing is due."""

    def __init__(self, settle: Callable[[str], Awaitable[None]], seconds: float = SETTLE_SECONDS) -> None:
        self._settle = settle
        self._seconds = seconds
        self._due: dict[str, float] = {}
        self._task: asyncio.Task[None] | None = None

    def add(self, key: str) -> None:
        """Look at `key` again later; adding it once more moves the time."""
        self._due.pop(key, None)
        self._due[key] = time.monotonic() + self._seconds
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run())

    async def _run(self) -> None:
        while self._due:
            key, due = next(iter(self._due.items()))
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            if self._due.get(key) == due:
                del self._due[key]
                await self._settle(key)

    async def close(self) -> None:
        """Forget what is due; the next start or `publish` removes what is left."""
        self._due.clear()
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
