"""Hot delivery: variants that are in the memory cache, against a bare ASGI application on the same Granian.

`wrk` makes the load where it is installed (its own cost per request is small and the same for both sides). Without it
our own generator does, which is slower than either server; then CPU-seconds per request are the gate, because those
do not depend on who asks.
"""

from __future__ import annotations

import os
import random
import shutil
import statistics
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from benchmarks import load, pictures, processes
from benchmarks.measure import PAIRS, Figure, Outcome, at_least, median_ratio, spread
from benchmarks.server import Imagemill, fetch, free_port, status_of

URLS = 1000
SECONDS = 3
CLIENTS = 32
BODY = 15_000
GATE = 0.5
_CONTRACT = ("etag", "last-modified", "cache-control", "cache-status", "server-timing", "x-request-id", "accept-ranges")
"""A few of the contract's headers: a hit that lacks them would be measured unfairly well."""


@dataclass(frozen=True, slots=True)
class Burst:
    """One side of one pair: requests per second, server CPU-seconds per request, p50 and p99 in seconds."""

    rate: float
    cpu: float
    p50: float
    p99: float


def nearest_quality(sizes: dict[int, int], wanted: int) -> int:
    """The quality whose body is nearest to `wanted` bytes."""
    return min(sizes, key=lambda quality: abs(sizes[quality] - wanted))


def measure() -> Outcome:
    """Make 1 000 variants, then run the interleaved pairs."""
    with Imagemill() as server:
        small = small_photo(server.scratch)
        names = pictures.copies(small, server.data, URLS, "hot")
        server.start()
        options, size = options_for(server, names[0])
        paths = [f"/img/{options}/{name}" for name in names]
        load.run(load.Load(port=server.port, paths=paths)).require_good("hot, filling the cache")
        load.run(load.Load(port=server.port, paths=paths)).require_good("hot, warm-up")
        _require_contract(server, paths[0])
        listing = server.scratch / "paths.txt"
        listing.write_text("\n".join(paths) + "\n")
        ours, bare = pairs(server, listing, size)
    by_rate = shutil.which("wrk") is not None
    rate = median_ratio([b.rate for b in ours], [b.rate for b in bare])
    cpu = median_ratio([b.cpu for b in bare], [b.cpu for b in ours])
    return Outcome(
        method=(
            f"{URLS} cached URLs at random, {size} bytes each, all contract headers and the JSON access log on; "
            f"{CLIENTS} connections for {SECONDS} s, {PAIRS} interleaved pairs; load by "
            f"{'wrk, one thread' if by_rate else 'our own generator (wrk is not installed)'}"
        ),
        figures=(
            Figure(name="throughput / bare ASGI", value=rate, unit="×", gate=at_least(GATE) if by_rate else None),
            Figure(
                name="CPU per request, bare ASGI / ours", value=cpu, unit="×", gate=None if by_rate else at_least(GATE)
            ),
            Figure(
                name="requests per second",
                value=statistics.median(b.rate for b in ours),
                unit="/s",
                note=spread([b.rate for b in ours]),
            ),
            Figure(
                name="requests per second, bare ASGI",
                value=statistics.median(b.rate for b in bare),
                unit="/s",
                note=spread([b.rate for b in bare]),
            ),
            Figure(name="CPU per request", value=statistics.median(b.cpu for b in ours) * 1e6, unit="µs"),
            Figure(name="CPU per request, bare ASGI", value=statistics.median(b.cpu for b in bare) * 1e6, unit="µs"),
            Figure(name="p50", value=statistics.median(b.p50 for b in ours) * 1e3, unit="ms"),
            Figure(name="p99", value=statistics.median(b.p99 for b in ours) * 1e3, unit="ms"),
        ),
    )


def pairs(server: Imagemill, listing: Path, size: int) -> tuple[list[Burst], list[Burst]]:
    """Interleaved bursts on our server and on a bare application that answers `size` bytes."""
    port = free_port()
    command = [sys.executable, "-m", "benchmarks.bare_asgi", str(port), str(size)]
    bare = subprocess.Popen(command, cwd=load.ROOT, start_new_session=True)
    try:
        processes.wait_until(lambda: status_of(port, "/") == 200, 10, "bare ASGI", bare)
        burst(port, bare.pid, listing)
        bursts = [(burst(server.port, server.pid, listing), burst(port, bare.pid, listing)) for _ in range(PAIRS)]
    finally:
        processes.stop(bare)
    return [mine for mine, _ in bursts], [other for _, other in bursts]


def burst(port: int, pid: int, listing: Path) -> Burst:
    """Some seconds of load on one server."""
    before = processes.cpu_seconds(pid)
    count, wall, p50, p99 = _wrk(port, listing) if shutil.which("wrk") else _own(port, listing)
    cpu = processes.cpu_seconds(pid) - before
    return Burst(rate=count / wall, cpu=cpu / count, p50=p50, p99=p99)


def _wrk(port: int, listing: Path) -> tuple[int, float, float, float]:
    script = Path(__file__).with_name("random_paths.lua")
    command = ["wrk", "-t1", f"-c{CLIENTS}", f"-d{SECONDS}s", "-s", str(script), f"http://127.0.0.1:{port}/"]
    done = subprocess.run(
        command, env=os.environ | {"PATHS": str(listing)}, capture_output=True, text=True, timeout=60, check=True
    )
    line = next(line for line in done.stdout.splitlines() if line.startswith("RESULT "))
    count, micros, errors, p50, p99 = (int(float(word)) for word in line.split()[1:])
    if errors:
        raise RuntimeError(f"hot: {errors} of {count} requests failed")
    return count, micros / 1e6, p50 / 1e6, p99 / 1e6


def _own(port: int, listing: Path) -> tuple[int, float, float, float]:
    chance = random.Random(1)
    paths = chance.choices(listing.read_text().split(), k=4000 * SECONDS)
    report = load.run(load.Load(port=port, paths=paths, connections=CLIENTS)).require_good("hot")
    return len(paths), report.wall, report.latency(0.5), report.latency(0.99)


def small_photo(folder: Path) -> Path:
    """A picture small enough that a thousand variants of it are made in seconds."""
    import pyvips

    source = pictures.six_megapixels(folder)
    path = folder / "small.jpg"
    pyvips.Image.thumbnail(str(source), 480).jpegsave(str(path), Q=85, keep="none")
    return path


def options_for(server: Imagemill, name: str) -> tuple[str, int]:
    """The options whose answer is nearest to 15 kB, and its size."""
    sizes = {}
    for quality in range(20, 96, 5):
        status, _, body = fetch(server.port, f"/img/w=320,q={quality},fm=jpeg/{name}")
        if status != 200:
            raise RuntimeError(f"hot: 200 expected, got {status}")
        sizes[quality] = len(body)
    best = nearest_quality(sizes, BODY)
    return f"w=320,q={best},fm=jpeg", sizes[best]


def _require_contract(server: Imagemill, path: str) -> None:
    _, headers, _ = fetch(server.port, path)
    missing = [name for name in _CONTRACT if name not in headers]
    if missing:
        raise RuntimeError(f"hot: the contract's headers expected, missing {', '.join(missing)}")
    if "hit" not in headers["cache-status"]:
        raise RuntimeError(f"hot: a hit expected, got {headers['cache-status']}")
