"""One Redis for the tests of this folder."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.servers.redis import RedisServer, running_redis

from imagemill.coordination import redis as shared_redis


@pytest.fixture(scope="session")
def redis() -> Iterator[RedisServer]:
    """A running server; who stops it starts it again."""
    with running_redis() as server:
        yield server


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """A healthy Redis answers within what a command is given, but not always on a busy machine: here it has longer.

    Who tests a Redis that hangs sets its own times.
    """
    monkeypatch.setattr(shared_redis, "COMMAND_SECONDS", 20.0)
    monkeypatch.setattr(shared_redis, "LISTEN_SECONDS", 20.0)
