"""Starting: how long the delivery path takes to import, and how soon `serve` answers."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.load import ROOT
from benchmarks.measure import PAIRS, Figure, Outcome, at_most, spread
from benchmarks.server import Imagemill

DELIVERY = "imagemill.delivery.pipeline"
IMPORT_LIMIT = 150.0
READY_LIMIT = 1.5


def measure() -> Outcome:
    """Interleaved pairs of interpreters with and without the import, then several starts of the server."""
    _interpreter(f"import {DELIVERY}")  # compiled files and page cache are there from the second time on
    pairs = [(_interpreter(f"import {DELIVERY}"), _interpreter("pass")) for _ in range(PAIRS)]
    cpu = [(whole.cpu - bare.cpu) * 1e3 for whole, bare in pairs]
    wall = [(whole.wall - bare.wall) * 1e3 for whole, bare in pairs]
    ready = [_start() for _ in range(PAIRS)]
    return Outcome(
        method=(
            f"`python -c 'import {DELIVERY}'` less `python -c pass`, {PAIRS} interleaved pairs; spawn of "
            f"`imagemill serve` on an empty data folder to the first 200 of /healthz/ready, {PAIRS} starts"
        ),
        figures=(
            Figure(
                name="import of the delivery path, CPU",
                value=statistics.median(cpu),
                unit="ms",
                gate=at_most(IMPORT_LIMIT),
                note=spread(cpu),
            ),
            Figure(
                name="import of the delivery path, wall clock",
                value=statistics.median(wall),
                unit="ms",
                note=spread(wall),
            ),
            Figure(
                name="serve, until ready",
                value=statistics.median(ready),
                unit="s",
                gate=at_most(READY_LIMIT),
                note=spread(ready),
            ),
        ),
    )


@dataclass(frozen=True, slots=True)
class Run:
    """One interpreter from start to end: seconds on the clock, CPU-seconds."""

    wall: float
    cpu: float


def _interpreter(statement: str) -> Run:
    """A fresh interpreter that does one statement."""
    return run([sys.executable, "-c", statement], cwd=ROOT)


def run(command: Sequence[str], *, cwd: Path, env: Mapping[str, str] | None = None) -> Run:
    """Run a command to its end; raises RuntimeError where it fails."""
    started = time.perf_counter()
    process = subprocess.Popen(command, cwd=cwd, env=env)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"`{' '.join(command)}` ended with status {process.returncode}")
    return Run(time.perf_counter() - started, usage.ru_utime + usage.ru_stime)


def _start() -> float:
    with Imagemill() as server:
        server.start()
        return server.ready_seconds
