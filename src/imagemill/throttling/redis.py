"""Token buckets that all nodes share: one Lua script in Redis takes from every bucket of a request, or from none.

Redis runs a script alone, so no two nodes can both take the last token; the time is the server's own, so the nodes'
clocks do not matter. A bucket is a hash of two fields that expires once it would be full anyway, so Redis holds no more
than the clients of the last minutes. All keys carry one hash tag, because a cluster wants a script's keys in one slot.
A bucket that holds no numbers, whoever wrote them, is a new one: it must not be an error of every request it judges.

The arithmetic is that of `bucket`, in Lua; the contract suite runs over both.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from imagemill.throttling.bucket import NEVER, TICK, Demand, Verdict

PREFIX = "{imagemill:throttle}:"
_LEVELS = """
local now = tonumber(ARGV[1])
if now < 0 then
  local time = redis.call('TIME')
  now = tonumber(time[1]) + tonumber(time[2]) / 1000000
end
local function level_of(key, rate, burst)
  local known = redis.call('HMGET', key, 'level', 'at')
  local level, at = tonumber(known[1]), tonumber(known[2])
  if not level or not at or level ~= level or level == -math.huge then return burst end
  local since = now - at
  if since > 0 then level = level + since * rate end
  return math.min(burst, level)
end
local function keep(key, rate, burst, level)
  redis.call('HSET', key, 'level', string.format('%.17g', level), 'at', string.format('%.6f', now))
  local full = 86400
  if rate > 0 then full = math.min(full, (burst - level) / rate + 1) end
  redis.call('PEXPIRE', key, math.ceil(full * 1000))
end
"""
TAKE = (
    _LEVELS
    + f"""
local levels, refused, longest = {{}}, 0, 0
for i, key in ipairs(KEYS) do
  local rate, burst, tokens = tonumber(ARGV[3*i-1]), tonumber(ARGV[3*i]), tonumber(ARGV[3*i+1])
  levels[i] = level_of(key, rate, burst)
  local missing = math.min(tokens, burst) - levels[i]
  if missing > {TICK!r} * (1 + rate) then
    local wait = {NEVER!r}
    if rate > 0 then wait = missing / rate end
    if wait > longest then refused, longest = i, wait end
  end
end
local answer = {{tostring(refused), string.format('%.17g', longest)}}
for i, key in ipairs(KEYS) do
  if refused == 0 then
    levels[i] = levels[i] - tonumber(ARGV[3*i+1])
    keep(key, tonumber(ARGV[3*i-1]), tonumber(ARGV[3*i]), levels[i])
  end
  answer[i + 2] = string.format('%.17g', levels[i])
end
return answer
"""
)
"""KEYS are buckets; ARGV a time (negative: the server's), then rate, burst and tokens of each."""
GIVE = (
    _LEVELS
    + """
local rate, burst, tokens = tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
keep(KEYS[1], rate, burst, math.min(burst, level_of(KEYS[1], rate, burst) + tokens))
return 1
"""
)
"""The same of one bucket, without asking."""


class Scripts(Protocol):
    """A Redis that runs scripts (`coordination.redis.SharedRedis`)."""

    async def run(self, script: str, keys: Sequence[str], arguments: Sequence[str | int | float]) -> Any:
        """Run `script` alone and return its answer."""
        ...


class RedisLimiter:
    """Levels in Redis. Raises what `Scripts.run` raises; `fallback` answers it."""

    def __init__(self, redis: Scripts, *, clock: Callable[[], float] | None = None, prefix: str = PREFIX) -> None:
        """`redis` belongs to who made it; `clock` replaces the server's time, for tests of many hours."""
        self._redis = redis
        self._clock = clock
        self._prefix = prefix

    async def take(self, demands: tuple[Demand, ...]) -> Verdict:
        """Take from all buckets or none."""
        keys = [self._name(demand) for demand in demands]
        answer = await self._redis.run(TAKE, keys, [self._now(), *(n for one in demands for n in _numbers(one))])
        refused = int(answer[0])
        levels = tuple(float(level) for level in answer[2:])
        return Verdict(levels, refused - 1 if refused else None, float(answer[1]))

    async def give(self, demand: Demand) -> None:
        """Put tokens back."""
        await self._redis.run(GIVE, [self._name(demand)], [self._now(), *_numbers(demand)])

    async def close(self) -> None:
        """The connection is others' too, and is closed by who made it."""

    def _now(self) -> float:
        return -1.0 if self._clock is None else self._clock()

    def _name(self, demand: Demand) -> str:
        return f"{self._prefix}{demand.bucket.name}:{demand.key}"


def _numbers(demand: Demand) -> tuple[float, float, float]:
    return demand.bucket.rate, demand.bucket.burst, demand.tokens
