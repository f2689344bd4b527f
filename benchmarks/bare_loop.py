"""The limit that cold delivery is measured against: a bare libvips loop with our engine's calls and no server.

Reads the file, shrinks on load by the engine's rule, resizes, encodes with the engine's settings, keeps the bytes; so
what a request costs beyond this is what the platform costs. It speaks libvips itself, on purpose, instead of calling
the engine: a slow engine must show as a difference.

Run as a process of its own: `python -m benchmarks.bare_loop '[["FILE", WIDTH], …]'` warms up, prints `ready`, waits
for a line, then makes every picture and prints one line of JSON.
"""

from __future__ import annotations

import json
import math
import mmap
import os
import resource
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pyvips

from imagemill.engine.confinement import NICENESS
from imagemill.engine.worker_process import worker_environment

ROOT = Path(__file__).resolve().parent.parent
Buffer = bytes | mmap.mmap
QUALITY = 76
"""JPEG quality where a URL names none (contract, option `q`)."""

ENCODER = {"optimize_coding": True, "quant_table": 5}
"""What the engine tells libvips' JPEG encoder besides."""

WARM_UP = 3
"""Pictures made before the clock starts: code pages, allocator and tables are warm in a server as well."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoopReport:
    """Pictures per second of all processes together, and CPU-seconds per picture."""

    rate: float
    cpu_per_picture: float


def shrink_factor(ratio: float) -> int:
    """The JPEG shrink-on-load factor for a reduction by `ratio` (original side / wanted side, the smaller of both).

    The engine's rule for a whole picture whose sides the factor divides (`engine.sampling`): by 2 while 1.4 pixels
    remain for each wanted one, by 4 and 8 only while 2 remain; beyond that the picture suffers.
    """
    for factor, leaves in ((8, 2.0), (4, 2.0), (2, 1.4)):
        if ratio >= factor * leaves:
            return factor
    return 1


def resized(data: Buffer, width: int) -> pyvips.Image:
    """The pixels of a JPEG at `width`, before the encoder."""
    header = _open(data, 1)
    factor = shrink_factor(header.width / width)
    height = max(1, math.floor(header.height * width / header.width + 0.5))
    image = header if factor == 1 else _open(data, factor)
    return image.resize(width * factor / header.width, vscale=height * factor / header.height)


def _open(data: Buffer, shrink: int) -> pyvips.Image:
    source = pyvips.Source.new_from_memory(data)
    options = {"access": "sequential", "fail_on": "truncated"} | ({"shrink": shrink} if shrink > 1 else {})
    return pyvips.Operation.call("jpegload_source", source, **options)


def picture(data: Buffer, width: int) -> bytes:
    """One JPEG of `width` pixels from a JPEG's bytes."""
    encoded: bytes = resized(data, width).jpegsave_buffer(Q=QUALITY, keep="none", **ENCODER)
    return encoded


def from_file(path: Path, width: int) -> bytes:
    """Open, map and render a file, as a worker does with the descriptor it gets."""
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        return picture(data, width)


def run(asked: Sequence[tuple[Path, int]], processes: int = 2) -> LoopReport:
    """Make every width of its file in parallel processes, each with every n-th; the clock starts when all are warm."""
    shares = [asked[n::processes] for n in range(processes)]
    loops = [
        subprocess.Popen(
            [sys.executable, "-m", "benchmarks.bare_loop", json.dumps([(str(path), width) for path, width in share])],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=ROOT,
            env=worker_environment(os.environ),
        )
        for share in shares
    ]
    for loop in loops:
        assert loop.stdout is not None
        if loop.stdout.readline().strip() != b"ready":
            raise RuntimeError("the bare loop did not start")
    started = time.perf_counter()
    for loop in loops:
        assert loop.stdin is not None
        loop.stdin.write(b"go\n")
        loop.stdin.flush()
    results = [json.loads(loop.stdout.readline()) for loop in loops if loop.stdout is not None]
    wall = time.perf_counter() - started
    for loop in loops:
        loop.communicate(timeout=10)
    count = len(asked)
    return LoopReport(
        rate=count / wall,
        cpu_per_picture=sum(r["cpu"] for r in results) / count,
    )


def main() -> None:
    """One process of the loop."""
    asked = [(Path(name), int(width)) for name, width in json.loads(sys.argv[1])]
    os.nice(NICENESS)  # as a worker: on a shared machine both must give way to the same neighbours
    pyvips.cache_set_max(0)  # as in a worker: two pictures in a row have nothing in common
    for _ in range(WARM_UP):
        from_file(asked[0][0], 650)
    print("ready", flush=True)
    sys.stdin.readline()
    before = resource.getrusage(resource.RUSAGE_SELF)
    for path, width in asked:
        from_file(path, width)
    after = resource.getrusage(resource.RUSAGE_SELF)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    print(json.dumps({"cpu": cpu}), flush=True)


if __name__ == "__main__":
    main()
