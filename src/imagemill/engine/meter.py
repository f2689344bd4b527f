"""What a job takes of a worker: CPU-seconds and memory, measured; and memory that is given back.

Separate from `worker`, which does the jobs. To be made before confinement: the files of /proc must be open by then.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import re
import time

from imagemill.engine import protocol

TRIM_BYTES = 64 * 1024 * 1024
"""Growth since the start above which the heap is given back right after a job."""


class Meter:
    """Measures one job after the other: CPU of all threads, highest and resting resident memory.

    Opened before confinement. Not `ru_maxrss`: a fresh process inherits its starter's there. Where the kernel does not
    let the high-water mark be reset, the peak is that of the worker's life.
    """

    def __init__(self) -> None:
        self._status = os.open("/proc/self/status", os.O_RDONLY)
        self._statm = os.open("/proc/self/statm", os.O_RDONLY)
        self._reset: int | None = None
        with contextlib.suppress(OSError):
            self._reset = os.open("/proc/self/clear_refs", os.O_WRONLY)
        self._page = os.sysconf("SC_PAGE_SIZE")
        self._cpu = 0.0

    def begin(self) -> None:
        """Start measuring a job."""
        if self._reset is not None:
            os.pwrite(self._reset, b"5", 0)
        self._cpu = time.process_time()

    def cost(self) -> protocol.Cost:
        """What the job has taken since `begin`."""
        found = re.search(rb"VmHWM:\s+(\d+)", os.pread(self._status, 4096, 0))
        peak = int(found[1]) * 1024 if found else 0
        return protocol.Cost(time.process_time() - self._cpu, peak, self.resting())

    def close(self) -> None:
        """Close the files; a process that lives as long as its meter need not."""
        for descriptor in (self._status, self._statm, self._reset):
            if descriptor is not None:
                os.close(descriptor)

    @property
    def resets(self) -> bool:
        """Whether a job's peak is its own, and not that of the process's life."""
        return self._reset is not None

    def data(self) -> int:
        """What RLIMIT_DATA counts now, in bytes (proc(5), the sixth field of statm)."""
        return int(os.pread(self._statm, 256, 0).split()[5]) * self._page

    def resting(self) -> int:
        """Resident memory now, in bytes."""
        return int(os.pread(self._statm, 256, 0).split()[1]) * self._page


class Heap:
    """Gives memory that a job freed back to the kernel, where the C library can (glibc's malloc_trim)."""

    def __init__(self, meter: Meter) -> None:
        self._meter = meter
        self._trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
        self._base = meter.resting()
        self._last = self._base

    def give_back(self, more_than: int) -> None:
        """Trim where the worker has grown by `more_than` bytes since it started and since the last trim."""
        if self._trim is not None and self._meter.resting() - max(self._base, self._last) > more_than:
            self._trim(0)
            self._last = self._meter.resting()
