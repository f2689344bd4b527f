"""How much memory a job may take where it shares the machine with the process that answers (threats D18).

Separate from `confinement`, which limits a worker once and for good: here the limit is put down for a job and lifted
after it. The kernel keeps it (RLIMIT_DATA): what would be too much is an allocation that fails, which is a refusal of
one picture, where a machine that runs out of memory is a dead function.
"""

from __future__ import annotations

import contextlib
import resource
import sys
from collections.abc import Iterator

from imagemill.engine.meter import Meter

RESERVE = 96 * 1024 * 1024
"""What of the machine's memory is never a job's: its kernel's, the runtime's, and the result on its way out."""

FLOOR = 64 * 1024 * 1024
"""What a job always gets: less decodes nothing, and a machine so full cannot be told from one that counts otherwise."""

STACKS = 64 * 1024 * 1024
"""Address space that libraries set aside and do not touch, thread stacks of 8 MiB above all; RLIMIT_DATA counts it."""

NEAR = 2 / 3
"""A job that failed above this share of its memory failed for want of it: what did not fit was never there to see."""


class Ceiling:
    """The limit over each job of this process."""

    def __init__(self, meter: Meter, *, job_bytes: int, machine_bytes: int | None) -> None:
        """`job_bytes` is what the settings allow, `machine_bytes` what there is in all, if that is known."""
        self.meter = meter
        self._job_bytes = job_bytes
        self._machine_bytes = machine_bytes

    @contextlib.contextmanager
    def held(self) -> Iterator[int]:
        """Measure and limit what runs inside; yield the peak, in bytes, above which a failure is want of memory."""
        resting = self.meter.resting()
        growth = self._job_bytes
        if self._machine_bytes is not None:
            growth = max(FLOOR, min(growth, self._machine_bytes - RESERVE - resting))
        soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
        wanted = self.meter.data() + growth + STACKS
        lowered = wanted if soft == resource.RLIM_INFINITY else min(wanted, soft)
        resource.setrlimit(resource.RLIMIT_DATA, (lowered, hard))
        self.meter.begin()
        try:
            yield resting + int(growth * NEAR) if self.meter.resets else sys.maxsize
        finally:
            resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))
