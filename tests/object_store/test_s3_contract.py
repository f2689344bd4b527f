"""The store in a bucket keeps the port's promises: on moto always, and on a server that checks signatures."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from tests.object_store.s3_servers import S3Server

from imagemill.object_store.port import ObjectStore
from imagemill.object_store.s3.store import S3Objects
from imagemill.testing.contracts.object_store import ObjectStoreContract


class TestS3OnMoto(ObjectStoreContract):
    """A whole bucket of a moto server."""

    @pytest.fixture(autouse=True)
    def _server(self, moto_server: S3Server, tmp_path: Path) -> None:
        self.server, self.spool = moto_server, tmp_path / "spool"

    prefix = ""

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[ObjectStore]:
        """Open an empty bucket, and check at the end that no spooled file is left."""
        store = S3Objects(self.server.connection(self.server.bucket(), self.prefix), self.spool)
        yield store
        await store.close()
        assert not self.spool.exists() or list(self.spool.iterdir()) == []


class TestS3BelowPrefix(TestS3OnMoto):
    """Below a prefix of the bucket."""

    prefix = "some/where/"


class TestS3OnVersity(TestS3OnMoto):
    """A bucket of a server that checks signatures; it keeps objects as files, so it cannot hold every name."""

    def holds(self, names: Sequence[str]) -> list[str]:
        """Leave out what no folder holds: parts over 255 bytes, and what would lie inside a file."""
        short = [name for name in names if all(len(part.encode()) < 256 for part in name.split("/"))]
        return [name for name in short if not any(name.startswith(other + "/") for other in short)]

    @pytest.fixture(autouse=True)
    def _server(self, versity_s3: S3Server, tmp_path: Path) -> None:
        self.server, self.spool = versity_s3, tmp_path / "spool"
