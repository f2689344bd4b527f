"""The server's hold on one worker process: start it, give it a job, watch it, kill it, bury it.

Separate from `pool`, which decides (which worker, when to retry, whom to refuse); this file only carries out and tells.
It speaks asyncio by callbacks rather than by tasks: an answer is read in the event loop's own turn, so that a job costs
the server one future and two system calls, and so that a caller who leaves cannot leave half an answer behind.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import os
import signal
import socket
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from imagemill.engine import protocol
from imagemill.engine.answer_reader import AnswerReader
from imagemill.engine.port import Source

PASSED_ON = ("PATH", "LANG", "LC_ALL", "LC_CTYPE", "LD_LIBRARY_PATH")
PASSED_ON_PREFIXES = ("VIPS_", "MALLOC_")

WORKER_DEFAULTS = {
    "VIPS_CONCURRENCY": "1",
    "MALLOC_ARENA_MAX": "1",
    "MALLOC_MMAP_THRESHOLD_": str(8 * 1024 * 1024),
    "MALLOC_TRIM_THRESHOLD_": str(32 * 1024 * 1024),
    "GLIBC_TUNABLES": "glibc.cpu.hwcaps=-AVX512F,-AVX512VL,-AVX512BW",
    "HOME": "/nonexistent",
}
"""One thread of pixels in each worker and as many workers as cores (measured, architecture.md). The two thresholds keep
a thumbnail's buffers in the heap from job to job (each page given back is zeroed again), and return the large ones.

libaom leaves the upper halves of vector registers in use, and from then on older instructions in the same thread wait
for them: after an AVIF, a GIF took 3.6 times as long and a WebP 1.35 times (AMD, libaom 3.15). glibc's copies for AVX2
clear them at their end, those for AVX-512, no faster here, do not; so the former are taken.

Without a home, GLib looks for one in the machine's list of users, which no worker has any business to read (D13)."""

BURIAL_SECONDS = 0.2
"""How long a worker that closed its socket may take to end by itself, so that its exit status can be read."""

BURIAL_STEP_SECONDS = 0.002
DIAGNOSIS_BYTES = 64 * 1024


class Cause(StrEnum):
    """Why a worker was lost."""

    WALL = "wall"
    CPU = "cpu"
    MEMORY = "memory"
    CRASHED = "crashed"
    GARBAGE = "garbage"
    OUTSIDE = "outside"
    """Killed or stopped by somebody who is not us (an operator, the kernel's out-of-memory killer)."""
    RETIRED = "retired"


_SIGNALS_FROM_OUTSIDE = frozenset(
    {signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2}
)


def worker_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """Return what a worker may know of the server's environment: where programs are, its libraries' own switches."""
    kept = {
        name: value for name, value in environment.items() if name in PASSED_ON or name.startswith(PASSED_ON_PREFIXES)
    }
    return WORKER_DEFAULTS | kept


@dataclass(slots=True, eq=False)
class Assignment:
    """One job on its way to a worker: what to say, with which original, and who waits for the answer.

    `layers` are further originals whose descriptors go with it; `body_bytes` is the longest answer that is believed.
    `work` names the kind of job for the strike list; `long` jobs count against the pool's size, short ones need not
    wait for them; `expects` is the answer that means success. `begun` is when a worker last got it, `struck` when it
    last lost one to somebody else's kill (both in the loop's seconds), `blows` how often.
    """

    frame: bytes
    source: Source
    work: str
    long: bool
    expects: type[protocol.Success]
    future: asyncio.Future[tuple[protocol.Answer, bytes]]
    body_bytes: int
    layers: tuple[Source, ...] = ()
    begun: float = 0.0
    struck: float = -math.inf
    blows: int = 0

    def fail(self, error: Exception) -> None:
        """End the job with an error, where somebody still waits for it."""
        if not self.future.done():
            self.future.set_exception(error)


class Owner(Protocol):
    """What a worker tells; exactly one `lost` ends every worker, and one `answered` or `lost` every assignment."""

    def ready(self, worker: WorkerProcess) -> None:
        """It can take its first job."""
        ...

    def answered(self, worker: WorkerProcess, assignment: Assignment, answer: protocol.Answer, body: bytes) -> None:
        """It has finished a job and can take the next."""
        ...

    def lost(self, worker: WorkerProcess, assignment: Assignment | None, cause: Cause, detail: str) -> None:
        """It is gone and reaped, with the job it had."""
        ...


class WorkerProcess:
    """One worker. Created on the event loop's thread, whose end ends the process too (parent-death signal)."""

    def __init__(
        self,
        owner: Owner,
        command: Sequence[str],
        setup: protocol.Setup,
        *,
        start_seconds: float,
        wall_seconds: float,
    ) -> None:
        """Raises OSError where no process can be started."""
        self.loop = asyncio.get_running_loop()
        self.started = self.loop.time()
        self.jobs = 0
        self.cpu_seconds = 0.0
        self.resting_bytes = 0
        self.hello: protocol.Ready | None = None
        self.assignment: Assignment | None = None
        self._owner = owner
        self._wall_seconds = wall_seconds
        self._memory_bytes = setup.memory_bytes
        self._deadline = self.started + start_seconds
        self.exit_status: int | None = None
        self._cause: Cause | None = None
        self._detail = ""
        self._ending = False
        self._page = os.sysconf("SC_PAGE_SIZE")
        self._reader = AnswerReader(0)
        self._diagnosis, theirs_err = os.pipe()
        self._socket, theirs = socket.socketpair()
        try:
            self._process = _spawn(command, theirs, theirs_err)
        except OSError:
            self._socket.close()
            os.close(self._diagnosis)
            raise
        finally:
            theirs.close()
            os.close(theirs_err)
        self._stat = _open_stat(self._process.pid)
        self._socket.setblocking(False)
        os.set_blocking(self._diagnosis, False)
        self.loop.add_reader(self._socket, self._readable)
        self._send(protocol.request_frame(setup), [])

    @property
    def pid(self) -> int:
        """The process's id."""
        return self._process.pid

    @property
    def idle(self) -> bool:
        """Whether it could take a job now."""
        return self.hello is not None and self.assignment is None and not self._ending

    def begin(self, assignment: Assignment) -> None:
        """Give an idle worker a job; the wall clock runs from here.

        Raises OSError where the source's descriptor cannot be handed over; the worker is then as idle as before.
        """
        self.assignment = assignment
        assignment.begun = self.loop.time()
        self._deadline = assignment.begun + self._wall_seconds
        try:
            self._reader.expect(assignment.body_bytes)
            self._send(
                assignment.frame,
                [assignment.source.descriptor, *(layer.descriptor for layer in assignment.layers)],
            )
        except OSError:
            self.assignment = None
            raise
        self.jobs += 1

    def check(self, now: float) -> None:
        """Kill it where a job (or the start) has broken a limit; called every few hundredths of a second."""
        if self._ending or (self.hello is not None and self.assignment is None):
            return
        state, resident = self._look()
        if state == "T":
            self.kill(Cause.OUTSIDE, "stopped by a signal")
        elif resident > self._memory_bytes:
            self.kill(Cause.MEMORY, f"{resident} bytes resident")
        elif now >= self._deadline:
            self.kill(Cause.WALL, "no answer in time" if self.assignment else "no hello in time")

    def kill(self, cause: Cause, detail: str = "") -> None:
        """End it now; `lost` follows once it is reaped. Harmless on one that is ending already."""
        if self._cause is None:
            self._cause, self._detail = cause, detail
        self._signal()
        self._end()

    def bury_now(self) -> None:
        """Kill and reap without waiting for the event loop, for a pool that closes; `lost` is not told."""
        if self._process.returncode is not None:
            return
        self._signal()
        self._let_go()
        self._process.wait()
        self._close_descriptors()

    def _signal(self) -> None:
        if self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)

    def _send(self, frame: bytes, descriptors: list[int]) -> None:
        """Write a frame in one piece: the socket of a worker without a job is empty and holds more than a frame."""
        try:
            sent = socket.send_fds(self._socket, [frame], descriptors)
        except BlockingIOError:
            sent = 0
        except (BrokenPipeError, ConnectionResetError):
            # It died before the job reached it, so the job is not to blame; the end of the socket is read next.
            if self.hello is not None and self._cause is None:
                self._cause, self._detail = Cause.OUTSIDE, "gone before its job"
            return
        if sent != len(frame):
            self.kill(Cause.GARBAGE, "it does not read its socket")

    def _readable(self) -> None:
        """Take what the worker wrote, or notice that it is gone."""
        try:
            count = self._socket.recv_into(self._reader.room())
        except BlockingIOError:
            return
        except OSError:
            count = 0
        if count == 0:
            self._end()
            return
        try:
            if self.hello is not None and self.assignment is None:
                raise protocol.Garbage("it spoke without being asked")
            whole = self._reader.advance(count)
            if whole is not None:
                self._hear(*whole)
        except protocol.Garbage as error:
            self.kill(Cause.GARBAGE, str(error))

    def _hear(self, answer: protocol.Answer, body: bytes) -> None:
        if isinstance(answer, protocol.Ready):
            if self.hello is not None:
                raise protocol.Garbage("it said hello twice")
            self.hello = answer
            self.resting_bytes = answer.resting_bytes
            self._owner.ready(self)
            return
        assignment = self.assignment
        if assignment is None:
            raise protocol.Garbage("it answered before it said hello")
        if not isinstance(answer, assignment.expects | protocol.Failed):
            raise protocol.Garbage("it answered another question")
        self.assignment = None
        self.resting_bytes = answer.cost.resting_bytes
        self.cpu_seconds += answer.cost.cpu_seconds
        self._owner.answered(self, assignment, answer, body)

    def _look(self) -> tuple[str, int]:
        """The process's state letter and resident bytes (proc(5), stat: the third and the twenty-fourth field)."""
        if self._stat is None:
            return "?", 0
        try:
            fields = os.pread(self._stat, 1024, 0).rpartition(b")")[2].split()
            return fields[0].decode("ascii"), int(fields[21]) * self._page
        except (OSError, IndexError):
            return "?", 0

    def _end(self) -> None:
        """Stop listening and wait, without blocking, for the process to be gone."""
        if self._ending:
            return
        self._ending = True
        self._let_go()
        self._bury(self.loop.time() + BURIAL_SECONDS)

    def _let_go(self) -> None:
        if self._socket.fileno() >= 0:
            self.loop.remove_reader(self._socket)
            self._socket.close()

    def _bury(self, patience: float) -> None:
        """Reap it, look again in two milliseconds, or kill what will not end."""
        if self._process.returncode is not None:
            return
        pid, status, usage = os.wait4(self.pid, os.WNOHANG)
        if pid == 0:
            if self.loop.time() >= patience:
                self._signal()
            self.loop.call_later(BURIAL_STEP_SECONDS, self._bury, patience)
            return
        self.exit_status = self._process.returncode = os.waitstatus_to_exitcode(status)
        self.cpu_seconds = usage.ru_utime + usage.ru_stime
        cause, detail = self._cause_of_death(self.exit_status)
        self._close_descriptors()
        assignment, self.assignment = self.assignment, None
        self._owner.lost(self, assignment, cause, detail)

    def _cause_of_death(self, returncode: int) -> tuple[Cause, str]:
        last_words = self._last_words()
        if self._cause is not None:
            return self._cause, self._detail or last_words
        if returncode == -signal.SIGXCPU:
            return Cause.CPU, last_words
        if -returncode in _SIGNALS_FROM_OUTSIDE:
            return Cause.OUTSIDE, f"signal {-returncode}"
        how = f"exit status {returncode}" if returncode >= 0 else f"signal {-returncode}"
        return Cause.CRASHED, f"{how}: {last_words}" if last_words else how

    def _last_words(self) -> str:
        """The last line it wrote on stderr, for the log; what did not fit into the pipe is lost."""
        try:
            text = os.read(self._diagnosis, DIAGNOSIS_BYTES).decode("utf-8", "replace")
        except OSError:
            return ""
        lines = [line for line in text.splitlines() if line.strip()]
        return lines[-1][:500] if lines else ""

    def _close_descriptors(self) -> None:
        os.close(self._diagnosis)
        if self._stat is not None:
            os.close(self._stat)
            self._stat = None


def _spawn(command: Sequence[str], theirs: socket.socket, stderr: int) -> subprocess.Popen[bytes]:
    """Start the process; its own session keeps a Ctrl-C at the terminal from reaching it."""
    os.set_blocking(stderr, False)  # a worker that talks too much loses words, not time
    return subprocess.Popen(
        [*command, str(theirs.fileno())],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=stderr,
        pass_fds=(theirs.fileno(),),
        env=worker_environment(os.environ),
        cwd="/",
        start_new_session=True,
    )


def _open_stat(pid: int) -> int | None:
    """Open the process's `stat` once: reading it again costs microseconds; None where /proc is hidden."""
    try:
        return os.open(f"/proc/{pid}/stat", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
