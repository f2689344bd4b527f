"""Many at once: a page of new thumbnails, a greedy neighbour, a thousand askers of one picture."""

from __future__ import annotations

import math
import random
import statistics
import time
from dataclasses import dataclass

from benchmarks import load, pictures, processes
from benchmarks.measure import Figure, Outcome, at_least, at_most, spread
from benchmarks.server import Imagemill, fetch

THUMBNAILS = 60
GREEDY_RATE = 500.0
GREEDY_SECONDS = 6.0
VISITS = 15
JOBS_OF_A_NEIGHBOUR = 2.5
"""An answer may take one running job to wait for and the asker's own, and a quarter more for everything else."""

ASKERS = 1000
MADE = "imagemill_variants_made_total"


def measure() -> Outcome:
    """The three journeys, each on a server of its own."""
    figures = [*_page(6), *_page(THUMBNAILS), *_neighbour(), *_askers()]
    return Outcome(
        method=(
            f"{THUMBNAILS} new 300 px thumbnails of different 12 MP photographs asked by one address on 6 and on "
            f"{THUMBNAILS} connections, limits as shipped; {GREEDY_RATE:.0f} random sizes a second from 127.0.0.1 "
            f"while 127.0.0.2 asks for new thumbnails one after another (one job is the mean of the render stage "
            f"meanwhile); {ASKERS} connections asking one new variant"
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
    """What another client's makes wait for while one asks without end."""
    with Imagemill(environment={}) as server:
        photo = pictures.twelve_megapixels(server.scratch)
        greedy, modest = (pictures.copies(photo, server.data, 4, stem) for stem in ("greedy", "modest"))
        server.start()
        load.run(load.Load(port=server.port, paths=[f"/img/w=280,fm=jpeg/{n}" for n in (*greedy, *modest)]))
        alone = _visits(server, modest, first=300)
        flood = load.Running(_flood(server, greedy))
        processes.wait_until(lambda: server.metrics()["imagemill_queue_waiting"] > 0, GREEDY_SECONDS, "the flood")
        time.sleep(1)  # let the flood pile up: a short queue would prove little
        before = server.metrics()
        beside = _visits(server, modest, first=400)
        job = mean_seconds(before, server.metrics(), "render")
        report = flood.wait()
    title = "neighbour of a greedy client"
    whole = [visit.seconds * 1e3 for visit in beside]
    return [
        Figure(
            name=f"{title}: answered with 200",
            value=sum(visit.status == 200 for visit in beside),
            unit="",
            gate=at_least(VISITS),
            note=f"the greedy client got {report.statuses()}",
        ),
        Figure(
            name=f"{title}: answer / one job",
            value=statistics.median(whole) / 1e3 / job,
            unit="×",
            gate=at_most(JOBS_OF_A_NEIGHBOUR),
            note="one job to wait for and its own, with a quarter for everything else",
        ),
        Figure(name=f"{title}: one job beside the flood", value=job * 1e3, unit="ms"),
        Figure(
            name=f"{title}: answer",
            value=statistics.median(whole),
            unit="ms",
            note=f"{spread(whole)}; alone {spread([visit.seconds * 1e3 for visit in alone])}",
        ),
    ]


def _flood(server: Imagemill, names: list[str]) -> load.Load:
    """New sizes at a steady rate, whatever comes back."""
    chance = random.Random(1)
    sizes = [(chance.randrange(200, 900), chance.randrange(200, 900)) for _ in range(int(GREEDY_RATE * GREEDY_SECONDS))]
    paths = [f"/img/{w}x{h},fm=jpeg/{names[n % len(names)]}" for n, (w, h) in enumerate(sizes)]
    return load.Load(port=server.port, paths=paths, rate=GREEDY_RATE, connections=2500, seconds=GREEDY_SECONDS + 20)


@dataclass(frozen=True, slots=True)
class Visit:
    """One request of the modest client: its status and seconds from asking to the last byte."""

    status: int
    seconds: float


def _visits(server: Imagemill, names: list[str], first: int) -> list[Visit]:
    """A modest client at another address: new thumbnails, one after another."""
    visits = []
    for n in range(VISITS):
        started = time.perf_counter()
        status, _, _ = fetch(server.port, f"/img/w={first + n},fm=jpeg/{names[n % len(names)]}", source="127.0.0.2")
        visits.append(Visit(status, time.perf_counter() - started))
    return visits


def mean_seconds(before: dict[str, float], after: dict[str, float], stage: str) -> float:
    """What one pass through a stage took on average between two looks at /metrics."""
    total, count = (f'imagemill_stage_seconds_{part}{{stage="{stage}"}}' for part in ("sum", "count"))
    passes = after[count] - before[count]
    return (after[total] - before[total]) / passes if passes else math.nan


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
        Figure(
            name=f"{title}: answered with 200",
            value=len(report.good),
            unit="",
            gate=at_least(ASKERS),
            note=f"all in {report.wall:.2f} s",
        ),
        Figure(name=f"{title}: more transcodes than one", value=abs(count - 1), unit="", gate=at_most(0)),
    ]
