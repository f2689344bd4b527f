"""Looks at the store behind answers that went out already: one for a key, however many ask (stale-while-revalidate).

Separate from `library`, which decides when one is due, and from `finding`, which takes it. What a look finds is told by
what is remembered afterwards, so its errors are nobody's answer: the next asker who has to wait gets them himself.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from imagemill.errors import ImagemillError

log = logging.getLogger(__name__)

MAX_LOOKS = 256
"""Looks at once; a key that finds no room is looked at by the first asker who has to wait."""


class Looks:
    """Looks under way; belongs to one event loop."""

    def __init__(self, look: Callable[[str], Awaitable[object]], most: int = MAX_LOOKS) -> None:
        """`look(key)` takes one; what it raises is logged where it says nothing about the original."""
        self._look = look
        self._most = most
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def under_way(self, key: str) -> bool:
        """Whether somebody is looking."""
        return key in self._tasks

    def start(self, key: str) -> None:
        """Look at `key` soon, unless somebody does already."""
        if key in self._tasks or len(self._tasks) >= self._most:
            return
        self._tasks[key] = asyncio.create_task(self._run(key))

    async def _run(self, key: str) -> None:
        try:
            await self._look(key)
        except ImagemillError as error:
            log.debug("A look behind an answer ended so: %s", error)
        except OSError as error:
            log.warning("An original could not be looked at: %s", error)
        finally:
            self._tasks.pop(key, None)

    async def settled(self) -> None:
        """Wait until nobody is looking."""
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    async def close(self) -> None:
        """Give up what is under way."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._tasks.clear()
