"""How much memory a job may take where it shares the machine with the process that answers (threats D18).

Separate from `confinement`, which limits a worker once and for good: here the limits are put down for a job and lifted
after it. There are two, as for a worker. What is resident is looked at now and then (`is_broken`), so that the job can
be stopped before anything fails. For the leap between two looks the kernel refuses what the machine does not have
(RLIMIT_DATA): most libraries then refuse the picture, a few crash, but none takes the machine with it.
"""

from __future__ import annotations

import contextlib
import resource
import sys
from collections.abc import Iterator

from imagemill.engine.confinement import MEMORY_HEADROOM
from imagemill.engine.meter import Meter

RESERVE = 96 * 1024 * 1024
"""What of the machine's memory is never a job's: its kernel's, the runtime's, and the result on its way out."""

FLOOR = 64 * 1024 * 1024
"""What a job always gets: less decodes nothing, and a machine so full cannot be told from one that counts otherwise."""

STACKS = 64 * 1024 * 1024
"""Address space that libraries set aside and do not touch, thread stacks of 8 MiB above all; RLIMIT_DATA counts it."""

SHARE = 0.75
"""Of what the machine has left, a job may take as much before it is stopped: the rest is for the leap."""

NEAR = 2 / 3
"""A job that failed above this share of its memory failed for want of it: what did not fit was never there to see."""


class Ceiling:
    """The limits over each job of this process."""

    def __init__(self, meter: Meter, *, job_bytes: int, machine_bytes: int | None) -> None:
        """`job_bytes` is what the settings allow, `machine_bytes` what there is in all, if that is known."""
        self.meter = meter
        self._job_bytes = job_bytes
        self._machine_bytes = machine_bytes
        self._most = sys.maxsize

    def is_broken(self) -> bool:
        """Whether the job holds more now than it may; may be asked from another thread."""
        return self.meter.resting() > self._most

    @contextlib.contextmanager
    def held(self) -> Iterator[int]:
        """Measure and limit what runs inside; yield the peak, in bytes, above which a failure is want of memory."""
        resting = self.meter.resting()
        growth, leap = self._job_bytes, 2 * self._job_bytes + MEMORY_HEADROOM
        if self._machine_bytes is not None:
            leap = min(leap, max(FLOOR, self._machine_bytes - RESERVE - resting))
            growth = min(growth, int(leap * SHARE))
        soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
        wanted = self.meter.data() + leap + STACKS
        lowered = wanted if soft == resource.RLIM_INFINITY else min(wanted, soft)
        resource.setrlimit(resource.RLIMIT_DATA, (lowered, hard))
        self.meter.begin()
        self._most = resting + growth
        try:
            yield resting + int(growth * NEAR) if self.meter.resets else sys.maxsize
        finally:
            self._most = sys.maxsize
            resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))
