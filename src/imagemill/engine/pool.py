"""The engine port over a set of worker processes: who does which job, and what a lost worker means.

The pool only hands jobs to free workers. Who may ask, how many may wait and in which order clients are served is
decided above it (`delivery.slots`). It keeps one process more than it has slots for long jobs: that spare takes over at
once where a worker is lost, and lets a probe, which is short, pass by the transcodes that hold every slot.

What a lost worker means for its job (threats D18, contract "Statuses"):

    broke the wall, CPU or memory limit   422 too_complex, and a strike against the content
    crashed, or wrote garbage             422 too_complex, and a strike against the content
    killed or stopped from outside        the job is innocent: given to another worker; at the third blow 503
    the caller has left                   the job runs to its end and its answer is dropped
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass

from imagemill.engine import protocol
from imagemill.engine.findings import Findings
from imagemill.engine.fonts import absolute
from imagemill.engine.limits import Limits
from imagemill.engine.port import SET_JOBS, Facts, Job, Rendered, Source
from imagemill.engine.settings import EngineSettings
from imagemill.engine.strikes import Strikes
from imagemill.engine.worker_process import Assignment, Cause, Wanted, WorkerProcess
from imagemill.errors import ImagemillError, Overloaded, Unprocessable

COMMAND = (sys.executable, "-I", "-m", "imagemill.engine.worker")

RARE_WORKERS = 2
"""Workers of rare formats where the settings name no number; they share the cores with the others."""

WATCH_SECONDS = 0.025
"""A look costs 10 µs per worker, and a decoder fills at most about 50 MB between two."""

BLOWS = 3
"""Times that one job may lose its worker to somebody else's kill before we say that we cannot serve now."""

BLOW_SECONDS = 0.5
"""Who kills all workers at once strikes one blow, though the job be handed to each of the dying in turn. A job whose
own hunger calls the kernel's killer holds its worker longer than this, and cannot hide behind the rule."""

FIRST_PAUSE_SECONDS = 0.1
LONGEST_PAUSE_SECONDS = 5.0
"""A worker that cannot start is tried again after a pause that doubles."""

PATIENT_STARTS = 2
"""Failed starts in a row through which jobs wait; a kill by somebody else may have hit a worker that was starting."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolStats:
    """Counts since the start: jobs by outcome ("done", "failed", "lost"), lost workers by cause, workers' CPU-seconds.

    `starts` counts the processes ever started; `waiting` the jobs without a worker now; `struck` the remembered names.
    """

    size: int
    alive: int
    busy: int
    waiting: int
    jobs: dict[str, int]
    kills: dict[str, int]
    starts: int
    cpu_seconds: float
    struck: int


class WorkerPool:
    """`engine.port.Engine` in isolated processes. To be started and used on one event loop."""

    def __init__(
        self,
        settings: EngineSettings,
        limits: Limits,
        *,
        command: Sequence[str] = COMMAND,
        strikes: Strikes | None = None,
        start_seconds: float = 20.0,
        grace_seconds: float = 5.0,
        spare: int = 1,
        rare: bool = False,
    ) -> None:
        """`command` starts a worker (its socket's number is added), which must be ready within `start_seconds`.

        `grace_seconds` bounds `close`; `spare` is how many processes are kept beyond one for each slot: none where
        nobody waits for a probe. `rare` makes it the pool of rare formats.
        """
        cores = settings.workers or len(os.sched_getaffinity(0))
        self.size = (settings.rare_workers or min(cores, RARE_WORKERS)) if rare else cores
        self._settings = settings
        self._limits = limits
        self._command = tuple(command)
        self._strikes = strikes or Strikes()
        self._start_seconds = start_seconds
        self._grace_seconds = grace_seconds
        self._spare = spare
        self._setup = protocol.Setup(
            limits,
            settings.cpu_seconds,
            settings.memory_bytes,
            settings.quality,
            absolute(settings.fonts),
            rare,
            settings.drawing_cpu_seconds,
            settings.drawing_memory_bytes,
            settings.linear_light,
        )
        self._workers: set[WorkerProcess] = set()
        self._idle: list[WorkerProcess] = []
        self._leaving: set[WorkerProcess] = set()
        self._short: deque[Assignment] = deque()
        self._long: deque[Assignment] = deque()
        self._long_running = 0
        self._jobs: Counter[str] = Counter()
        self._kills: Counter[str] = Counter()
        self._spawned = 0
        self._failed_starts = 0
        self._buried_cpu_seconds = 0.0
        self._hello: protocol.Ready | None = None
        self._watching: asyncio.TimerHandle | None = None
        self._pause: asyncio.TimerHandle | None = None
        self._started: asyncio.Future[None] | None = None
        self._quiet: asyncio.Event = asyncio.Event()
        self._closing = False

    # What callers use

    async def start(self) -> None:
        """Start the workers and wait until every slot has one; ImagemillError `no_worker` where one cannot start."""
        self._started = asyncio.get_running_loop().create_future()
        self._fill()
        try:
            await self._started
        except BaseException:
            await self.close()
            raise

    async def probe(self, source: Source) -> Facts:
        """Read the header only (engine.port.Engine.probe)."""
        return await self._look(protocol.Probe(source.size), source, long=False)

    async def verify(self, source: Source) -> Facts:
        """Decode every pixel once (engine.port.Engine.verify)."""
        return await self._look(protocol.Verify(source.size), source, long=True)

    async def inspect(self, source: Source, facts: Facts) -> Findings:
        """Tell everything of the original (engine.port.Engine.inspect)."""
        request = protocol.Inspect(source.size, facts)
        answer, body = await self._perform(
            request, source, work="inspect", long=True, expects=protocol.Told, body_bytes=protocol.FINDINGS_BYTES
        )
        assert isinstance(answer, protocol.Told)
        return protocol.findings_of(body)

    async def render(self, source: Source, job: Job, layers: Sequence[Source] = ()) -> Rendered:
        """Make the variant (engine.port.Engine.render)."""
        request = protocol.Render(source.size, protocol.order_of(job, [layer.size for layer in layers]))
        answer, body = await self._perform(
            request,
            source,
            work=f"{request.order.recipe} {request.order.format}",
            long=True,
            expects=protocol.Made,
            body_bytes=self._limits.result_bytes,
            layers=tuple(layers),
        )
        assert isinstance(answer, protocol.Made)
        return Rendered(
            data=body,
            width=answer.width,
            height=answer.height,
            pages=answer.pages,
            cpu_seconds=answer.cost.cpu_seconds,
            peak_bytes=answer.cost.peak_bytes,
        )

    async def render_set(self, source: Source, jobs: Sequence[Job]) -> tuple[Rendered, ...]:
        """Make many variants with one decode (engine.port.Engine.render_set)."""
        if not 0 < len(jobs) <= SET_JOBS:
            raise ValueError(f"expected 1 to {SET_JOBS} jobs in a set, received {len(jobs)}")
        orders = [protocol.order_of(job) for job in jobs]
        answer, body = await self._perform(
            protocol.RenderSet(source.size, orders),
            source,
            work=" ".join(f"{order.recipe} {order.format}" for order in orders),
            long=True,
            expects=protocol.MadeSet,
            body_bytes=min(len(jobs) * self._limits.result_bytes, protocol.SET_BYTES),
        )
        assert isinstance(answer, protocol.MadeSet)
        return tuple(
            Rendered(
                data=data,
                width=part.width,
                height=part.height,
                pages=part.pages,
                cpu_seconds=answer.cost.cpu_seconds / len(jobs),
                peak_bytes=answer.cost.peak_bytes,
            )
            for part, data in zip(answer.parts, protocol.pieces(answer.parts, body), strict=True)
        )

    async def close(self) -> None:
        """Refuse what waits, let running jobs end for `grace_seconds`, then kill and reap every worker."""
        self._closing = True
        for assignment in (*self._short, *self._long):
            _fail(assignment, Overloaded("The server is shutting down.", retry_after=1))
        self._short.clear()
        self._long.clear()
        if self.busy:
            self._quiet.clear()
            try:
                await asyncio.wait_for(self._quiet.wait(), self._grace_seconds)
            except TimeoutError:
                _log.warning("%d jobs did not end within %s s and are dropped", self.busy, self._grace_seconds)
        for timer in (self._watching, self._pause):
            if timer is not None:
                timer.cancel()
        workers, self._workers = self._workers, set()
        self._idle.clear()
        self._leaving.clear()
        for worker in workers:
            worker.bury_now()
            if worker.assignment is not None:
                _fail(worker.assignment, Overloaded("The server is shutting down.", retry_after=1))

    # What observers use

    @property
    def revision(self) -> str:
        """The engine's revision as the workers report it; empty before `start`."""
        return self._hello.revision if self._hello is not None else ""

    @property
    def confined(self) -> tuple[str, ...]:
        """What confines the workers on this machine, in the words of `confinement.confine`."""
        return tuple(self._hello.confined) if self._hello is not None else ()

    @property
    def reads(self) -> tuple[str, ...]:
        """The formats that this installation reads, in the words of `sniff`; empty before `start`."""
        return tuple(self._hello.reads) if self._hello is not None else ()

    @property
    def busy(self) -> int:
        """Workers with a job."""
        return sum(worker.assignment is not None for worker in self._workers)

    @property
    def ready_workers(self) -> int:
        """Workers that have a job or could take one."""
        return sum(worker.hello is not None for worker in self._workers)

    def pids(self) -> list[int]:
        """The process ids of all workers, the spare and those being replaced included."""
        return sorted(worker.pid for worker in self._workers)

    def stats(self) -> PoolStats:
        """Return the counts for metrics."""
        return PoolStats(
            size=self.size,
            alive=self.ready_workers,
            busy=self.busy,
            waiting=len(self._short) + len(self._long),
            jobs=dict(self._jobs),
            kills=dict(self._kills),
            starts=self._spawned,
            cpu_seconds=self._buried_cpu_seconds + sum(worker.cpu_seconds for worker in self._workers),
            struck=len(self._strikes),
        )

    # Jobs

    async def _look(self, request: protocol.Probe | protocol.Verify, source: Source, *, long: bool) -> Facts:
        work = "verify" if long else "probe"
        answer, _body = await self._perform(request, source, work=work, long=long, expects=protocol.Seen)
        assert isinstance(answer, protocol.Seen)
        return answer.facts

    async def _perform(
        self,
        request: protocol.Request,
        source: Source,
        *,
        work: str,
        long: bool,
        expects: type[Wanted],
        body_bytes: int = 0,
        layers: tuple[Source, ...] = (),
    ) -> tuple[protocol.Answer, bytes]:
        """Queue a job and wait for its answer. A cancelled caller's job is dropped, or runs on unheard."""
        self._strikes.refuse(source.digest, work)
        if self._closing or self._started is None:
            raise Overloaded("The workers are not running.", retry_after=1)
        assignment = Assignment(
            frame=protocol.request_frame(request),
            source=source,
            work=work,
            long=long,
            expects=expects,
            future=asyncio.get_running_loop().create_future(),
            body_bytes=body_bytes,
            layers=layers,
        )
        (self._long if long else self._short).append(assignment)
        self._dispatch()
        answer, body = await assignment.future
        if isinstance(answer, protocol.Failed):
            raise protocol.error_of(answer)
        return answer, body

    def _dispatch(self) -> None:
        """Give waiting jobs to free workers, short ones first."""
        while (assignment := self._next()) is not None:
            worker = self._free_worker()
            if worker is None:
                (self._long if assignment.long else self._short).appendleft(assignment)
                break
            try:
                worker.begin(assignment)
            except OSError as error:
                self._idle.append(worker)
                _fail(assignment, error)
                continue
            self._long_running += assignment.long
        self._watch_soon()

    def _next(self) -> Assignment | None:
        """The next job that somebody still waits for and that may run now."""
        for queue in (self._short, self._long):
            while queue and queue[0].future.done():
                queue.popleft()
        if self._short:
            return self._short.popleft()
        if self._long and self._long_running < self.size:
            return self._long.popleft()
        return None

    def _free_worker(self) -> WorkerProcess | None:
        """The free worker that worked last: its memory is warm, and the spare's stays untouched."""
        while self._idle:
            worker = self._idle.pop()
            if worker.idle:
                return worker
        return None

    # What workers tell (worker_process.Owner)

    def ready(self, worker: WorkerProcess) -> None:
        """Take a new worker in; one that it replaces may go."""
        self._hello = worker.hello
        self._failed_starts = 0
        self._idle.append(worker)
        for old in [old for old in self._leaving if old.idle]:
            self._retire(old)
        if self._started is not None and not self._started.done() and self.ready_workers >= self.size:
            self._started.set_result(None)
        self._dispatch()

    def answered(self, worker: WorkerProcess, assignment: Assignment, answer: protocol.Answer, body: bytes) -> None:
        """Pass an answer on, and the worker to its next job or to its replacement."""
        self._long_running -= assignment.long
        self._note(assignment, answer)
        if not assignment.future.done():
            assignment.future.set_result((answer, body))
        self._idle.append(worker)
        if isinstance(answer, protocol.Failed) and answer.exhausted:
            # What a library does after a refused allocation is anyone's guess.
            worker.kill(Cause.RETIRED)
        elif worker in self._leaving:
            self._retire(worker)
        elif self._worn(worker):
            self._leaving.add(worker)
            self._fill()
        self._dispatch()
        self._tell_quiet()

    def lost(self, worker: WorkerProcess, assignment: Assignment | None, cause: Cause, detail: str) -> None:
        """Replace a worker, and decide what its end means for its job."""
        self._workers.discard(worker)
        self._leaving.discard(worker)
        self._idle = [other for other in self._idle if other is not worker]
        self._buried_cpu_seconds += worker.cpu_seconds
        if cause is not Cause.RETIRED:
            self._kills[cause.value] += 1
            _log.warning("worker %d is lost: %s %s", worker.pid, cause.value, detail)
        if assignment is not None:
            self._long_running -= assignment.long
            self._settle(worker, assignment, cause)
        if worker.hello is None:
            self._cannot_start(detail or cause.value)
        elif not self._closing:
            self._fill()
            self._dispatch()
        self._tell_quiet()

    def _note(self, assignment: Assignment, answer: protocol.Answer) -> None:
        """Keep the books of a finished job."""
        digest = assignment.source.digest
        if not isinstance(answer, protocol.Failed):
            self._jobs["done"] += 1
            if assignment.long:
                self._strikes.sound(digest)
            return
        self._jobs["failed"] += 1
        if answer.exhausted:
            self._strikes.add(digest, assignment.work)
        if answer.detail:
            _log.error("a worker failed at %s: %s", assignment.work, answer.detail)

    def _settle(self, worker: WorkerProcess, assignment: Assignment, cause: Cause) -> None:
        """Decide about the job of a lost worker: again, or refused, or counted against its content."""
        waited_for = not assignment.future.done()
        if cause is Cause.OUTSIDE and self._blows(worker, assignment) < BLOWS and not self._closing:
            if waited_for:  # its descriptor is open only as long as its caller waits
                (self._long if assignment.long else self._short).appendleft(assignment)
            return
        self._jobs["lost"] += 1
        if self._closing:
            _fail(assignment, Overloaded("The server is shutting down.", retry_after=1))
            return
        if waited_for and worker.exit_status == -signal.SIGBUS and _shrunk(assignment.source):
            # Touching a mapped file's missing end: whoever wrote the file is to blame, not its content.
            _fail(assignment, Unprocessable("The original changed while it was being read.", code="damaged"))
            return
        self._strikes.add(assignment.source.digest, assignment.work)
        if cause is Cause.OUTSIDE:
            _fail(assignment, Overloaded("The workers are being killed from outside.", retry_after=1))
        else:
            _fail(assignment, Unprocessable(self._sentence(cause), code="too_complex"))

    def _blows(self, worker: WorkerProcess, assignment: Assignment) -> int:
        """Count this loss, unless the worker fell in the blow that took the job's last one too."""
        now = asyncio.get_running_loop().time()
        if worker.started >= assignment.struck or now - assignment.begun >= BLOW_SECONDS:
            assignment.blows += 1
            assignment.struck = now
        return assignment.blows

    def _sentence(self, cause: Cause) -> str:
        settings = self._settings
        if cause is Cause.WALL:
            return f"This job took longer than the {settings.wall_seconds:g} seconds that one may take."
        if cause is Cause.CPU:
            drawing = f" ({settings.drawing_cpu_seconds:g} to draw an SVG)" if self._setup.rare else ""
            return f"This job used more than the {settings.cpu_seconds:g} CPU-seconds that one may use{drawing}."
        if cause is Cause.MEMORY:
            return f"This job needed more than the {settings.memory_bytes // 2**20} MiB of memory that one may use."
        return "The decoder broke down on this image."

    # Workers

    @property
    def _wanted(self) -> int:
        """Processes to keep: one for each slot, and the spare."""
        return self.size + self._spare

    def _fill(self) -> None:
        """Start as many workers as are missing; those about to be replaced do not count."""
        if self._closing or self._pause is not None:
            return
        while len(self._workers) - len(self._leaving) < self._wanted:
            try:
                worker = WorkerProcess(
                    self,
                    self._command,
                    self._setup,
                    start_seconds=self._start_seconds,
                    wall_seconds=self._settings.wall_seconds,
                )
            except OSError as error:
                self._cannot_start(error.strerror or str(error))
                return
            self._spawned += 1
            self._workers.add(worker)
        self._watch_soon()

    def _cannot_start(self, detail: str) -> None:
        """Give up where nothing has started yet; otherwise try again after a pause that doubles."""
        if self._started is not None and not self._started.done():
            self._started.set_exception(ImagemillError(f"No image worker could start: {detail}", code="no_worker"))
        if self._closing or self._pause is not None:
            return
        if not self._workers and self._failed_starts >= PATIENT_STARTS:
            for assignment in (*self._short, *self._long):
                _fail(assignment, Overloaded("No image worker can be started now.", retry_after=LONGEST_PAUSE_SECONDS))
        seconds = min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2**self._failed_starts)
        self._failed_starts += 1
        self._pause = asyncio.get_running_loop().call_later(seconds, self._resume)

    def _resume(self) -> None:
        self._pause = None
        self._fill()

    def _worn(self, worker: WorkerProcess) -> bool:
        """Whether it should be replaced; one at a time, so that starting does not take the place of working."""
        if self._leaving or self._closing:
            return False
        return worker.jobs >= self._settings.recycle_jobs or worker.resting_bytes > self._settings.recycle_bytes

    def _retire(self, worker: WorkerProcess) -> None:
        """Let a worn worker go where the others alone are as many as wanted."""
        ready = sum(other.hello is not None for other in self._workers if other not in self._leaving)
        if ready >= self._wanted:
            worker.kill(Cause.RETIRED)

    def _watch_soon(self) -> None:
        """Look at the working and starting workers again shortly, if there are any."""
        if self._watching is None and any(not worker.idle for worker in self._workers):
            self._watching = asyncio.get_running_loop().call_later(WATCH_SECONDS, self._watch)

    def _watch(self) -> None:
        self._watching = None
        now = asyncio.get_running_loop().time()
        for worker in tuple(self._workers):
            worker.check(now)
        self._watch_soon()

    def _tell_quiet(self) -> None:
        if not self.busy:
            self._quiet.set()


def _fail(assignment: Assignment, error: Exception) -> None:
    """End a job with an error, where somebody still waits for it."""
    if not assignment.future.done():
        assignment.future.set_exception(error)


def _shrunk(source: Source) -> bool:
    """Whether the open file is shorter now than when the job was made."""
    try:
        return os.fstat(source.descriptor).st_size < source.size
    except OSError:
        return False
