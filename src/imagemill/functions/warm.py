"""The platform that a function keeps from one invocation to the next, on the one event loop it lives on.

Lambda starts a process, lets it initialise, and then gives it one event at a time; between two events the process is
frozen (AWS Lambda Developer Guide, "Lambda execution environment lifecycle"). So nothing is relied on that would run in
between: an invocation ends when all that it began has ended.
"""

from __future__ import annotations

import asyncio
import gc
import os
import sys
import time
from collections.abc import Awaitable, Callable
from typing import NoReturn, TypeVar

from imagemill.assembly.functions import RUNTIME, FunctionPlatform
from imagemill.errors import Overloaded
from imagemill.observability.logging import events

T = TypeVar("T")

RESERVE = 0.5
"""Seconds of an invocation that are left for handing over the answer."""


class Warm:
    """A platform that is made once and then used by every invocation."""

    def __init__(self, build: Callable[[], Awaitable[FunctionPlatform]]) -> None:
        """`build` returns the started platform; it is called on the loop of this object."""
        self._build = build
        self._loop: asyncio.AbstractEventLoop | None = None
        self._platform: FunctionPlatform | None = None

    def begin(self) -> None:
        """Initialise where this is a process of Lambda's; elsewhere (a test, a tool) the first work does."""
        if RUNTIME in os.environ:
            self.initialise()

    def initialise(self) -> None:
        """Make the platform while Lambda initialises the process, whose time is not an asker's.

        A wrong setting is raised: the function must not take requests, and its log says why. A store that is away now
        may be there when somebody asks, so that is tried again then.
        """
        try:
            self.ready()
        except Overloaded as error:
            events().warning("function.not_ready", detail=error.sentence)
        # What is there by now lives as long as the process; the garbage collector need not look at it again.
        gc.collect()
        gc.freeze()

    def run(self, work: Callable[[FunctionPlatform], Awaitable[T]]) -> T:
        """Do `work` with the platform, made now if need be; raises what `build` raises, and what `work` does."""
        platform = self.ready()
        assert self._loop is not None
        try:
            return self._loop.run_until_complete(_whole(platform, work))
        finally:
            if platform.engine.poisoned:
                end_after_answer()

    def close(self) -> None:
        """Close the platform and the loop: for tests, as functions just end."""
        if self._loop is None:
            return
        if self._platform is not None:
            self._loop.run_until_complete(self._platform.close())
        self._loop.run_until_complete(self._loop.shutdown_asyncgens())
        self._loop.close()
        self._loop = self._platform = None

    def ready(self) -> FunctionPlatform:
        """Return the platform, made now if need be, outside of any work of its own; raises what `build` raises."""
        if self._platform is None:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
            self._platform = self._loop.run_until_complete(_awaited(self._build))
        return self._platform


async def _awaited(build: Callable[[], Awaitable[FunctionPlatform]]) -> FunctionPlatform:
    return await build()


async def _whole(platform: FunctionPlatform, work: Callable[[FunctionPlatform], Awaitable[T]]) -> T:
    """Return what `work` returns, when nothing that it began is left, or no time is."""
    platform.engine.deadline = None  # that of an earlier invocation says nothing of this one
    await platform.awake()
    try:
        return await work(platform)
    finally:
        await _settle(platform)


async def _settle(platform: FunctionPlatform) -> None:
    """Let everything end that was begun, as far as the invocation's time goes; what is left goes on with the next."""
    deadline = platform.engine.deadline
    left = None if deadline is None else max(0.0, deadline - time.monotonic() - RESERVE / 2)
    settling = asyncio.ensure_future(platform.settled())
    done, _ = await asyncio.wait({settling}, timeout=left)
    if not done:
        events().warning("function.not_settled", why="the time of the invocation ended")
    elif (error := settling.exception()) is not None:  # the answer is there, and tells nothing of what came after
        events().error("function.not_settled", exc_info=error)


def seconds_left(context: object) -> float | None:
    """Return how long this invocation may still take, None where nobody says (a test, another runtime)."""
    left = getattr(context, "get_remaining_time_in_millis", None)
    return None if left is None else float(left()) / 1000


def deadline_of(context: object) -> float | None:
    """Return when this invocation must have answered, on the monotonic clock that the engine reads."""
    left = seconds_left(context)
    return None if left is None else time.monotonic() + left


def end_after_answer() -> None:
    """Let this process end when its answer has been handed over: a job that nobody could stop still runs in it.

    Lambda's runtime asks for the next event only after that, so the end stands in the place of its asking; Lambda then
    starts another process. Where no runtime is, there is nobody to start one, and nothing is ended.
    """
    runtime = sys.modules.get("awslambdaric.lambda_runtime_client")
    events().warning("function.ends", why="a job could not be stopped", ends=runtime is not None)
    if runtime is not None:
        runtime.LambdaRuntimeClient.wait_next_invocation = _end


def _end(*_: object) -> NoReturn:
    sys.stderr.flush()
    os._exit(1)
