"""What the tests of functions share: a bucket server, and the maker on fresh buckets of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.functions.makers import MakerOf, makers
from tests.object_store.s3_servers import S3Server
from tests.servers.moto import moto


@pytest.fixture(scope="session")
def buckets(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """A moto server."""
    with moto(tmp_path_factory.mktemp("moto")) as url:
        yield S3Server(url, "AKIDMOTO", "secret")


@pytest.fixture
def maker_of(buckets: S3Server, tmp_path: Path) -> Iterator[MakerOf]:
    """Make makers with settings of their own; all are closed at the end."""
    with makers(buckets, tmp_path) as make:
        yield make
