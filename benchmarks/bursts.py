"""Bursts: some seconds of load on a server whose answers lie ready, and what they cost it.

`wrk` makes the load where it is installed (its own cost per request is small and the same for both sides). Without it
our own generator does, which is slower than most servers here; then CPU-seconds per request are the gate, because those
do not depend on who asks.
"""

from __future__ import annotations

import os
import random
import resource
import shutil
import statistics
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from benchmarks import load, processes
from benchmarks.measure import PAIRS, Figure, Gate, median_ratio, spread
from benchmarks.server import Imagemill, free_port, status_of

SECONDS = 3
CLIENTS = 32


@dataclass(frozen=True, slots=True)
class Burst:
    """What one burst found: requests per second, server and generator CPU-seconds per request, p50 and p99 in seconds.

    `generator` is of whatever made the load.
    """

    rate: float
    cpu: float
    generator: float
    p50: float
    p99: float


def has_wrk() -> bool:
    """Whether the load is made by wrk."""
    return shutil.which("wrk") is not None


def method() -> str:
    """How bursts are made, for the end of a benchmark's method."""
    generator = "wrk, one thread" if has_wrk() else "our own generator (wrk is not installed)"
    return f"{CLIENTS} connections for {SECONDS} s, {PAIRS} interleaved pairs; load by {generator}"


def burst(port: int, pid: int, listing: Path) -> Burst:
    """Ask for random lines of the file `listing`, on the server at `port` whose process tree begins at `pid`.

    Raises RuntimeError when any answer was not good, because its timing would mean nothing.
    """
    before = processes.cpu_seconds(pid)
    made = _wrk(port, listing) if has_wrk() else _own(port, listing)
    cpu = processes.cpu_seconds(pid) - before
    return Burst(made.asked / made.wall, cpu / made.asked, made.cpu / made.asked, made.p50, made.p99)


def listed(paths: list[str], path: Path) -> Path:
    """Write the paths to ask for to the file `path`, one a line; returns it."""
    path.write_text("\n".join(paths) + "\n")
    return path


def against_bare_asgi(server: Imagemill, listing: Path, size: int) -> tuple[list[Burst], list[Burst]]:
    """Interleaved bursts on our server and on a bare application that answers `size` bytes."""
    port = free_port()
    command = [sys.executable, "-m", "benchmarks.bare_asgi", str(port), str(size)]
    bare = subprocess.Popen(command, cwd=load.ROOT, start_new_session=True)
    try:
        processes.wait_until(lambda: status_of(port, "/") == 200, 10, "bare ASGI", bare)
        burst(port, bare.pid, listing)
        pairs = [(burst(server.port, server.pid, listing), burst(port, bare.pid, listing)) for _ in range(PAIRS)]
    finally:
        processes.stop(bare)
    return [mine for mine, _ in pairs], [other for _, other in pairs]


def compared(ours: list[Burst], others: list[Burst], *, other: str, gate: Gate) -> tuple[Figure, ...]:
    """The figures of two sides that were asked in pairs; the gate is of the throughput, or of the CPU without wrk."""
    rate = median_ratio([b.rate for b in ours], [b.rate for b in others])
    cpu = median_ratio([b.cpu for b in others], [b.cpu for b in ours])
    return (
        Figure(name=f"throughput / {other}", value=rate, unit="×", gate=gate if has_wrk() else None),
        Figure(name=f"CPU per request, {other} / ours", value=cpu, unit="×", gate=None if has_wrk() else gate),
        rates("requests per second", ours),
        rates(f"requests per second, {other}", others),
        cpu_per_request("CPU per request", ours),
        cpu_per_request(f"CPU per request, {other}", others),
    )


def rates(name: str, bursts: list[Burst]) -> Figure:
    """The median of the requests per second, with their spread."""
    found = [b.rate for b in bursts]
    return Figure(name=name, value=statistics.median(found), unit="/s", note=spread(found))


def cpu_per_request(name: str, bursts: list[Burst]) -> Figure:
    """The median of what a request cost the server."""
    return Figure(name=name, value=statistics.median(b.cpu for b in bursts) * 1e6, unit="µs")


def latencies(bursts: list[Burst]) -> tuple[Figure, ...]:
    """The medians of what half of the requests, and all but a hundredth of them, took at most."""
    return (
        Figure(name="p50", value=statistics.median(b.p50 for b in bursts) * 1e3, unit="ms"),
        Figure(name="p99", value=statistics.median(b.p99 for b in bursts) * 1e3, unit="ms"),
    )


class _Made(NamedTuple):
    """What a generator says: how many requests, in how many seconds and CPU-seconds of its own, and their latencies."""

    asked: int
    wall: float
    cpu: float
    p50: float
    p99: float


def _wrk(port: int, listing: Path) -> _Made:
    script = Path(__file__).with_name("random_paths.lua")
    command = ["wrk", "-t1", f"-c{CLIENTS}", f"-d{SECONDS}s", "-s", str(script), f"http://127.0.0.1:{port}/"]
    environment = os.environ | {"PATHS": str(listing)}
    before = _children_seconds()
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=True)
    line = next(line for line in done.stdout.splitlines() if line.startswith("RESULT "))
    count, micros, errors, p50, p99 = (int(float(word)) for word in line.split()[1:])
    if errors:
        raise RuntimeError(f"burst: {errors} of {count} requests failed")
    return _Made(count, micros / 1e6, _children_seconds() - before, p50 / 1e6, p99 / 1e6)


def _own(port: int, listing: Path) -> _Made:
    paths = random.Random(1).choices(listing.read_text().split(), k=4000 * SECONDS)
    report = load.run(load.Load(port=port, paths=paths, connections=CLIENTS)).require_good("burst")
    return _Made(len(paths), report.wall, report.cpu, report.latency(0.5), report.latency(0.99))


def _children_seconds() -> float:
    """CPU-seconds of the processes that this one has waited for."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
