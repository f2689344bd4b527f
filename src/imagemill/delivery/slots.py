"""Who may transcode now, who waits, who is sent away: admission by waiting time, fair between clients (threats 2.9).

Each client has a sub-queue and the sub-queues are served in turn, so that a client with 500 waiting makes costs another
at most one running job. A make enters when the CPU that will be spent before its turn comes, spread over the workers,
is at most `queue_seconds`: all that its own client has pending, and of every other client as much again at most. So a
client that fills the queue is refused, and the next one is not. At most `queue` wait; beyond it the client with the
most loses its newest. Waiters hold no image bytes; one that is cancelled leaves the queue at once.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from imagemill.errors import Overloaded


@dataclass(slots=True, eq=False)
class _Waiter:
    client: str
    estimate: float
    ready: asyncio.Future[None]


class Slots:
    """A slot for each worker, and `ahead` more; all state belongs to one event loop."""

    def __init__(self, *, workers: int, queue: int, queue_seconds: float, ahead: int = 0) -> None:
        """`queue` is how many may wait, `queue_seconds` how long the last of them may have to.

        `ahead` makes are opened and handed over while every worker is busy, so that none stands idle between two jobs:
        with two workers and one ahead, a newcomer still starts when the two running jobs have ended.
        """
        self._free = workers + ahead
        self._slots = workers + ahead
        self._workers = workers
        self._queue = queue
        self._seconds = queue_seconds
        self._clients: OrderedDict[str, deque[_Waiter]] = OrderedDict()
        self._waiting = 0
        self._pending: dict[str, float] = {}

    @property
    def waiting(self) -> int:
        """How many makes wait."""
        return self._waiting

    @property
    def running(self) -> int:
        """How many makes run."""
        return self._slots - self._free

    @property
    def pending_seconds(self) -> float:
        """Estimated CPU-seconds admitted and not finished."""
        return sum(self._pending.values())

    def check(self, client: str, estimate: float) -> None:
        """Raise Overloaded where `slot` would; nothing is taken and nobody displaced.

        So that a refusal costs nothing (threat O4): asked before a budget is spent, a lease is taken, a task is made.
        """
        wait = self._wait(client, estimate)
        if wait > self._seconds:
            raise self._busy(wait)

    @asynccontextmanager
    async def slot(self, client: str, estimate: float) -> AsyncIterator[None]:
        """Hold a slot for a make of `estimate` CPU-seconds; raise Overloaded at once when it would wait too long."""
        self._enter_queue(client, estimate)
        self._pending[client] = self._pending.get(client, 0.0) + estimate
        try:
            await self._enter(client, estimate)
            try:
                yield
            finally:
                self._free += 1
        finally:
            self._forget(client, estimate)
            self._serve()

    def _forget(self, client: str, estimate: float) -> None:
        left = self._pending[client] - estimate
        if left > estimate * 1e-6:
            self._pending[client] = left
        else:
            del self._pending[client]

    def _enter_queue(self, client: str, estimate: float) -> None:
        """Refuse what would wait too long, and make room where too many wait."""
        self.check(client, estimate)
        if self._pending and self._waiting >= self._queue:
            self._displace(client, self._wait(client, estimate))

    def _wait(self, client: str, estimate: float) -> float:
        """Return the seconds that a make would wait at most for its end."""
        if not self._pending:
            return 0.0  # the first make always enters: what a single picture may cost is the engine's to judge
        own = self._pending.get(client, 0.0) + estimate
        before = sum(min(pending, own) for other, pending in self._pending.items() if other != client)
        return (before + own) / self._workers

    def _displace(self, client: str, wait: float) -> None:
        """Send away the newest waiter of the client that has the most, or the newcomer if that is its own client."""
        most = max(self._clients.values(), key=len)
        if len(most) <= len(self._clients.get(client, ())) + 1:
            raise self._busy(wait)
        waiter = most.pop()
        self._waiting -= 1
        if not waiter.ready.done():
            waiter.ready.set_exception(self._busy(wait))

    def _busy(self, wait: float) -> Overloaded:
        return Overloaded(
            f"The server is busy: this would wait {wait:.1f} s for its turn. Please try again.",
            retry_after=max(1.0, wait - self._seconds / 2),
        )

    async def _enter(self, client: str, estimate: float) -> None:
        if self._free > 0 and not self._waiting:
            self._free -= 1
            return
        waiter = _Waiter(client, estimate, asyncio.get_running_loop().create_future())
        self._clients.setdefault(client, deque()).append(waiter)
        self._waiting += 1
        try:
            await waiter.ready
        except asyncio.CancelledError:
            self._leave(waiter)
            raise

    def _leave(self, waiter: _Waiter) -> None:
        """Undo the wait of one who was cancelled, before or after its turn came."""
        if waiter.ready.done() and not waiter.ready.cancelled():
            self._free += 1
            return
        queue = self._clients.get(waiter.client)
        if queue is None or waiter not in queue:
            return  # its turn came between the cancelling and now, and was passed on
        queue.remove(waiter)
        self._waiting -= 1
        if not queue:
            del self._clients[waiter.client]

    def _serve(self) -> None:
        """Give each free slot to the first waiter of the client whose turn it is."""
        while self._free > 0 and self._clients:
            client, queue = next(iter(self._clients.items()))
            waiter = queue.popleft()
            self._waiting -= 1
            if queue:
                self._clients.move_to_end(client)
            else:
                del self._clients[client]
            if not waiter.ready.done():
                self._free -= 1
                waiter.ready.set_result(None)
