"""Every variant store keeps the port's promises."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from imagemill.testing.contracts.variant_store import VariantStoreContract
from imagemill.variants.local import LocalVariants
from imagemill.variants.memory import MemoryVariants
from imagemill.variants.port import VariantStore


class TestMemoryVariants(VariantStoreContract):
    """The store in memory."""

    @asynccontextmanager
    async def opened(self, *, max_bytes: int, max_per_original: int) -> AsyncIterator[VariantStore]:
        """Open an empty one."""
        store = MemoryVariants(max_bytes=max_bytes, max_per_original=max_per_original)
        yield store
        await store.close()


class TestLocalVariants(VariantStoreContract):
    """The store in a folder."""

    @pytest.fixture(autouse=True)
    def _folder(self, memory_folder: Path) -> None:
        self.root = memory_folder / "variants"

    @asynccontextmanager
    async def opened(self, *, max_bytes: int, max_per_original: int) -> AsyncIterator[VariantStore]:
        """Open an empty one, and check at the end that nothing lies about."""
        store = LocalVariants(self.root, max_bytes=max_bytes, max_per_original=max_per_original)
        await store.settled()
        yield store
        await store.settled()
        await store.close()
        assert list((self.root / ".tmp").iterdir()) == []
        assert list((self.root / ".trash").iterdir()) == []
