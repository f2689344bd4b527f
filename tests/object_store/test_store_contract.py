"""Every adapter keeps the port's promises."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from imagemill.object_store.local import LocalStore
from imagemill.object_store.memory import MemoryStore
from imagemill.object_store.port import ObjectStore
from imagemill.testing.contracts.object_store import ObjectStoreContract


class TestMemoryStore(ObjectStoreContract):
    """The store in memory."""

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[ObjectStore]:
        """Open an empty one."""
        store = MemoryStore()
        yield store
        await store.close()


class TestLocalStore(ObjectStoreContract):
    """The store in a folder, our own files inside it."""

    @pytest.fixture(autouse=True)
    def _folder(self, memory_folder: Path) -> None:
        self.root, self.apart = memory_folder / "pictures", memory_folder / "pictures" / ".imagemill"

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[ObjectStore]:
        """Open an empty one, and check at the end that nothing lies about."""
        store = LocalStore(self.root, self.apart)
        yield store
        await store.close()
        assert list((self.apart / "uploads").iterdir()) == []


class TestLocalStoreApart(TestLocalStore):
    """The store in a folder, our own files beside it."""

    @pytest.fixture(autouse=True)
    def _folder(self, memory_folder: Path) -> None:
        self.root, self.apart = memory_folder / "pictures", memory_folder / "ours"
