"""What every keeper of token buckets promises. `imagemill.testing.contracts.limiter` is this page as tests.

* All demands of one `take` are met, or none: a client that is over its own limit costs the site's bucket nothing.
* Over any stretch of t seconds no bucket gives more than burst + rate · t + 1 tokens, whoever asks how many at a time.
* A bucket nobody has asked before is full. One that was forgotten for want of room is full again, which costs us one
  burst; the least recently asked is forgotten first.
* Nothing here raises for want of a server: an adapter that shares through one decides itself what to do without it.
"""

from __future__ import annotations

from typing import Protocol

from imagemill.throttling.bucket import Demand, Verdict


class Limiter(Protocol):
    """Keeps the levels of buckets, by rule and key."""

    async def take(self, demands: tuple[Demand, ...]) -> Verdict:
        """Take the tokens of all demands, or of none; no rule may stand in them twice."""
        ...

    async def give(self, demand: Demand) -> None:
        """Put tokens back, up to the burst; negative tokens are taken without asking, and may leave a debt."""
        ...

    async def close(self) -> None:
        """Let go of files and connections."""
        ...
