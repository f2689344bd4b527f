"""Brief work is done in place until the disk is slow."""

from __future__ import annotations

import asyncio
import contextlib
import threading

from imagemill.object_store.threads import DISTRUST_SECONDS, SLOW_SECONDS, Brief, Threads


class Clock:
    """A clock that moves when told."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        """Return the present time in seconds."""
        return self.now


def test_a_slow_call_sends_the_next_ones_to_a_thread_for_a_while() -> None:
    """Quick calls stay in place; after a slow one threads do the work until the disk is trusted again."""
    clock = Clock()
    threads = Threads("brief-test", 1)
    brief = Brief(threads, clock)

    def work(seconds: float) -> bool:
        clock.now += seconds
        return threading.current_thread() is threading.main_thread()

    async def scene() -> list[bool]:
        places = [await brief.run(lambda: work(SLOW_SECONDS / 2)), await brief.run(lambda: work(SLOW_SECONDS * 2))]
        places.append(await brief.run(lambda: work(0)))
        clock.now += DISTRUST_SECONDS
        places.append(await brief.run(lambda: work(0)))
        return places

    assert asyncio.run(scene()) == [True, True, False, True]
    threads.close()


def test_a_call_that_fails_slowly_counts_as_slow() -> None:
    """An error after a long wait is a sign of a busy disk as well."""
    clock = Clock()
    threads = Threads("brief-test", 1)
    brief = Brief(threads, clock)

    def fail() -> None:
        clock.now += 1.0
        raise OSError

    async def scene() -> bool:
        with contextlib.suppress(OSError):
            await brief.run(fail)
        return await brief.run(lambda: threading.current_thread() is threading.main_thread())

    assert asyncio.run(scene()) is False
    threads.close()
