"""The store of variants in a bucket keeps the port's promises: in memory, on moto, and where signatures are checked."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest
from tests.object_store.s3_servers import S3Server
from tests.servers.moto import moto
from tests.variants.memory_bucket import MemoryBucket

from imagemill.testing.contracts.variant_store import VariantStoreContract
from imagemill.variants.port import VariantStore
from imagemill.variants.remote import RemoteVariants


class TestRemoteVariants(VariantStoreContract):
    """Over a bucket in memory."""

    @asynccontextmanager
    async def opened(self, *, max_bytes: int, max_per_original: int) -> AsyncIterator[VariantStore]:
        """Open an empty one, and check at the end that nothing lies about."""
        bucket = MemoryBucket()
        store = RemoteVariants(bucket, max_bytes=max_bytes, max_per_original=max_per_original)
        yield store
        await store.settled()
        assert store.usage() == sum(
            len(one.data) for name, one in bucket.objects.items() if not name.endswith((".json", ".txt"))
        )
        await store.close()


@pytest.fixture(scope="module")
def moto_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """A moto server for this file."""
    with moto(tmp_path_factory.mktemp("moto")) as url:
        yield S3Server(url, "AKIDMOTO", "secret")


class TestRemoteVariantsOnMoto(VariantStoreContract):
    """Below a prefix of a bucket on a moto server."""

    @pytest.fixture(autouse=True)
    def _server(self, moto_server: S3Server) -> None:
        self.server = moto_server

    @asynccontextmanager
    async def opened(self, *, max_bytes: int, max_per_original: int) -> AsyncIterator[VariantStore]:
        """Open an empty one."""
        connection = self.server.connection(self.server.bucket(), "our/variants/")
        store = RemoteVariants(
            connection, max_bytes=max_bytes, max_per_original=max_per_original, room=len("our/variants/")
        )
        yield store
        await store.close()
