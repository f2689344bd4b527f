"""The engine port in this very process, where the micro-VM around it is the worker (decision 0025).

A function in the cloud serves one request at a time in a machine of its own, with a role that can do little. The same
code with the same limits gives the same bytes as a worker (`jobs.answer_to`), in a thread so that the event loop lives.

What differs is the end of a job that breaks a limit. Nobody can be killed here: a job that takes too long is asked to
stop (`stopping`), and so is one that takes too much memory (`memory_ceiling`). Either is answered 422, and where the
job runs on, or a library was refused memory, the engine is `poisoned`: whoever runs the process ends it after that
answer, and the next request gets a fresh one.
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Callable
from functools import partial

import msgspec

from imagemill.engine import protocol
from imagemill.engine.job_thread import JobThread
from imagemill.engine.jobs import Tasks, answer_to, production_tasks
from imagemill.engine.limits import Limits
from imagemill.engine.memory_ceiling import Ceiling
from imagemill.engine.meter import TRIM_BYTES, Heap, Meter
from imagemill.engine.port import Source
from imagemill.engine.settings import EngineSettings
from imagemill.engine.setup import setup_of
from imagemill.engine.stopping import Stop, stopped_by
from imagemill.engine.strikes import Strikes
from imagemill.engine.verbs import Verbs
from imagemill.errors import Overloaded, Unprocessable

Broken = Overloaded | Unprocessable

WATCH_SECONDS = 0.025
"""Between two looks at the memory of a job; most are done before the first."""

ANSWER_SECONDS = 1.0
"""What of an invocation's time is left for keeping the variant and answering."""

STOP_SECONDS = 0.25
"""How long a job that was asked to stop may take to do so."""

_log = logging.getLogger(__name__)


class InProcessEngine(Verbs):
    """`engine.port.Engine` without worker processes. To be used on one event loop; does one job at a time."""

    size = 1

    def __init__(
        self,
        settings: EngineSettings,
        limits: Limits,
        *,
        machine_bytes: int | None = None,
        tasks: Callable[[], Tasks] = production_tasks,
        clock: Callable[[], float] = time.monotonic,
        stop_seconds: float = STOP_SECONDS,
    ) -> None:
        """`machine_bytes` is all that this machine has, None where nobody says; `clock` gives seconds.

        `tasks` is what can be done, and is called by `start`; a job that is asked to stop has `stop_seconds` for that.
        """
        super().__init__(limits)
        self._settings = settings
        self._make_tasks = tasks
        self._clock = clock
        self._stop_seconds = stop_seconds
        self.machine_bytes = machine_bytes
        self._strikes = Strikes()
        self._setup = setup_of(settings, limits, rare=True)
        self._turn = asyncio.Lock()
        self._thread = JobThread()
        self._tasks: Tasks | None = None
        self._meter: Meter | None = None
        self._ceiling: Ceiling | None = None
        self.deadline: float | None = None
        """When the present invocation must have answered, on `clock`; None where nobody has said."""
        self.poisoned = False
        """Whether a job could not be stopped: this process must not take another request."""
        self.revision = ""
        self.reads: tuple[str, ...] = ()

    async def start(self) -> None:
        """Load the libraries and close what must stay closed; raises EngineUnfit."""
        await self._thread.run(self._start)

    def _start(self) -> None:
        tasks = self._make_tasks()
        self.revision = tasks.start() + ("+linear-light" if self._setup.linear_light else "")
        tasks.load_fonts(self._setup.fonts)
        self.reads = tuple(tasks.readable())
        tasks.limit_drawings(None, self._setup.drawing_memory_bytes)
        self._meter = meter = Meter()
        self._ceiling = Ceiling(meter, job_bytes=self._setup.memory_bytes, machine_bytes=self.machine_bytes)
        self._heap = Heap(meter)
        self._tasks = tasks

    @property
    def ready_workers(self) -> int:
        """1 where a job can be done, 0 before the start and after a job that could not be stopped."""
        return int(self._tasks is not None and not self.poisoned)

    async def close(self) -> None:
        """Wait for the job that runs, unless it cannot be stopped."""
        async with self._turn:
            self._tasks = None
            meter, self._meter = self._meter, None
            if meter is not None:
                closed = self._thread.run(meter.close)  # behind a job that could not be stopped, which still measures
                if not self.poisoned:
                    await closed
            self._thread.close()

    async def _perform(
        self,
        request: protocol.Request,
        sources: tuple[Source, ...],
        *,
        work: str,
        expects: type[protocol.Success],
        body_bytes: int,
    ) -> tuple[protocol.Answer, bytes]:
        """Do a job when the one before has ended, and return its answer; whoever leaves leaves it running."""
        digest = sources[0].digest
        self._strikes.refuse(digest, work)
        descriptors = [os.dup(source.descriptor) for source in sources]
        return await asyncio.shield(asyncio.ensure_future(self._in_turn(request, descriptors, digest, work)))

    async def _in_turn(
        self, request: protocol.Request, descriptors: list[int], digest: str, work: str
    ) -> tuple[protocol.Answer, bytes]:
        """Wait for the job before, then do this one within its limits; the descriptors are closed in any case."""
        async with self._turn:
            try:
                seconds = self._seconds()
            except BaseException:
                for descriptor in descriptors:
                    os.close(descriptor)
                raise
            stop = Stop()
            running = self._thread.run(partial(self._do, request, descriptors, stop))
            broken = await self._watch(running, seconds)
            if broken is not None:
                stop.ask()
                self.poisoned = not (await asyncio.wait({running}, timeout=self._stop_seconds))[0]
                self._strikes.add(digest, work)
                raise broken
        answer, body = running.result()
        self._note(answer, digest, work, long=not isinstance(request, protocol.Probe))
        return answer, body

    async def _watch(self, running: asyncio.Future[tuple[protocol.Answer, bytes]], seconds: float) -> Broken | None:
        """Wait until the job ends; return the error of the limit that it breaks instead."""
        assert self._ceiling is not None
        end = self._clock() + seconds
        while True:
            left = end - self._clock()
            if (await asyncio.wait({running}, timeout=max(0.0, min(WATCH_SECONDS, left))))[0]:
                return None
            if left <= WATCH_SECONDS:
                return self._too_long(seconds)
            if self._ceiling.is_broken():
                return Unprocessable("The image needs more memory than one job may use.", code="too_complex")

    def _do(self, request: protocol.Request, descriptors: list[int], stop: Stop) -> tuple[protocol.Answer, bytes]:
        """Do a job; runs in the engine's thread."""
        assert self._tasks is not None
        assert self._ceiling is not None
        with stopped_by(stop), self._ceiling.held() as threshold:
            setup = msgspec.structs.replace(self._setup, memory_bytes=threshold)
            answer = answer_to(self._tasks, setup, request, descriptors, self._ceiling.meter)
        self._heap.give_back(TRIM_BYTES)
        return answer

    def _seconds(self) -> float:
        """How long the next job may take; raises Overloaded where there is no time, or no engine, left."""
        if not self.ready_workers:
            raise Overloaded("The engine is not running.", retry_after=1)
        left = float("inf") if self.deadline is None else self.deadline - self._clock() - ANSWER_SECONDS
        if left <= 0:
            raise Overloaded("There is no time left for this job in this invocation.", retry_after=1)
        return min(self._settings.wall_seconds, left)

    def _too_long(self, seconds: float) -> Broken:
        if seconds < self._settings.wall_seconds:
            return Overloaded("The time of this invocation ended before the job did; please try again.", retry_after=1)
        sentence = f"This job took longer than the {seconds:g} seconds that one may take."
        return Unprocessable(sentence, code="too_complex")

    def _note(self, answer: protocol.Answer, digest: str, work: str, *, long: bool) -> None:
        """Remember who is sound and who broke a limit; say in the log what surprised us."""
        if not isinstance(answer, protocol.Failed):
            if long:
                self._strikes.sound(digest)
            return
        if answer.exhausted:
            self._strikes.add(digest, work)
            self.poisoned = True  # what a library does after a refused allocation is anyone's guess
        if answer.detail:
            _log.error("the engine failed at %s: %s", work, answer.detail)
