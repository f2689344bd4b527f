"""One lock per key: what changes an original, and the first look at one, happen one after the other.

Separate from `library`, so that how locks come and go is not mixed with what they protect. They order the tasks of one
process; across processes the store's conditions do (If-Match, If-None-Match).
"""

from __future__ import annotations

import asyncio
from weakref import WeakValueDictionary


class KeyLocks:
    """Hands out the lock of a key; a lock that nobody holds or waits for is gone, so memory follows the load."""

    def __init__(self) -> None:
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    def of(self, key: str) -> asyncio.Lock:
        """Return the lock of `key`; keep it in a name while using it (`async with` does)."""
        lock = self._locks.get(key)
        if lock is None:
            lock = self._locks[key] = asyncio.Lock()
        return lock

    def __len__(self) -> int:
        return len(self._locks)
