"""What the end of a worker means for the job it had (threats D18; contract, "Statuses").

    broke the wall, CPU or memory limit   422 too_complex, and a strike against the content
    crashed, or wrote garbage             422 too_complex, and a strike against the content
    killed or stopped from outside        the job is innocent: given to another worker; at the third blow 503
    the file became shorter meanwhile     422 damaged: whoever wrote it is to blame, not its content

Separate from `pool`, which carries the verdict out.
"""

from __future__ import annotations

import asyncio
import os
import signal

from imagemill.engine.port import Source
from imagemill.engine.settings import EngineSettings
from imagemill.engine.strikes import Strikes
from imagemill.engine.worker_process import Assignment, Cause, WorkerProcess
from imagemill.errors import ImagemillError, Overloaded, Unprocessable

BLOWS = 3
"""Times that one job may lose its worker to somebody else's kill before we say that we cannot serve now."""

BLOW_SECONDS = 0.5
"""Who kills all workers at once strikes one blow, though the job be handed to each of the dying in turn. A job whose
own hunger calls the kernel's killer holds its worker longer than this, and cannot hide behind the rule."""


class Losses:
    """The judge of one pool's losses."""

    def __init__(self, settings: EngineSettings, strikes: Strikes, *, draws: bool) -> None:
        """`strikes` remembers content that breaks workers; `draws` says that the workers draw SVGs, within a budget."""
        self._settings = settings
        self._strikes = strikes
        self._draws = draws

    def judge(self, worker: WorkerProcess, assignment: Assignment, cause: Cause) -> ImagemillError | None:
        """Return what a lost worker's job ends with; None where it is innocent and may have another worker."""
        if cause is Cause.OUTSIDE and _blows(worker, assignment) < BLOWS:
            return None
        waited_for = not assignment.future.done()
        if waited_for and worker.exit_status == -signal.SIGBUS and _shrunk(assignment.source):
            # Touching a mapped file's missing end.
            return Unprocessable("The original changed while it was being read.", code="damaged")
        self._strikes.add(assignment.source.digest, assignment.work)
        if cause is Cause.OUTSIDE:
            return Overloaded("The workers are being killed from outside.", retry_after=1)
        return Unprocessable(self._sentence(cause), code="too_complex")

    def _sentence(self, cause: Cause) -> str:
        settings = self._settings
        if cause is Cause.WALL:
            return f"This job took longer than the {settings.wall_seconds:g} seconds that one may take."
        if cause is Cause.CPU:
            drawing = f" ({settings.drawing_cpu_seconds:g} to draw an SVG)" if self._draws else ""
            return f"This job used more than the {settings.cpu_seconds:g} CPU-seconds that one may use{drawing}."
        if cause is Cause.MEMORY:
            return f"This job needed more than the {settings.memory_bytes // 2**20} MiB of memory that one may use."
        return "The decoder broke down on this image."


def _blows(worker: WorkerProcess, assignment: Assignment) -> int:
    """Count this loss, unless the worker fell in the blow that took the job's last one too."""
    now = asyncio.get_running_loop().time()
    if worker.started >= assignment.struck or now - assignment.begun >= BLOW_SECONDS:
        assignment.blows += 1
        assignment.struck = now
    return assignment.blows


def _shrunk(source: Source) -> bool:
    """Whether the open file is shorter now than when the job was made."""
    try:
        return os.fstat(source.descriptor).st_size < source.size
    except OSError:
        return False
