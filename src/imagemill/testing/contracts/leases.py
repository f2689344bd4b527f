"""What every kind of lease promises, as tests. How an adapter joins is told in `contracts.object_store`."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager

from imagemill.coordination.holding import Holding
from imagemill.coordination.leases import Lease, Leases

Scenario = Callable[[Leases, Leases], Awaitable[None]]

LONG = 30.0
SHORT = 0.4
PATIENCE = 60.0


async def taken(leases: Leases, name: str = "a", seconds: float = LONG) -> Lease:
    """Take a lease that must be there to take, perhaps after a moment: some adapters watch before they take over."""
    deadline = time.monotonic() + PATIENCE
    while (lease := await leases.take(name, seconds)) is None:
        assert time.monotonic() < deadline, "the lease is never free"
        await asyncio.sleep(0.02)
    return lease


class LeasesContract:
    """The promises of `imagemill.coordination.leases.Leases`, seen by two processes or nodes that share them."""

    runs_out = True
    """Whether a lease ends by time; one that lasts as long as its process does not."""

    def opened(self) -> AbstractAsyncContextManager[tuple[Leases, Leases]]:
        """Return the leases of two holders that share nothing but what the adapter shares, to be closed at the end."""
        raise NotImplementedError

    def check(self, scenario: Scenario) -> None:
        """Run `scenario` with two holders."""

        async def run() -> None:
            async with self.opened() as (one, other):
                await scenario(one, other)

        asyncio.run(run())

    def test_one_of_two_gets_it(self) -> None:
        """What one holds, neither the other nor itself can take again."""

        async def scenario(one: Leases, other: Leases) -> None:
            lease = await taken(one)
            assert await other.take("a", LONG) is None
            assert await one.take("a", LONG) is None
            await lease.release()

        self.check(scenario)

    def test_names_are_apart(self) -> None:
        """A lease keeps nobody from another name, however long or odd the names are."""

        async def scenario(one: Leases, other: Leases) -> None:
            names = ["a", "A", "a/b", "a\nb", "ä" * 2000, "../../x", ""]
            leases = [await taken(one, name) for name in names]
            assert [await other.take(name, LONG) for name in names] == [None] * len(names)
            for lease in leases:
                await lease.release()

        self.check(scenario)

    def test_released_is_free(self) -> None:
        """After a release the other gets it at once; releasing twice takes nothing from it."""

        async def scenario(one: Leases, other: Leases) -> None:
            first = await taken(one)
            await first.release()
            second = await other.take("a", LONG)
            assert second is not None
            await first.release()
            assert await one.take("a", LONG) is None
            await second.release()

        self.check(scenario)

    def test_only_one_of_many_gets_it(self) -> None:
        """Of many who try in the same moment exactly one gets the lease, round after round."""

        async def scenario(one: Leases, other: Leases) -> None:
            for turn in range(5):
                tries = [leases.take(f"turn {turn}", LONG) for leases in (one, other) for _ in range(10)]
                got = [lease for lease in await asyncio.gather(*tries) if lease is not None]
                assert len(got) == 1
                await got[0].release()

        self.check(scenario)

    def test_a_lease_that_runs_out_is_taken_over(self) -> None:
        """A holder that does not renew has a follower, and its late release or renewal takes nothing from that one."""

        async def scenario(one: Leases, other: Leases) -> None:
            first = await taken(one, seconds=SHORT)
            second = await taken(other)
            assert await first.renew() is False
            await first.release()
            assert await one.take("a", LONG) is None
            await second.release()

        if self.runs_out:
            self.check(scenario)

    def test_a_holder_that_works_long_keeps_it(self) -> None:
        """While the holder lives its lease is renewed, well beyond the time it was taken for."""

        async def scenario(one: Leases, other: Leases) -> None:
            holding = Holding(await taken(one, seconds=3.0))
            until = time.monotonic() + 3.8
            while time.monotonic() < until:
                assert await other.take("a", LONG) is None
                await asyncio.sleep(0.05)
            await holding.release()
            assert await other.take("a", LONG) is not None

        self.check(scenario)
