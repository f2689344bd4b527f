"""Who may transcode now, who waits, who is sent away: admission by waiting time, fair between clients (threats 2.9).

A make enters when the estimated CPU before it, spread over the workers, is at most `queue_seconds`, and fewer than
`queue` wait. Each client has a sub-queue and the sub-queues are served in turn, so that a client with 500 waiting makes
costs another at most one running job. Waiters hold no image bytes; one that is cancelled leaves the queue at once.
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
    """As many slots as workers; all state belongs to one event loop."""

    def __init__(self, *, workers: int, queue: int, queue_seconds: float) -> None:
        """`queue` is how many may wait, `queue_seconds` how long the last of them may have to."""
        self._free = workers
        self._workers = workers
        self._queue = queue
        self._seconds = queue_seconds
        self._clients: OrderedDict[str, deque[_Waiter]] = OrderedDict()
        self._waiting = 0
        self._pending = 0.0

    @property
    def waiting(self) -> int:
        """How many makes wait."""
        return self._waiting

    @property
    def running(self) -> int:
        """How many makes run."""
        return self._workers - self._free

    @property
    def pending_seconds(self) -> float:
        """Estimated CPU-seconds admitted and not finished."""
        return self._pending

    @asynccontextmanager
    async def slot(self, client: str, estimate: float) -> AsyncIterator[None]:
        """Hold a slot for a make of `estimate` CPU-seconds; raise Overloaded at once when it would wait too long."""
        self._check(estimate)
        self._pending += estimate
        try:
            await self._enter(client, estimate)
            try:
                yield
            finally:
                self._free += 1
        finally:
            self._pending = max(0.0, self._pending - estimate)
            self._serve()

    def _check(self, estimate: float) -> None:
        # The first make always enters: a single picture dearer than the whole queue is the engine's to judge.
        wait = self._pending / self._workers
        if self._pending > 0 and wait + estimate / self._workers > self._seconds:
            raise Overloaded(
                f"The server is busy: {wait:.1f} s of transcoding wait already. Please try again.",
                retry_after=max(1.0, wait - self._seconds / 2),
            )
        if self._waiting >= self._queue:
            raise Overloaded(
                f"The server is busy: {self._waiting} transcodes wait already. Please try again.",
                retry_after=max(1.0, wait),
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
