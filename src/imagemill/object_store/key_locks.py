"""One lock per key, for as long as somebody wants it: conditions are checked and acted on without another between.

`KeyLocks` holds within a process; `NodeKeyLocks` also between the processes of a machine.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import hashlib
import os
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

FIRST_PAUSE = 0.001
LONGEST_PAUSE = 0.02
"""Seconds between two tries for a lock that another process has."""


@dataclass(slots=True)
class _Entry:
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    users: int = 0


class KeyLocks:
    """Locks of one event loop; nothing is remembered of a key that nobody holds or waits for."""

    def __init__(self) -> None:
        self._entries: dict[str, _Entry] = {}

    @contextlib.asynccontextmanager
    async def hold(self, key: str) -> AsyncIterator[None]:
        """Hold `key`; first come, first served."""
        entry = self._entries.setdefault(key, _Entry())
        entry.users += 1
        try:
            async with entry.lock:
                yield
        finally:
            entry.users -= 1
            if not entry.users:
                del self._entries[key]


class NodeKeyLocks(KeyLocks):
    """Locks that also hold against the other processes which name the same folder: flock(2), dropped with its process.

    Keys share 4096 files, so now and then one waits for another; a task never holds two, or it could wait for itself.
    On a file system without locks only this process is kept in order.
    """

    def __init__(self, folder: Path) -> None:
        """`folder` is made when it is first needed; its files are empty and stay."""
        super().__init__()
        self._folder = folder

    @contextlib.asynccontextmanager
    async def hold(self, key: str) -> AsyncIterator[None]:
        """Hold `key` here, then in the node."""
        async with super().hold(key):
            descriptor = await self._locked(key)
            try:
                yield
            finally:
                if descriptor is not None:
                    os.close(descriptor)

    async def _locked(self, key: str) -> int | None:
        """Return the locked file of `key`; None where there can be none."""
        name = hashlib.blake2b(key.encode("utf-8", "surrogateescape"), digest_size=2).hexdigest()[:3]
        try:
            descriptor = self._open(name)
        except OSError:
            return None
        pause = FIRST_PAUSE
        try:
            while True:
                try:
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    await asyncio.sleep(pause)
                    pause = min(2 * pause, LONGEST_PAUSE)
                    continue
                except OSError:
                    os.close(descriptor)
                    return None
                return descriptor
        except BaseException:
            os.close(descriptor)
            raise

    def _open(self, name: str) -> int:
        path = self._folder / name
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        try:
            return os.open(path, flags, 0o600)
        except FileNotFoundError:
            self._folder.mkdir(parents=True, exist_ok=True)
            return os.open(path, flags, 0o600)
