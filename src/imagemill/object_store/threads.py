"""Blocking work in threads of its own, never given up half way.

Separate from `asyncio.to_thread` for two reasons. The default pool is shared with everything else, so one slow disk
would hold up whoever uses it. And a cancelled `to_thread` goes on running unseen: a client that hangs up during a
commit would release the key's lock while the rename still happens. Here cancellation waits for the thread.
"""

from __future__ import annotations

import asyncio
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
