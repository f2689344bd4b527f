"""One Redis for the tests of this folder."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.servers.redis import RedisServer, running_redis


@pytest.fixture(scope="session")
def redis() -> Iterator[RedisServer]:
    """A running server; who stops it starts it again."""
    with running_redis() as server:
        yield server
