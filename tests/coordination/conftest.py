"""What the tests of coordination share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.servers.redis import RedisServer, running_redis

# The shipped contracts explain a failed assertion as a test module would.
pytest.register_assert_rewrite("imagemill.testing.contracts.leases")


@pytest.fixture(scope="session")
def redis_server() -> Iterator[RedisServer]:
    """One real Redis for all tests here."""
    with running_redis() as server:
        yield server
