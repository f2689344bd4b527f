"""`imagemill render` over a folder, against two bare libvips loops that do the same work.

Both sides are timed from the start of their processes to the end of the last one, both read every file and write every
result; so whatever the command spends on starting workers, isolating them, looking at headers and keeping its record
is in the figure. The loop is this module run as a process: `python -m benchmarks.bulk FOLDER OUT PART WIDTH FORMAT`.
"""

from __future__ import annotations

import mmap
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pyvips

from benchmarks import bare_loop, pictures
from benchmarks.load import ROOT
from benchmarks.measure import PAIRS, Figure, Outcome, at_least, median_ratio, rounded, spread
from imagemill.engine.confinement import NICENESS
from imagemill.recipe.quality import encoder_quality
from imagemill.recipe.vocabulary import Format

PHOTOS = 200
PROCESSES = 2
WORK = ((1600, "webp"), (1600, "jpeg"), (720, "jpeg"))
"""Width and format; the first is the one that the gate is about: what a site does to its photographs. The lighter the
work, the more the command's start and its care for each file weigh."""

SAVERS = {
    "jpeg": ("jpegsave_buffer", {"Q": bare_loop.QUALITY, **bare_loop.ENCODER}, "jpg"),
    "webp": ("webpsave_buffer", {"Q": encoder_quality(bare_loop.QUALITY, Format.WEBP), "effort": 2}, "webp"),
}
"""The engine's encoders and settings, said again on purpose: the bytes of both sides are compared."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One run: seconds of wall clock and of CPU."""

    wall: float
    cpu: float


def timed(commands: Sequence[Sequence[str]]) -> Side:
    """Run processes side by side to their end."""
    env = dict(os.environ) | {"VIPS_CONCURRENCY": "1"}
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    running = [subprocess.Popen(command, cwd=ROOT, env=env, stdout=subprocess.DEVNULL) for command in commands]
    codes = [process.wait() for process in running]
    wall, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
    if any(codes):
        raise RuntimeError(f"bulk: {' '.join(commands[0][1:4])} ended with {codes}")
    return Side(wall=wall, cpu=after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)


def ours(folder: Path, out: Path, width: int, fmt: str) -> Side:
    """The command, into an empty folder."""
    shutil.rmtree(out, ignore_errors=True)
    words = ["render", str(folder), "--to", f"w={width},fm={fmt}", "-o", str(out), "--jobs", str(PROCESSES), "--json"]
    return timed([[sys.executable, "-m", "imagemill", *words]])


def bare(folder: Path, out: Path, width: int, fmt: str) -> Side:
    """Two loops, each with every second file, into an empty folder."""
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir()
    start = [sys.executable, "-m", "benchmarks.bulk", str(folder), str(out)]
    return timed([[*start, str(part), str(width), fmt] for part in range(PROCESSES)])


def loop(folder: Path, out: Path, part: int, width: int, fmt: str) -> None:
    """One bare process: read, shrink, resize, encode, write."""
    os.nice(NICENESS)  # as a worker: on a shared machine both must give way to the same neighbours
    pyvips.cache_set_max(0)
    saver, options, ending = SAVERS[fmt]
    for file in sorted(folder.iterdir())[part::PROCESSES]:
        with file.open("rb") as opened, mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as data:
            encoded = pyvips.Operation.call(saver, bare_loop.resized(data, width), keep="none", **options)
        (out / f"{file.stem}.{ending}").write_bytes(encoded)


def _require_same_work(folder: Path, scratch: Path, width: int, fmt: str) -> None:
    """The comparison is only fair while both sides write the same bytes."""
    one = scratch / "one"
    one.mkdir(exist_ok=True)
    first = min(folder.iterdir())
    shutil.copyfile(first, one / first.name)
    ours(one, scratch / "ours", width, fmt)
    bare(one, scratch / "bare", width, fmt)
    name = f"{first.stem}.{SAVERS[fmt][2]}"
    if (scratch / "ours" / name).read_bytes() != (scratch / "bare" / name).read_bytes():
        raise RuntimeError(f"bulk: the bare loop makes other {fmt} bytes than render; align it with the engine first")


def measure() -> Outcome:
    """Run the interleaved pairs for each kind of work."""
    with tempfile.TemporaryDirectory(prefix="imagemill-bench-") as name:
        scratch = Path(name)
        photo, folder = pictures.six_megapixels(scratch), scratch / "photos"
        pictures.copies(photo, folder, PHOTOS, "bulk")
        found: dict[tuple[int, str], list[tuple[Side, Side]]] = {}
        for width, fmt in WORK:
            _require_same_work(folder, scratch, width, fmt)
            found[width, fmt] = [
                (ours(folder, scratch / "ours", width, fmt), bare(folder, scratch / "bare", width, fmt))
                for _ in range(PAIRS)
            ]
    pairs = found[WORK[0]]
    rate = [PHOTOS / mine.wall for mine, _ in pairs]
    return Outcome(
        method=(
            f"{PHOTOS} copies of {photo.name} (6 MP) to {WORK[0][0]} px {WORK[0][1]} with --jobs {PROCESSES}, the "
            f"whole command against {PROCESSES} bare pyvips loops, processes from start to end, files read and "
            f"written, same bytes; {PAIRS} interleaved pairs"
        ),
        figures=(
            Figure(
                name="render / two bare loops, pictures per second", value=_rates(pairs), unit="×", gate=at_least(0.95)
            ),
            Figure(name="CPU / two bare loops", value=_cpus(pairs), unit="×"),
            Figure(name="pictures per second", value=statistics.median(rate), unit="/s", note=spread(rate)),
        ),
        rows=(
            ("work", "render s", "bare loops s", "render / loops", "CPU / loops"),
            *(
                (
                    f"{width} px {fmt}",
                    f"{statistics.median(mine.wall for mine, _ in pairs):.2f}",
                    f"{statistics.median(theirs.wall for _, theirs in pairs):.2f}",
                    f"{rounded(_rates(pairs)):g}",
                    f"{rounded(_cpus(pairs)):g}",
                )
                for (width, fmt), pairs in found.items()
            ),
        ),
    )


def _rates(pairs: Sequence[tuple[Side, Side]]) -> float:
    """Our pictures per second over theirs."""
    return median_ratio([theirs.wall for _, theirs in pairs], [mine.wall for mine, _ in pairs])


def _cpus(pairs: Sequence[tuple[Side, Side]]) -> float:
    """Our CPU-seconds over theirs."""
    return median_ratio([mine.cpu for mine, _ in pairs], [theirs.cpu for _, theirs in pairs])


if __name__ == "__main__":
    loop(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]), sys.argv[5])
