"""Two serving processes against one on hits, and a thousand first askers of one variant over both.

Whether two processes answer twice as much shows only where there are cores for both and for the load generator. So
three things are told: the rates as they came, what a request costs the servers and the generator in CPU, and the ratio
that this cost allows where cores are free: two processes that spend no more on a request than one answer twice as many.
That ratio is the gate everywhere; the rates themselves only from four cores on.
"""

from __future__ import annotations

import os
import statistics
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from benchmarks import bursts, load, pictures
from benchmarks.bursts import Burst
from benchmarks.measure import PAIRS, Figure, Outcome, at_least, at_most, median_ratio, spread
from benchmarks.server import UNLIMITED, Imagemill

URLS = 200
GATE = 1.8
ENOUGH_CORES = 4
ASKERS = 1000
STAMPEDES = 5
PATIENCE = 1.2
"""The slowest of the askers may take this much longer than the fastest, and the transcode itself."""


def measure() -> Outcome:
    """Interleave bursts on one process and on two; then the stampedes on the two."""
    with ExitStack() as stack:
        one, two = (stack.enter_context(_server(count)) for count in (1, 2))
        paths = _fill(one, two)
        listing = bursts.listed(paths, one.scratch / "paths.txt")
        for server in (one, two):
            _burst(server, listing)
        pairs = [(_burst(one, listing), _burst(two, listing)) for _ in range(PAIRS)]
        stampedes = [_stampede(two, number) for number in range(STAMPEDES)]
    return Outcome(
        method=(
            f"{URLS} cached URLs at random, {bursts.method()}, on the same {os.cpu_count()} cores; {ASKERS} askers at "
            f"once over two processes, {STAMPEDES} times, each a new size of a six-megapixel photo; the transcode is "
            "what its one maker says"
        ),
        figures=(*_hits([a for a, _ in pairs], [b for _, b in pairs]), *_misses(stampedes)),
    )


def _hits(one: list[Burst], two: list[Burst]) -> tuple[Figure, ...]:
    cheap = median_ratio([a.cpu for a in one], [b.cpu for b in two])
    enough = (os.cpu_count() or 1) >= ENOUGH_CORES
    return (
        Figure(name="two processes / one, as their CPU per hit allows", value=2 * cheap, unit="×", gate=at_least(GATE)),
        Figure(
            name="two processes / one, hits per second",
            value=median_ratio([b.rate for b in two], [a.rate for a in one]),
            unit="×",
            gate=at_least(GATE) if enough else None,
            note="" if enough else "the generator needs one of these cores too: not a gate here",
        ),
        bursts.rates("one process", one),
        bursts.rates("two processes", two),
        bursts.cpu_per_request("CPU per hit, one process", one),
        bursts.cpu_per_request("CPU per hit, two processes", two),
        Figure(name="CPU per hit, the generator", value=statistics.median(a.generator for a in one) * 1e6, unit="µs"),
    )


def _misses(stampedes: list[Stampede]) -> tuple[Figure, ...]:
    late = [one.slowest / (PATIENCE * one.fastest + one.transcode) for one in stampedes]
    return (
        Figure(
            name="stampede: transcodes of one variant", value=max(s.made for s in stampedes), unit="", gate=at_most(1)
        ),
        Figure(
            name="stampede: slowest / (1.2 × fastest + transcode)",
            value=statistics.median(late),
            unit="×",
            gate=at_most(1.0),
            note=spread(late),
        ),
        Figure(name="stampede: fastest", value=statistics.median(s.fastest for s in stampedes) * 1e3, unit="ms"),
        Figure(name="stampede: slowest", value=statistics.median(s.slowest for s in stampedes) * 1e3, unit="ms"),
        Figure(name="stampede: transcode", value=statistics.median(s.transcode for s in stampedes) * 1e3, unit="ms"),
    )


def _server(count: int) -> Imagemill:
    return Imagemill(UNLIMITED | {"IMAGEMILL_SERVER__PROCESSES": str(count)})


def _fill(*servers: Imagemill) -> list[str]:
    """Put the same pictures into each, start it, and have every variant in the memory of every process."""
    paths: list[str] = []
    for server in servers:
        photo = pictures.six_megapixels(server.scratch)
        names = pictures.copies(photo, server.data, 4, "cluster")
        server.start()
        paths = [f"/img/w={200 + n // len(names)},fm=jpeg/{names[n % len(names)]}" for n in range(URLS)]
        for _ in range(4):  # connections come to either process, so once would fill but a part of each memory
            load.run(load.Load(port=server.port, paths=paths, connections=16)).require_good("cluster, filling")
    return paths


def _burst(server: Imagemill, listing: Path) -> Burst:
    return bursts.burst(server.port, server.pid, listing)


@dataclass(frozen=True, slots=True)
class Stampede:
    """What a thousand saw who asked for one new variant: seconds of the fastest, the slowest, and of the make."""

    fastest: float
    slowest: float
    transcode: float
    made: float


def _stampede(server: Imagemill, number: int) -> Stampede:
    """Everybody at once, each on a connection of its own."""
    path = f"/img/w={1200 + number},fm=avif/cluster-0000.jpg"
    before = server.metrics()
    report = load.run(load.Load(port=server.port, paths=[path] * ASKERS, connections=ASKERS)).require_good("stampede")
    after = server.metrics()

    def grew(name: str) -> float:
        return sum(value - before.get(key, 0.0) for key, value in after.items() if key.startswith(name))

    seconds = [answer.seconds for answer in report.answers]
    return Stampede(
        fastest=min(seconds),
        slowest=max(seconds),
        transcode=grew('imagemill_stage_seconds_sum{stage="render"}'),
        made=grew("imagemill_variants_made_total"),
    )
