"""Cold delivery: every request is a picture nobody has made, against the bare libvips loop with the same calls."""

from __future__ import annotations

import statistics
import time
from pathlib import Path

from benchmarks import bare_loop, load, pictures, processes
from benchmarks.measure import PAIRS, Figure, Outcome, at_least, at_most, median_ratio, spread
from benchmarks.server import Imagemill, fetch

ROUNDS = PAIRS + 2
PICTURES = 160
"""Pictures of one round: enough CPU (≈ 3 s) that the kernel's 10 ms clock does not matter."""

CLIENTS = 8
SETTLE = 0.3
"""Seconds after the last answer in which variants are still being kept; that CPU is ours too."""

WIDTHS = range(700, 800)


def requests(names: list[str], rounds: int, count: int) -> list[list[tuple[str, int]]]:
    """For each round a list of (key, width), no pair twice in all rounds, widths spread alike over every round."""
    pairs = [(name, width) for name in names for width in WIDTHS]
    if len(pairs) < rounds * count:
        raise ValueError(f"{len(names)} originals give {len(pairs)} sizes, {rounds * count} are needed")
    return [pairs[n::rounds][:count] for n in range(rounds)]


def measure() -> Outcome:
    """Run the interleaved rounds."""
    with Imagemill() as server:
        photo = pictures.six_megapixels(server.scratch)
        names = pictures.copies(photo, server.data, -(-ROUNDS * PICTURES // len(WIDTHS)), "cold")
        server.start()
        warm = [f"/img/w=650,fm=jpeg/{name}" for name in names]
        load.run(load.Load(port=server.port, paths=warm)).require_good("cold, warm-up")
        _require_same_work(server, photo, names[0])
        rows = [_round(server, asked) for asked in requests(names, ROUNDS, PICTURES)]
    ours_cpu, bare_cpu, ours_rate, bare_rate, client, p50, p99 = (list(column) for column in zip(*rows, strict=True))
    return Outcome(
        method=(
            f"{photo.name} to widths 700-799, every request a new size, {CLIENTS} clients; {ROUNDS} interleaved pairs "
            f"of {PICTURES} pictures; CPU of server and workers from /proc/*/stat; the loop is benchmarks/bare_loop.py "
            "in 2 processes, without client, as nice as our workers"
        ),
        figures=(
            Figure(
                name="CPU per picture / bare loop", value=median_ratio(ours_cpu, bare_cpu), unit="×", gate=at_most(1.12)
            ),
            Figure(
                name="throughput / bare loop", value=median_ratio(ours_rate, bare_rate), unit="×", gate=at_least(0.9)
            ),
            Figure(name="CPU per picture", value=statistics.median(ours_cpu) * 1e3, unit="ms"),
            Figure(name="CPU per picture, bare loop", value=statistics.median(bare_cpu) * 1e3, unit="ms"),
            Figure(name="pictures per second", value=statistics.median(ours_rate), unit="/s", note=spread(ours_rate)),
            Figure(
                name="pictures per second, bare loop",
                value=statistics.median(bare_rate),
                unit="/s",
                note=spread(bare_rate),
            ),
            Figure(name="p50", value=statistics.median(p50) * 1e3, unit="ms"),
            Figure(name="p99", value=statistics.median(p99) * 1e3, unit="ms"),
            Figure(name="load generator's own CPU per picture", value=statistics.median(client) * 1e3, unit="ms"),
        ),
    )


def _require_same_work(server: Imagemill, photo: Path, name: str) -> None:
    """The comparison is only fair while both sides make the same bytes."""
    _, _, served = fetch(server.port, f"/img/w=651,fm=jpeg/{name}")
    if served != bare_loop.from_file(photo, 651):
        raise RuntimeError("cold: the bare loop makes other bytes than the server; align it with the engine first")


def _round(server: Imagemill, asked: list[tuple[str, int]]) -> tuple[float, ...]:
    """One pair: our server, then the bare loop, with the same widths of the same files."""
    paths = [f"/img/w={width},fm=jpeg/{name}" for name, width in asked]
    before = processes.cpu_seconds(server.pid)
    report = load.run(load.Load(port=server.port, paths=paths, connections=CLIENTS)).require_good("cold")
    time.sleep(SETTLE)
    ours = (processes.cpu_seconds(server.pid) - before) / len(paths)
    bare = bare_loop.run([(server.data / name, width) for name, width in asked])
    return (
        ours,
        bare.cpu_per_picture,
        report.rate,
        bare.rate,
        report.cpu / len(paths),
        report.latency(0.5),
        report.latency(0.99),
    )
