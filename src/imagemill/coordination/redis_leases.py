"""Leases between nodes through Redis: `SET name token NX PX`, given back by a script that compares the token.

The token is the holder's own, so that a maker whose lease ran out cannot release the next one's (the pattern of Redis's
own documentation, "Distributed Locks"; one instance is enough, because a lease is an economy).

If Redis is away, everyone may make. That costs transcodes, one on each process that is asked, for as long as it is
away; refusing or waiting would cost answers, and no picture needs Redis.
"""

from __future__ import annotations

import contextlib
import secrets

from imagemill.coordination.leases import FREE, Lease, digest_of
from imagemill.coordination.redis import RedisAway, SharedRedis

_RENEW = """
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
return 0
"""
_RELEASE = """
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0
"""
PREFIX = "imagemill:lease:"


class RedisLease:
    """One key with our token; see `leases.Lease`."""

    def __init__(self, redis: SharedRedis, key: str, token: str, seconds: float) -> None:
        self.seconds = seconds
        self._redis = redis
        self._key = key
        self._token = token

    async def renew(self) -> bool:
        """Last longer. Where Redis is away the lease is held as far as anyone can tell."""
        try:
            return bool(await self._redis.run(_RENEW, [self._key], [self._token, _milliseconds(self.seconds)]))
        except RedisAway:
            return True

    async def release(self) -> None:
        """Give it back; where Redis is away it runs out by itself."""
        with contextlib.suppress(RedisAway):
            await self._redis.run(_RELEASE, [self._key], [self._token])


class RedisLeases:
    """Leases as keys that expire. See `leases.Leases`."""

    pause = 0.05

    def __init__(self, redis: SharedRedis, *, scope: str = "") -> None:
        """`scope` keeps apart what shares a Redis but no store: it is part of every name."""
        self._redis = redis
        self._scope = scope

    async def take(self, name: str, seconds: float) -> Lease | None:
        """Return the lease, None while somebody has it; one for everyone while Redis is away."""
        key = PREFIX + digest_of(f"{self._scope}\n{name}")
        token = secrets.token_hex(16)
        try:
            taken = await self._redis.set_if_absent(key, token, milliseconds=_milliseconds(seconds))
        except RedisAway:
            return FREE
        return RedisLease(self._redis, key, token, seconds) if taken else None

    async def close(self) -> None:
        """The connection belongs to whoever made it; leases not given back run out."""


def _milliseconds(seconds: float) -> int:
    return max(1, round(seconds * 1000))
