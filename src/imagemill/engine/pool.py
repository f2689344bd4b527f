"""The engine port over a set of worker processes: who does which job, and who takes the place of a lost worker.

The pool only hands jobs to free workers. Who may ask, how many may wait and in which order clients are served is
decided above it (`delivery.slots`). It keeps one process more than it has slots for long jobs: that spare takes over at
once where a worker is lost, and lets a probe, which is short, pass by the transcodes that hold every slot.

What a lost worker means for its job is decided in `losses`. A caller who has left changes nothing: the job runs to its
end and its answer is dropped.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from imagemill.engine import protocol
from imagemill.engine.job_queue import JobQueue
from imagemill.engine.limits import Limits
from imagemill.engine.losses import Losses
from imagemill.engine.port import Source
from imagemill.engine.settings import EngineSettings
from imagemill.engine.setup import setup_of
from imagemill.engine.strikes import Strikes
from imagemill.engine.verbs import Verbs
from imagemill.engine.worker_process import Assignment, Cause, WorkerProcess
from imagemill.errors import ImagemillError, Overloaded

COMMAND = (sys.executable, "-I", "-m", "imagemill.engine.worker")

RARE_WORKERS = 2
"""Workers of rare formats where the settings name no number; they share the cores with the others."""

WATCH_SECONDS = 0.025
"""A look costs 10 µs per worker, and a decoder fills at most about 50 MB between two."""

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


class WorkerPool(Verbs):
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
        super().__init__(limits)
        cores = settings.workers or len(os.sched_getaffinity(0))
        self.size = (settings.rare_workers or min(cores, RARE_WORKERS)) if rare else cores
        self._settings = settings
        self._command = tuple(command)
        self._strikes = strikes or Strikes()
        self._start_seconds = start_seconds
        self._grace_seconds = grace_seconds
        self._spare = spare
        self._setup = setup_of(settings, limits, rare=rare)
        self._losses = Losses(settings, self._strikes, draws=rare)
        self._queue = JobQueue(self.size)
        self._workers: set[WorkerProcess] = set()
        self._idle: list[WorkerProcess] = []
        self._leaving: set[WorkerProcess] = set()
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

    async def close(self) -> None:
        """Refuse what waits, let running jobs end for `grace_seconds`, then kill and reap every worker."""
        self._closing = True
        self._queue.fail_all(_closing_error())
        self._queue.clear()
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
                worker.assignment.fail(_closing_error())

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
            waiting=len(self._queue),
            jobs=dict(self._jobs),
            kills=dict(self._kills),
            starts=self._spawned,
            cpu_seconds=self._buried_cpu_seconds + sum(worker.cpu_seconds for worker in self._workers),
            struck=len(self._strikes),
        )

    # Jobs

    async def _perform(
        self,
        request: protocol.Request,
        sources: tuple[Source, ...],
        *,
        work: str,
        expects: type[protocol.Success],
        body_bytes: int,
    ) -> tuple[protocol.Answer, bytes]:
        """Queue a job and wait for its answer. A cancelled caller's job is dropped, or runs on unheard."""
        source, *layers = sources
        self._strikes.refuse(source.digest, work)
        if self._closing or self._started is None:
            raise Overloaded("The workers are not running.", retry_after=1)
        assignment = Assignment(
            frame=protocol.request_frame(request),
            source=source,
            work=work,
            long=not isinstance(request, protocol.Probe),
            expects=expects,
            future=asyncio.get_running_loop().create_future(),
            body_bytes=body_bytes,
            layers=tuple(layers),
        )
        self._queue.put(assignment)
        self._dispatch()
        return await assignment.future

    def _dispatch(self) -> None:
        """Give waiting jobs to free workers, short ones first."""
        while (assignment := self._queue.take()) is not None:
            worker = self._free_worker()
            if worker is None:
                self._queue.put_back(assignment)
                break
            try:
                worker.begin(assignment)
            except OSError as error:
                self._idle.append(worker)
                assignment.fail(error)
                continue
            self._queue.began(assignment)
        self._watch_soon()

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
        self._queue.ended(assignment)
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
            self._queue.ended(assignment)
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
        """Give the job of a lost worker to another, or end it."""
        error: Exception | None = _closing_error() if self._closing else self._losses.judge(worker, assignment, cause)
        if error is not None:
            self._jobs["lost"] += 1
            assignment.fail(error)
        elif not assignment.future.done():  # its descriptor is open only as long as its caller waits
            self._queue.put_back(assignment)

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
            away = Overloaded("No image worker can be started now.", retry_after=LONGEST_PAUSE_SECONDS)
            self._queue.fail_all(away)
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


def _closing_error() -> Overloaded:
    """What a job that will not be done any more ends with."""
    return Overloaded("The server is shutting down.", retry_after=1)
