"""What `doctor` says of Redis: there, and ours to use, or what the nodes do without it.

Separate from `checks` for the import of its client, which most platforms do not need.
"""

from __future__ import annotations

import asyncio

from imagemill.assembly.nodes import build_redis
from imagemill.cli.checks import Finding, ok
from imagemill.settings import Settings


def redis_findings(settings: Settings) -> tuple[Finding, ...]:
    """Return a line where `limits.url` names a Redis: at most a warning, as pictures are served without it."""
    redis = build_redis(settings)
    if redis is None:
        return ()

    async def tried() -> str | None:
        try:
            return await redis.check()
        finally:
            await redis.close()

    fault = asyncio.run(tried())
    if fault is None:
        return (ok("redis", f"{redis.address} answers"),)
    return (
        Finding(
            "redis",
            "warn",
            f"{fault}, or refuses us: each node counts for itself, and sees changes within two seconds",
            "start it, or correct limits.url (address, password)",
        ),
    )
