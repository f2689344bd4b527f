"""A function in the cloud: what its process costs beside a worker of the same work, and what its start imports."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks import pictures
from benchmarks.load import ROOT
from benchmarks.measure import PAIRS, Figure, Outcome, at_most, median_ratio, rounded, spread
from benchmarks.startup import Run, run

ENTRY = "imagemill.functions.delivery"
IMPORT_LIMIT = 150.0
WARM_LIMIT = 1.15
ROUNDS = 4 * PAIRS
OPTIONS = ("w=320,fm=jpeg", "w=320,fm=webp", "w=1200,fm=webp", "w=800,fm=avif")
"""Thumbnails, where a worker's round trip weighs most, and what takes long."""


def interpreter(statement: str) -> Run:
    """Run a fresh interpreter that does one statement, from compiled files."""
    environ = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return run([sys.executable, "-c", statement], cwd=ROOT, env=environ)


def imports() -> tuple[list[float], list[float]]:
    """Return wall-clock and CPU milliseconds of the entry point's import over a bare interpreter, in pairs."""
    interpreter(f"import {ENTRY}")  # compiled files and page cache are there from the second time on
    pairs = [(interpreter(f"import {ENTRY}"), interpreter("pass")) for _ in range(2 * PAIRS)]
    wall = [(whole.wall - bare.wall) * 1e3 for whole, bare in pairs]
    return wall, [(whole.cpu - bare.cpu) * 1e3 for whole, bare in pairs]


def transcodes(photo: Path) -> list[dict[str, object]]:
    """Measure in a process of its own; every pair must have made the same bytes."""
    command = [sys.executable, "-m", "benchmarks.engine_homes", str(photo), str(ROUNDS), *OPTIONS]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=600, check=True)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    if not lines or not all(line["equal"] for line in lines):
        raise RuntimeError("functions: the two homes of the engine make different bytes")
    return lines


def column(lines: Sequence[dict[str, object]], side: str, which: int) -> list[float]:
    """Return the CPU-seconds (0) or seconds (1) of one side."""
    found = []
    for line in lines:
        seconds = line[side]
        assert isinstance(seconds, list)
        found.append(float(seconds[which]))
    return found


def ratio(lines: Sequence[dict[str, object]], which: int) -> float:
    """Return the median over pairs of in process / worker."""
    return median_ratio(column(lines, "in_process", which), column(lines, "worker", which))


def measure() -> Outcome:
    """Pairs of transcodes in both homes, then pairs of interpreters."""
    with tempfile.TemporaryDirectory(prefix="imagemill-bench-") as scratch:
        photo = pictures.six_megapixels(Path(scratch))
        lines = transcodes(photo)
    wall, cpu = imports()
    by_options = {text: [line for line in lines if line["options"] == text] for text in OPTIONS}
    return Outcome(
        method=(
            f"{photo.name} as {'; '.join(OPTIONS)}: the same job in a warm worker of one machine and in this process "
            f"as a function does it, in turn, {ROUNDS} rounds, all bytes equal; `python -c 'import {ENTRY}'` less "
            f"`python -c pass`, {2 * PAIRS} interleaved pairs"
        ),
        figures=(
            Figure(
                name="warm transcode, CPU: in process / worker",
                value=ratio(lines, 0),
                unit="×",
                gate=at_most(WARM_LIMIT),
            ),
            Figure(
                name="warm transcode, wall clock: in process / worker",
                value=ratio(lines, 1),
                unit="×",
                gate=at_most(WARM_LIMIT),
            ),
            Figure(
                name="import of the delivery function, CPU",
                value=statistics.median(cpu),
                unit="ms",
                gate=at_most(IMPORT_LIMIT),
                note=spread(cpu),
            ),
            Figure(
                name="import of the delivery function, wall clock",
                value=statistics.median(wall),
                unit="ms",
                note=spread(wall),
            ),
        ),
        rows=(
            ("options", "worker ms", "in process ms", "CPU ratio", "wall ratio"),
            *(
                (
                    text,
                    f"{statistics.median(column(some, 'worker', 1)) * 1e3:.1f}",
                    f"{statistics.median(column(some, 'in_process', 1)) * 1e3:.1f}",
                    f"{rounded(ratio(some, 0)):g}",
                    f"{rounded(ratio(some, 1)):g}",
                )
                for text, some in by_options.items()
            ),
        ),
    )
