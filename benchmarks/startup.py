"""Starting: how long the delivery path takes to import, and how soon `serve` answers."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time

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
    imports = [(whole - bare) * 1e3 for whole, bare in pairs]
    ready = [_start() for _ in range(PAIRS)]
    return Outcome(
        method=(
            f"`python -c 'import {DELIVERY}'` less `python -c pass`, {PAIRS} interleaved pairs; spawn of "
            f"`imagemill serve` on an empty data folder to the first 200 of /healthz/ready, {PAIRS} starts"
        ),
        figures=(
            Figure(
                name="import of the delivery path",
                value=statistics.median(imports),
                unit="ms",
                gate=at_most(IMPORT_LIMIT),
                note=spread(imports),
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


def _interpreter(statement: str) -> float:
    """Seconds that a fresh interpreter takes for one statement."""
    started = time.perf_counter()
    subprocess.run([sys.executable, "-c", statement], cwd=ROOT, check=True, timeout=60)
    return time.perf_counter() - started


def _start() -> float:
    with Imagemill() as server:
        server.start()
        return server.ready_seconds
