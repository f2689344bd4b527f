"""One thread that does the engine's jobs in the process of a function, one after the other.

Not an executor of the standard library, which the end of a process waits for: a job that cannot be stopped would keep a
process alive that has to end. And always the same thread, as Pango opens a font's file once for each.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import TypeVar

T = TypeVar("T")


class JobThread:
    """The thread; it ends with the process, or at `close` after the jobs that were given before."""

    def __init__(self) -> None:
        self._jobs: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        threading.Thread(target=self._work, name="engine", daemon=True).start()

    def run(self, job: Callable[[], T]) -> asyncio.Future[T]:
        """Do `job` after those before it; the future belongs to the running loop."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()

        def tell(result: T | None, error: BaseException | None) -> None:
            if future.cancelled():
                return
            if error is not None:
                future.set_exception(error)
            else:
                future.set_result(result)  # type: ignore[arg-type]  # None only where T is None, or there is an error

        def do() -> None:
            result, error = None, None
            try:
                result = job()
            except BaseException as raised:  # noqa: BLE001 - it is the asker's, whatever it is
                error = raised
            if not loop.is_closed():
                loop.call_soon_threadsafe(tell, result, error)

        self._jobs.put(do)
        return future

    def close(self) -> None:
        """Take no more jobs."""
        self._jobs.put(None)

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            job()
