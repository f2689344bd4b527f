"""The arithmetic of token buckets: pure, shared by every adapter (the script in Redis says the same in Lua).

A bucket holds at most `burst` tokens and earns `rate` of them a second. What is kept of it is a level and the time of
that level, so a bucket that nobody touches costs nothing. Time never runs backwards here: a clock that is set back
earns nothing until it has caught up, and one that jumps ahead earns one burst at most (threat O1).
"""

from __future__ import annotations

from dataclasses import dataclass

NEVER = 3600.0
"""Seconds told to who waits for a bucket that earns nothing."""
TICK = 1e-6
"""A microsecond's worth of tokens, and a millionth of one, are forgiven: who waited exactly as long as told must not
fail on the last bit of a float. What is forgiven is owed, so it never adds up."""


@dataclass(frozen=True, slots=True)
class Bucket:
    """One rule: `name` is what clients and metrics see of it, `rate` tokens a second, `burst` tokens at most."""

    name: str
    rate: float
    burst: float

    def share(self, nodes: int) -> Bucket:
        """Return what one of several nodes may admit by itself; never less than one request at a time."""
        return Bucket(self.name, self.rate / nodes, max(min(1.0, self.burst), self.burst / nodes))


@dataclass(frozen=True, slots=True)
class Demand:
    """Tokens asked of the bucket that `key` has under a rule; `key` is a client, or empty where all share one."""

    bucket: Bucket
    key: str = ""
    tokens: float = 1.0


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of some demands: all were met, or none was.

    `levels` are the tokens left, in the order of the demands (negative where one is in debt). `refused` is the place of
    the demand that has to wait longest, None where all were met, and `wait` the seconds after which the same demands
    would be met if nobody else asked.
    """

    levels: tuple[float, ...]
    refused: int | None = None
    wait: float = 0.0

    @property
    def met(self) -> bool:
        """Whether the tokens were taken."""
        return self.refused is None


def level_at(bucket: Bucket, level: float, since: float) -> float:
    """Return the level `since` seconds after it was `level`; a negative time earns nothing."""
    return min(bucket.burst, level + since * bucket.rate) if since > 0 else min(bucket.burst, level)


def wait_for(demand: Demand, level: float) -> float:
    """Return the seconds until `demand` is met at `level` tokens; 0 where it is met now.

    Who asks for more than a burst is let through at a full bucket and leaves a debt: a make may be dearer than any
    bucket, and what one make may cost is the engine's to judge.
    """
    bucket = demand.bucket
    missing = min(demand.tokens, bucket.burst) - level
    if missing <= TICK * (1 + bucket.rate):
        return 0.0
    return missing / bucket.rate if bucket.rate > 0 else NEVER


def judge(demands: tuple[Demand, ...], levels: list[float]) -> Verdict:
    """Return the verdict on `demands` at the present `levels`; where they are met, the levels after taking."""
    refused, longest = None, 0.0
    for place, (demand, level) in enumerate(zip(demands, levels, strict=True)):
        wait = wait_for(demand, level)
        if wait > longest:
            refused, longest = place, wait
    if refused is not None:
        return Verdict(tuple(levels), refused, longest)
    return Verdict(tuple(level - demand.tokens for demand, level in zip(demands, levels, strict=True)))
