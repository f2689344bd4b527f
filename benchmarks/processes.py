"""What processes cost, read from /proc: CPU-seconds and memory of a process and all its descendants.

Apart from the benchmarks because every one of them judges whole process trees, ours and the peers', by the same rule.
Linux only. Units: seconds, bytes.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

_PROC = Path("/proc")
_TICK = os.sysconf("SC_CLK_TCK")
_GONE = (FileNotFoundError, ProcessLookupError, PermissionError)


def _stat(pid: int) -> list[str]:
    """The fields of /proc/<pid>/stat after the name, which may hold spaces: index 0 is field 3 of proc(5)."""
    return (_PROC / str(pid) / "stat").read_text().rpartition(") ")[2].split()


def tree(root: int) -> list[int]:
    """The process and all its living descendants."""
    children: dict[int, list[int]] = defaultdict(list)
    for entry in _PROC.iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(*_GONE):
                children[int(_stat(int(entry.name))[1])].append(int(entry.name))
    found, waiting = [], [root]
    while waiting:
        pid = waiting.pop()
        found.append(pid)
        waiting.extend(children[pid])
    return found


def cpu_seconds(root: int) -> float:
    """CPU-seconds, user and system, of the tree so far; a child that ended counts once its parent has waited for it."""
    ticks = 0
    for pid in tree(root):
        with contextlib.suppress(*_GONE):
            ticks += sum(int(field) for field in _stat(pid)[11:15])
    return ticks / _TICK


def _kilobytes(path: Path, name: str) -> int:
    for line in path.read_text().splitlines():
        if line.startswith(name):
            return int(line.split()[1]) * 1024
    return 0


def pss(root: int) -> int:
    """Bytes of memory of the tree, where a page shared by n processes counts 1/n in each."""
    total = 0
    for pid in tree(root):
        with contextlib.suppress(*_GONE):
            total += _kilobytes(_PROC / str(pid) / "smaps_rollup", "Pss:")
    return total


def resident(pid: int) -> int:
    """Bytes that one process holds in memory now."""
    return _kilobytes(_PROC / str(pid) / "status", "VmRSS:")


def resident_peak(pid: int) -> int:
    """The most bytes that one process held in memory since `forget_peak`."""
    return _kilobytes(_PROC / str(pid) / "status", "VmHWM:")


def forget_peak(pid: int) -> None:
    """Let the kernel count the peak of a process anew (proc(5), clear_refs)."""
    (_PROC / str(pid) / "clear_refs").write_text("5")


class PssPeak:
    """Samples the tree's PSS every `interval` seconds while the `with` block runs; `bytes` is the largest sum seen."""

    def __init__(self, root: int, interval: float = 0.05) -> None:
        self.bytes = 0
        self.samples = 0
        self._root = root
        self._interval = interval
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._sample, daemon=True)

    def _sample(self) -> None:
        while not self._ended.wait(self._interval):
            self.bytes = max(self.bytes, pss(self._root))
            self.samples += 1

    def __enter__(self) -> PssPeak:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()


def stop(process: subprocess.Popen[bytes], seconds: float = 10.0) -> int:
    """End a process that we started, with SIGTERM first; its session's leftovers are killed. Returns the exit code."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.kill()
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)  # every server here is started as the leader of its own session
    return process.wait()


def wait_until(
    ready: Callable[[], bool], seconds: float, what: str, process: subprocess.Popen[bytes] | None = None
) -> float:
    """Call `ready()` until it is true; returns the seconds that took. RuntimeError names `what` on time-out."""
    started = time.perf_counter()
    while not ready():
        if process is not None and process.poll() is not None:
            raise RuntimeError(f"{what} ended with status {process.returncode} before it was ready")
        if time.perf_counter() - started > seconds:
            raise RuntimeError(f"{what} was not ready within {seconds:g} s")
        time.sleep(0.01)
    return time.perf_counter() - started
