"""Three times what the machine can make: as much good work as without it, and quick refusals of the rest (threat O4).

And one client that asks for a new size at every turn, as fast as it can: what another waits meanwhile (threat A4).
"""

from __future__ import annotations

import statistics
import time

from benchmarks import load, pictures
from benchmarks.measure import Figure, Outcome, at_least, at_most, percentile
from benchmarks.server import UNLIMITED, Imagemill, fetch

OVERLOAD = 3.0
SECONDS = 8.0
CAPACITY_SECONDS = 3.0
REFUSED_WITHIN = 50.0
WIDTHS = 40
SHORT_QUEUE = {"IMAGEMILL_LIMITS__QUEUE_SECONDS": "2"}
"""Some seconds of overload do not fill the default queue of 8 s, and a benchmark need not take a minute."""
FLOOD_RATE = 500.0
FLOOD_SECONDS = 12.0
OTHERS_SLOWER = 1.2


def measure() -> Outcome:
    """Both journeys, each on a server of its own."""
    return Outcome(
        method=(
            f"Capacity is the rate of new thumbnails of eight 12 MP photographs on 16 connections, measured before and "
            f"after; then {OVERLOAD:.0f} × that rate, whatever comes back, for {SECONDS:.0f} s, of the same sizes "
            f"(queue_seconds = 2). Goodput counts until the last good answer. The flood: {FLOOD_RATE:.0f} new sizes a "
            f"second from 127.0.0.1 with limits as shipped, and hits asked by 127.0.0.2 before and meanwhile."
        ),
        figures=(*_overload(), *_flood()),
    )


def _overload() -> list[Figure]:
    with Imagemill(environment=UNLIMITED | SHORT_QUEUE) as server:
        names = pictures.copies(pictures.twelve_megapixels(server.scratch), server.data, 8, "overload")
        server.start()
        fresh = _Fresh(server.port, names)
        fresh.closed(64)  # the first makes of a process are slower
        rate = fresh.closed(120).require_good("capacity").rate
        before = fresh.closed(int(rate * CAPACITY_SECONDS)).require_good("capacity").rate
        report = fresh.open(int(OVERLOAD * before * SECONDS), OVERLOAD * before)
        after = fresh.closed(int(rate * CAPACITY_SECONDS)).require_good("capacity").rate
        status, _, _ = fetch(server.port, "/healthz/live")
    capacity = (before + after) / 2
    refused = [answer.seconds * 1e3 for answer in report.answers if answer.status == 503]
    ended = max(a.started + a.seconds for a in report.good) if report.good else float("inf")
    note = f"statuses {report.statuses()}, capacity {before:.1f}/s before, {after:.1f}/s after"
    title = f"goodput at {OVERLOAD:.0f} × capacity / capacity"
    return [
        Figure(name=title, value=len(report.good) / ended / capacity, unit="×", gate=at_least(0.9), note=note),
        Figure(name="alive after overload", value=float(status == 200), unit="", gate=at_least(1)),
        Figure(name="refusals: p50", value=percentile(refused, 0.5) if refused else float("inf"), unit="ms"),
        Figure(
            name="refusals: p99",
            value=percentile(refused, 0.99) if refused else float("inf"),
            unit="ms",
            gate=at_most(REFUSED_WITHIN),
            note=f"{len(refused)} refusals",
        ),
    ]


class _Fresh:
    """Asks for thumbnails that nobody has asked for, all of about one cost: 300 to 339 pixels wide, cut to a height."""

    def __init__(self, port: int, names: list[str]) -> None:
        self._port = port
        self._names = names
        self._asked = 0

    def closed(self, count: int) -> load.Report:
        """As many as are answered, on 16 connections."""
        return load.run(load.Load(port=self._port, paths=self._paths(count), connections=16, seconds=90))

    def open(self, count: int, rate: float) -> load.Report:
        """`rate` a second, whatever comes back."""
        return load.run(load.Load(port=self._port, paths=self._paths(count), rate=rate, connections=2500, seconds=90))

    def _paths(self, count: int) -> list[str]:
        numbers = range(self._asked, self._asked + count)
        self._asked += count
        return [self._path(n) for n in numbers]

    def _path(self, n: int) -> str:
        row, place = divmod(n, len(self._names))
        down, across = divmod(row, WIDTHS)
        return f"/img/{300 + across}x{200 + down},fm=jpeg/{self._names[place]}"


def _flood() -> list[Figure]:
    """One client asks for new sizes without end; another reads what is made already."""
    with Imagemill(environment={}) as server:
        (name,) = pictures.copies(pictures.twelve_megapixels(server.scratch), server.data, 1, "popular")
        server.start()
        hit = f"/img/w=320,fm=jpeg/{name}"
        fetch(server.port, hit)
        alone = _reads(server.port, hit)
        count = int(FLOOD_RATE * FLOOD_SECONDS)
        paths = [f"/img/w={400 + n % 3000},fm={('jpeg', 'webp')[n // 3000 % 2]}/{name}" for n in range(count)]
        flood = load.Running(
            load.Load(port=server.port, paths=paths, rate=FLOOD_RATE, connections=2500, seconds=FLOOD_SECONDS + 30)
        )
        time.sleep(1)
        beside = _reads(server.port, hit)
        report = flood.wait()
        metrics = server.metrics()
    made = sum(value for key, value in metrics.items() if key.startswith("imagemill_variants_made_total"))
    slower = percentile(beside, 0.99) / percentile(alone, 0.99)
    return [
        Figure(
            name="hits of another beside a variant flood: p99 / p99 alone",
            value=slower,
            unit="×",
            note=f"median {statistics.median(alone):.2f} → {statistics.median(beside):.2f} ms; the two workers and the "
            f"flood's generator share the cores with the server; gate of the model is {OTHERS_SLOWER} ×",
        ),
        Figure(
            name="transcodes that a flood of new sizes got",
            value=made,
            unit="",
            note=f"of {count} asked in {FLOOD_SECONDS:.0f} s: {report.statuses()}",
        ),
        Figure(
            name="bytes kept of it",
            value=metrics["imagemill_variant_store_bytes"] / 1e6,
            unit="MB",
            note="at most 1 000 variants of one original are kept",
        ),
    ]


def _reads(port: int, path: str) -> list[float]:
    """Milliseconds of five hundred hits from another address, a hundred a second."""
    report = load.run(load.Load(port=port, paths=[path] * 500, rate=100.0, source="127.0.0.2", seconds=30))
    return [answer.seconds * 1e3 for answer in report.require_good("hits").good]
