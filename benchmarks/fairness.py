"""Many at once: a page of new thumbnails, a greedy neighbour, a thousand askers of one picture, and overload."""

from __future__ import annotations

import statistics

from benchmarks import load, pictures, processes
from benchmarks.measure import Figure, Outcome, at_least, at_most, percentile, spread
from benchmarks.server import UNLIMITED, Imagemill, fetch

THUMBNAILS = 60
GREEDY_RATE = 500.0
GREEDY_SECONDS = 6.0
VISITS = 15
ASKERS = 1000
OVERLOAD = 3.0
OVERLOAD_SECONDS = 6.0
REFUSED_WITHIN = 50.0
MADE = "imagemill_variants_made_total"


def measure() -> Outcome:
    """The four journeys, each on a server of its own."""
    figures = [*_page(6), *_page(THUMBNAILS), *_neighbour(), *_askers(), *_overload()]
    return Outcome(
        method=(
            f"{THUMBNAILS} new 300 px thumbnails of different 12 MP photographs asked by one address on 6 and on {THUMBNAILS} "
            f"connections, limits as shipped; {GREEDY_RATE:.0f} random sizes a second from 127.0.0.1 while 127.0.0.2 asks for "
            f"new thumbnails one after another; {ASKERS} connections asking one new variant; {OVERLOAD:.0f} × the measured "
            f"capacity of new thumbnails for {OVERLOAD_SECONDS:.0f} s, many clients"
        ),
        figures=tuple(figures),
    )


def made(server: Imagemill) -> float:
    """Variants transcoded so far, of all formats."""
    return sum(value for name, value in server.metrics().items() if name.startswith(MADE))


def _page(connections: int) -> list[Figure]:
    """One browser opens a gallery."""
    with Imagemill(environment={}) as server:
        names = pictures.copies(pictures.twelve_megapixels(server.scratch), server.data, THUMBNAILS, "page")
        server.start()
        paths = [f"/img/300x300,fm=jpeg/{name}" for name in names]
        report = load.run(load.Load(port=server.port, paths=paths, connections=connections))
    good = len(report.good)
    title = f"{THUMBNAILS} thumbnails on {connections} connections"
    note = f"all in {report.wall:.1f} s; statuses {report.statuses()}"
    return [Figure(name=f"{title}: answered with 200", value=good, unit="", gate=at_least(THUMBNAILS), note=note)]


def _neighbour() -> list[Figure]:
    """What another client waits while one asks without end, against what it waits alone and what one job takes."""
    with Imagemill(environment={}) as server:
        photo = pictures.twelve_megapixels(server.scratch)
        greedy, modest = (pictures.copies(photo, server.data, 4, stem) for stem in ("greedy", "modest"))
        server.start()
        load.run(load.Load(port=server.port, paths=[f"/img/w=280,fm=jpeg/{n}" for n in (*greedy, *modest)]))
        alone = _visits(server, modest, first=300)
        paths = [f"/img/w={301 + n // 4},h={200 + n % 997},fm=jpeg/{greedy[n % 4]}" for n in range(int(GREEDY_RATE * GREEDY_SECONDS))]
        flood = load.Running(load.Load(port=server.port, paths=paths, rate=GREEDY_RATE, connections=1500, seconds=GREEDY_SECONDS + 15))
        processes.wait_until(lambda: _waiting(server) > 0, GREEDY_SECONDS, "the flood")
        beside = _visits(server, modest, first=400)
        report = flood.wait()
        jobs = [answer.seconds for answer in alone.answers]
    one_job = max(jobs)
    limit = 1e3 * (statistics.median(jobs) + 2 * one_job)
    typical, worst = beside.latency(0.5) * 1e3, max(answer.seconds for answer in beside.answers) * 1e3
    note = f"alone {spread([j * 1e3 for j in jobs])} ms; the greedy one got {report.statuses()}"
    return [
        Figure(name="neighbour of a greedy client: answered with 200", value=len(beside.good), unit="", gate=at_least(VISITS)),
        Figure(name="neighbour of a greedy client: median seconds", value=typical, unit="ms", gate=at_most(limit), note=f"gate: its own job on busy cores (× 2) and one running job before it; {note}"),
        Figure(name="neighbour of a greedy client: worst", value=worst, unit="ms"),
    ]


def _waiting(server: Imagemill) -> float:
    metrics = server.metrics()
    return metrics.get("imagemill_queue_waiting", 0.0) + metrics.get("imagemill_makes_running", 0.0)


def _visits(server: Imagemill, names: list[str], first: int) -> load.Report:
    """A modest client: new thumbnails, one after another."""
    paths = [f"/img/w={first + n},fm=jpeg/{names[n % len(names)]}" for n in range(VISITS)]
    return load.run(load.Load(port=server.port, paths=paths, connections=1, source="127.0.0.2"))


def _askers() -> list[Figure]:
    """A thousand ask for the same new picture."""
    with Imagemill(environment={}) as server:
        (name,) = pictures.copies(pictures.twelve_megapixels(server.scratch), server.data, 1, "popular")
        server.start()
        before = made(server)
        paths = [f"/img/w=640,fm=jpeg/{name}"] * ASKERS
        report = load.run(load.Load(port=server.port, paths=paths, connections=ASKERS))
        count = made(server) - before
    title = f"{ASKERS} askers of one new variant"
    return [
        Figure(name=f"{title}: answered with 200", value=len(report.good), unit="", gate=at_least(ASKERS), note=f"all in {report.wall:.2f} s"),
        Figure(name=f"{title}: more transcodes than one", value=abs(count - 1), unit="", gate=at_most(0)),
    ]


def _overload() -> list[Figure]:
    """Three times what the machine can make: as much good work as before, and quick refusals of the rest."""
    with Imagemill(environment=UNLIMITED) as server:
        names = pictures.copies(pictures.twelve_megapixels(server.scratch), server.data, 8, "overload")
        server.start()
        load.run(load.Load(port=server.port, paths=[f"/img/w=280,fm=jpeg/{name}" for name in names]))
        capacity = load.run(_new(server, names, 300, 120)).require_good("capacity").rate
        asked = int(OVERLOAD * capacity * OVERLOAD_SECONDS)
        report = load.run(_new(server, names, 400, asked, rate=OVERLOAD * capacity))
        status, _, _ = fetch(server.port, "/healthz/live")
    refused = [answer.seconds * 1e3 for answer in report.answers if answer.status == 503]
    ended = max(a.started + a.seconds for a in report.good) if report.good else float("inf")
    goodput = len(report.good) / ended
    statuses = f"statuses {report.statuses()}, capacity {capacity:.1f}/s"
    figures = [
        Figure(name=f"goodput at {OVERLOAD:.0f} × capacity / capacity", value=goodput / capacity, unit="×", gate=at_least(0.9), note=statuses),
        Figure(name="alive after overload", value=float(status == 200), unit="", gate=at_least(1)),
    ]
    if refused:
        figures.append(Figure(name="refusals: p99", value=percentile(refused, 0.99), unit="ms", gate=at_most(REFUSED_WITHIN), note=f"{len(refused)} refusals"))
    return figures


def _new(server: Imagemill, names: list[str], first: int, count: int, rate: float = 0.0) -> load.Load:
    """Requests for `count` sizes that nobody has asked before (as long as `first` is a range of its own)."""
    paths = [f"/img/w={first + n // len(names)},fm=jpeg/{names[n % len(names)]}" for n in range(count)]
    return load.Load(port=server.port, paths=paths, rate=rate, connections=2000 if rate else 16, seconds=90)
