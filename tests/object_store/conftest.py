"""What the tests of stores share."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.object_store.s3_servers import S3Server
from tests.servers import versity as versity_server
from tests.servers.moto import moto
from tests.servers.versity import versity

# The shipped contracts explain a failed assertion as a test module would.
pytest.register_assert_rewrite("imagemill.testing.contracts.object_store")


@pytest.fixture
def memory_folder() -> Iterator[Path]:
    """A folder in memory where the machine has one: for tests that make many files and ask nothing of the disk."""
    place = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=place if os.access(place, os.W_OK) else None) as folder:
        Path(folder).chmod(0o755)  # one test looks at it as somebody else
        yield Path(folder)


@pytest.fixture(scope="session")
def moto_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """A moto server for the tests of stores."""
    with moto(tmp_path_factory.mktemp("moto")) as url:
        yield S3Server(url, "AKIDMOTO", "secret")


@pytest.fixture(scope="session")
def versity_s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """A Versity gateway for the tests of stores."""
    folder = tmp_path_factory.mktemp("versity") / "buckets"
    folder.mkdir()
    with versity(folder) as url:
        yield S3Server(url, versity_server.ACCESS, versity_server.SECRET)
