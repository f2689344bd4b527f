"""What `doctor` says of Redis."""

from __future__ import annotations

from tests.servers.redis import PASSWORD, RedisServer
from tests.serving import free_port

from imagemill.cli.shared_checks import redis_findings
from imagemill.coordination.settings import SharedSettings
from imagemill.settings import Settings


def told(url: str) -> list[tuple[str, str, bool]]:
    """Return what is said of the Redis at `url`: check, state, and whether the password is told."""
    found = redis_findings(Settings(shared=SharedSettings(url=url)))
    return [(one.check, one.state, PASSWORD in one.text + one.next_step) for one in found]


def test_doctor_tries_the_redis_of_the_settings(redis_server: RedisServer) -> None:
    """There, absent, and there with a wrong password; nothing is said where none is named."""
    assert told(redis_server.url) == [("redis", "ok", False)]
    assert told(redis_server.url.replace(PASSWORD, f"not-{PASSWORD}")) == [("redis", "warn", False)]
    assert told(f"redis://:{PASSWORD}@127.0.0.1:{free_port()}") == [("redis", "warn", False)]
    assert told("memory://") == []
