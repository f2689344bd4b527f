"""A tighter limit for one step of a job: drawing an SVG, which a few hundred bytes can make endless (threats D9).

Kept by the kernel, in the worker itself: over the processor limit it is ended (SIGXCPU), over the memory limit an
allocation fails, at which librsvg gives up. Either way one worker is lost and the picture is refused (422). Where the
engine works in the process that answers, only the memory limit is armed: the job's time bounds the rest.
"""

from __future__ import annotations

import contextlib
import os
import resource
import time
from collections.abc import Iterator
from dataclasses import dataclass

_DATA = 5
"""The field of /proc/self/statm that RLIMIT_DATA counts, in pages (proc(5))."""


@dataclass(slots=True)
class Budget:
    """What one drawing may take: CPU-seconds and bytes; `statm` is open because a confined process opens no file."""

    cpu_seconds: float | None = 2.0
    memory_bytes: int = 256 * 1024 * 1024
    statm: int | None = None

    def arm(self, cpu_seconds: float | None, memory_bytes: int) -> None:
        """Set the limits (no `cpu_seconds`: no such limit), and make them hold from now on.

        Only who does jobs says so, so that no test ends with a drawing.
        """
        self.cpu_seconds, self.memory_bytes = cpu_seconds, memory_bytes
        if self.statm is None:
            self.statm = os.open("/proc/self/statm", os.O_RDONLY | os.O_CLOEXEC)

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Hold what runs inside to the budget, and never to more than the job has left."""
        if self.statm is None:
            yield
            return
        before = {limit: resource.getrlimit(limit) for limit in (resource.RLIMIT_CPU, resource.RLIMIT_DATA)}
        used = int(os.pread(self.statm, 256, 0).split()[_DATA]) * resource.getpagesize()
        wanted = {resource.RLIMIT_DATA: used + self.memory_bytes}
        if self.cpu_seconds is not None:
            wanted[resource.RLIMIT_CPU] = int(time.process_time() + self.cpu_seconds) + 1
        try:
            for limit, value in wanted.items():
                soft, hard = before[limit]
                resource.setrlimit(limit, (value if soft == resource.RLIM_INFINITY else min(soft, value), hard))
            yield
        finally:
            for limit in wanted:
                resource.setrlimit(limit, before[limit])


DRAWING = Budget()
"""The budget of every drawing of this process."""
