"""Blocking work in threads of its own, never given up half way.

Separate from `asyncio.to_thread` for two reasons. The default pool is shared with everything else, so one slow disk
would hold up whoever uses it. And a cancelled `to_thread` goes on running unseen: a client that hangs up during a
commit would release the key's lock while the rename still happens. Here cancellation waits for the thread.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")


class Threads:
    """A small pool for one store."""

    def __init__(self, name: str, count: int) -> None:
        """`name` shows in `ps -L`; `count` threads at most."""
        self._pool = ThreadPoolExecutor(count, thread_name_prefix=name)

    async def run(self, work: Callable[[], T], *, discard: Callable[[T], None] | None = None) -> T:
        """Return what `work` returns. A cancellation takes effect when it has ended; `discard` then gets its result."""
        future = asyncio.get_running_loop().run_in_executor(self._pool, work)
        cancelled: asyncio.CancelledError | None = None
        while not future.done():
            try:
                await asyncio.wait((future,))
            except asyncio.CancelledError as error:
                cancelled = error
        if cancelled is None:
            return future.result()
        if future.exception() is None and discard is not None:
            discard(future.result())
        raise cancelled

    def start(self, work: Callable[[], None]) -> Future[None]:
        """Do `work` in the background, in the order of asking where there is one thread."""
        return self._pool.submit(work)

    def close(self) -> None:
        """Wait for what is running and end the threads."""
        self._pool.shutdown(wait=True)


SLOW_SECONDS = 0.005
"""A call that took longer met the disk and not only the kernel's memory."""
DISTRUST_SECONDS = 10.0


class Brief:
    """Blocking work that is brief unless the disk is busy: done in place, in a thread for a while after it was not.

    To write a file of some ten kilobytes without fsync takes the kernel 30 to 60 microseconds; handing it to a thread
    costs several times that in turns of the interpreter's lock. So a disk that makes writers wait holds up the event
    loop once in `DISTRUST_SECONDS` at most.
    """

    def __init__(self, threads: Threads, clock: Callable[[], float] = time.monotonic) -> None:
        """`threads` take the work while the disk is not trusted; `clock` is in seconds."""
        self._threads = threads
        self._clock = clock
        self._distrusted_until = 0.0

    async def run(self, work: Callable[[], T]) -> T:
        """Return what `work` returns."""
        began = self._clock()
        if began < self._distrusted_until:
            return await self._threads.run(work)
        try:
            return work()
        finally:
            ended = self._clock()
            if ended - began > SLOW_SECONDS:
                self._distrusted_until = ended + DISTRUST_SECONDS
