"""Whose turn it is to make a variant, among processes and nodes: take the lease, or wait for what its holder makes.

Separate from `make`, which makes. Within a process any number of askers share one make already (`coalesce`), so here at
most one asker for each process meets the others. Who does not get the lease looks for the variant, not for the lease:
the variant is what it wants. Now and then it tries to take the lease as well, so that a maker that died, or failed, has
a follower at once; and one that takes longer than any make may is not waited for (threat C6).
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable

from imagemill.coordination.holding import Holding
from imagemill.coordination.leases import FREE, Leases
from imagemill.coordination.no_leases import NoLeases
from imagemill.delivery.values import Variant

LEASE_SECONDS = 6.0
"""How long a dead maker on another node is waited for; a living one renews its lease while it works."""
FIRST_PAUSE = 0.01
LONGEST_PAUSE = 0.25
GROWTH = 1.5
"""Between two looks at the store: soon at first, since most makes take some tens of milliseconds, then seldom."""


class Turns:
    """Asks the leases on behalf of makers."""

    def __init__(self, leases: Leases | None = None, *, patience: float = 20.0) -> None:
        """`patience` is the longest that a make can take, waiting for its slot included, in seconds."""
        self._leases = leases or NoLeases()
        self._patience = patience

    async def await_turn(self, name: str, look: Callable[[], Awaitable[Variant | None]]) -> Variant | Holding:
        """Return the variant `name` as soon as `look` finds it, or the lease to make it; `release` that afterwards.

        Raises what `look` raises.
        """
        loop = asyncio.get_running_loop()
        end = loop.time() + self._patience
        next_try = loop.time()
        pause = FIRST_PAUSE
        while loop.time() < end:
            if loop.time() >= next_try:
                lease = await self._leases.take(name, LEASE_SECONDS)
                if lease is FREE:
                    return Holding(FREE)  # nobody else is asked, so nobody can have made it meanwhile
                if lease is not None:
                    return await self._look_once_more(Holding(lease), look)
                next_try = loop.time() + self._leases.pause
            # Waiters of several nodes should not all come in the same moment.
            await asyncio.sleep(pause * random.uniform(0.8, 1.2))  # noqa: S311 - no secret
            pause = min(pause * GROWTH, LONGEST_PAUSE)
            known = await look()
            if known is not None:
                return known
        return Holding(FREE)

    async def _look_once_more(
        self, holding: Holding, look: Callable[[], Awaitable[Variant | None]]
    ) -> Variant | Holding:
        """Another may have made it and given the lease back between our last look and now."""
        known: Variant | None = None
        try:
            known = await look()
        except BaseException:
            await holding.release()
            raise
        if known is None:
            return holding
        await holding.release()
        return known

    async def close(self) -> None:
        """Give back what is still held."""
        await self._leases.close()
