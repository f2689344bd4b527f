"""The engine port in this very process, where the micro-VM around it is the worker (decision 0025).

A function in the cloud serves one request at a time in a machine of its own, with a role that can do little, so a
decoder that breaks out has gained what a confined worker has to give: nothing much. Same code, same limits and same
results as the worker's (`worker.answer_to`), run in a thread so that the event loop lives.

What differs is the end of a job that takes too long. No worker can be killed here: libvips is asked to stop, and where
it does not, the asker is answered 422 all the same and the engine is `poisoned`: whoever runs the process must end it
after that answer.
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from imagemill.engine import protocol
from imagemill.engine.findings import Findings
from imagemill.engine.fonts import absolute
from imagemill.engine.limits import Limits
from imagemill.engine.meter import Meter
from imagemill.engine.port import SET_JOBS, Facts, Job, Rendered, Source
from imagemill.engine.settings import EngineSettings
from imagemill.engine.strikes import Strikes
from imagemill.engine.worker import Tasks, answer_to, production_tasks
from imagemill.errors import ImagemillError, Overloaded, Unprocessable

Wanted = TypeVar("Wanted", protocol.Seen, protocol.Told, protocol.Made, protocol.MadeSet)

ANSWER_SECONDS = 1.0
"""What of an invocation's time is left for keeping the variant and answering."""

_log = logging.getLogger(__name__)


class InProcessEngine:
    """`engine.port.Engine` without worker processes. To be used on one event loop; does one job at a time."""

    size = 1

    def __init__(
        self,
        settings: EngineSettings,
        limits: Limits,
        *,
        tasks: Callable[[], Tasks] = production_tasks,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`tasks` is what can be done, called by `start`; `clock` is monotonic, in seconds."""
        self._settings = settings
        self._limits = limits
        self._make_tasks = tasks
        self._clock = clock
        self._strikes = Strikes()
        self._setup = protocol.Setup(
            limits=limits,
            cpu_seconds=settings.cpu_seconds,
            memory_bytes=settings.memory_bytes,
            quality=settings.quality,
            fonts=absolute(settings.fonts),
            rare=True,
            drawing_cpu_seconds=settings.drawing_cpu_seconds,
            drawing_memory_bytes=settings.drawing_memory_bytes,
            linear_light=settings.linear_light,
        )
        self._turn = asyncio.Lock()
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="engine")
        self._tasks: Tasks | None = None
        self._meter: Meter | None = None
        self.deadline: float | None = None
        """When the present invocation must have answered, on `clock`; None where nobody has said."""
        self.poisoned = False
        """Whether a job could not be stopped: this process must not take another request."""
        self.revision = ""
        self.reads: tuple[str, ...] = ()

    async def start(self) -> None:
        """Load the libraries and close what must stay closed; raises EngineUnfit."""
        await asyncio.get_running_loop().run_in_executor(self._thread, self._start)

    def _start(self) -> None:
        tasks = self._make_tasks()
        self.revision = tasks.start() + ("+linear-light" if self._setup.linear_light else "")
        tasks.load_fonts(self._setup.fonts)
        self.reads = tuple(tasks.readable())
        self._meter = Meter()
        self._tasks = tasks

    @property
    def ready_workers(self) -> int:
        """1 where a job can be done, 0 before the start and after a job that could not be stopped."""
        return int(self._tasks is not None and not self.poisoned)

    async def probe(self, source: Source) -> Facts:
        """Read the header only (engine.port.Engine.probe)."""
        answer, _ = await self._perform(protocol.Probe(source.size), (source,), "probe", protocol.Seen)
        return answer.facts

    async def verify(self, source: Source) -> Facts:
        """Decode every pixel once (engine.port.Engine.verify)."""
        answer, _ = await self._perform(protocol.Verify(source.size), (source,), "verify", protocol.Seen)
        return answer.facts

    async def inspect(self, source: Source, facts: Facts) -> Findings:
        """Tell everything of the original (engine.port.Engine.inspect)."""
        request = protocol.Inspect(source.size, facts)
        _, body = await self._perform(request, (source,), "inspect", protocol.Told)
        return protocol.findings_of(body)

    async def render(self, source: Source, job: Job, layers: Sequence[Source] = ()) -> Rendered:
        """Make the variant (engine.port.Engine.render)."""
        request = protocol.Render(source.size, protocol.order_of(job, [layer.size for layer in layers]))
        work = f"{request.order.recipe} {request.order.format}"
        answer, body = await self._perform(request, (source, *layers), work, protocol.Made)
        return _rendered(answer, body, answer.cost.cpu_seconds, answer.cost.peak_bytes)

    async def render_set(self, source: Source, jobs: Sequence[Job]) -> tuple[Rendered, ...]:
        """Make many variants with one decode (engine.port.Engine.render_set)."""
        if not 0 < len(jobs) <= SET_JOBS:
            raise ValueError(f"expected 1 to {SET_JOBS} jobs in a set, received {len(jobs)}")
        orders = [protocol.order_of(job) for job in jobs]
        work = " ".join(f"{order.recipe} {order.format}" for order in orders)
        answer, body = await self._perform(protocol.RenderSet(source.size, orders), (source,), work, protocol.MadeSet)
        cost = answer.cost
        return tuple(
            _rendered(part, data, cost.cpu_seconds / len(jobs), cost.peak_bytes)
            for part, data in zip(answer.parts, protocol.pieces(answer.parts, body), strict=True)
        )

    async def close(self) -> None:
        """Wait for the job that runs, unless it cannot be stopped."""
        self._tasks = None
        self._thread.shutdown(wait=not self.poisoned, cancel_futures=True)

    async def _perform(
        self, request: protocol.Request, sources: Sequence[Source], work: str, expects: type[Wanted]
    ) -> tuple[Wanted, bytes]:
        """Do a job when the one before has ended, and return its answer; whoever leaves leaves it running."""
        self._strikes.refuse(sources[0].digest, work)
        descriptors = [os.dup(source.descriptor) for source in sources]
        task = asyncio.ensure_future(self._in_turn(request, descriptors, sources[0].digest, work))
        answer, body = await asyncio.shield(task)
        if isinstance(answer, protocol.Failed):
            raise protocol.error_of(answer)
        if not isinstance(answer, expects):
            raise TypeError(f"expected {expects.__name__}, received {type(answer).__name__}")
        return answer, body

    async def _in_turn(
        self, request: protocol.Request, descriptors: list[int], digest: str, work: str
    ) -> tuple[protocol.Answer, bytes]:
        async with self._turn:
            try:
                seconds = self._seconds()
                running = asyncio.get_running_loop().run_in_executor(self._thread, self._do, request, descriptors)
            except BaseException:
                for descriptor in descriptors:
                    os.close(descriptor)
                raise
            done, _ = await asyncio.wait({running}, timeout=seconds)
            if not done:
                self.poisoned = True
                self._strikes.add(digest, work)
                raise self._too_long(seconds)
        answer, body = running.result()
        self._note(answer, digest, work, long=not isinstance(request, protocol.Probe))
        return answer, body

    def _do(self, request: protocol.Request, descriptors: list[int]) -> tuple[protocol.Answer, bytes]:
        """Run in the engine's thread."""
        assert self._tasks is not None and self._meter is not None
        self._meter.begin()
        return answer_to(self._tasks, self._setup, request, descriptors, self._meter)

    def _seconds(self) -> float:
        """How long the next job may take; raises Overloaded where there is no time, or no engine, left."""
        if not self.ready_workers:
            raise Overloaded("The engine is not running.", retry_after=1)
        left = float("inf") if self.deadline is None else self.deadline - self._clock() - ANSWER_SECONDS
        if left <= 0:
            raise Overloaded("There is no time left for this job in this invocation.", retry_after=1)
        return min(self._settings.wall_seconds, left)

    def _too_long(self, seconds: float) -> ImagemillError:
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
        if answer.detail:
            _log.error("the engine failed at %s: %s", work, answer.detail)


def _rendered(made: protocol.Made | protocol.Part, data: bytes, cpu_seconds: float, peak_bytes: int) -> Rendered:
    return Rendered(
        data=data,
        width=made.width,
        height=made.height,
        pages=made.pages,
        cpu_seconds=cpu_seconds,
        peak_bytes=peak_bytes,
    )
