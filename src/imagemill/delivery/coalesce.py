"""Many askers, one make: the first starts it, the others wait for the same future (threat C6).

The work belongs to nobody's connection: an asker who leaves does not cancel it for the others. When the last one has
left while the work still waits for a slot, it is dropped; once it runs it is finished, because it is paid for.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

T = TypeVar("T")


class Flight(Generic[T]):
    """One piece of shared work."""

    def __init__(self) -> None:
        """Start with no asker; `started` is set by the work once it must not be dropped any more."""
        self.task: asyncio.Task[T] | None = None
        self.askers = 0
        self.started = False


class Coalescer(Generic[T]):
    """Shared work by name; all state belongs to one event loop."""

    def __init__(self) -> None:
        """Nothing is under way at first."""
        self._flights: dict[Hashable, Flight[T]] = {}

    def __len__(self) -> int:
        return len(self._flights)

    async def join(self, name: Hashable, work: Callable[[Flight[T]], Awaitable[T]]) -> tuple[T, bool]:
        """Return the result of `work` and whether somebody else had already started it.

        `work` gets its Flight, to say when it has `started`. Its error reaches every asker; nobody retries by itself.
        """
        flight = self._flights.get(name)
        collapsed = flight is not None
        if flight is None:
            flight = Flight()
            self._flights[name] = flight
            flight.task = asyncio.ensure_future(self._run(name, flight, work))
            flight.task.add_done_callback(_retrieve)
        assert flight.task is not None
        flight.askers += 1
        try:
            return await asyncio.shield(flight.task), collapsed
        finally:
            flight.askers -= 1
            if not flight.askers and not flight.started and not flight.task.done():
                flight.task.cancel()
                if self._flights.get(name) is flight:
                    # A newcomer must not join work that is being dropped.
                    del self._flights[name]

    async def _run(self, name: Hashable, flight: Flight[T], work: Callable[[Flight[T]], Awaitable[T]]) -> T:
        try:
            return await work(flight)
        finally:
            if self._flights.get(name) is flight:
                del self._flights[name]

    async def drain(self) -> None:
        """Wait for everything under way, whatever its outcome."""
        tasks = [flight.task for flight in self._flights.values() if flight.task is not None]
        await asyncio.gather(*tasks, return_exceptions=True)


def _retrieve(task: asyncio.Task[T]) -> None:
    """Look at the outcome once, so that work whose askers have all left does not warn of a lost error."""
    if not task.cancelled():
        task.exception()
