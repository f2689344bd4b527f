"""One decode for a set: many widths and formats of one photograph, against their encodes alone."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks import pictures
from benchmarks.engine_set import FORMATS
from benchmarks.load import ROOT
from benchmarks.measure import PAIRS, Figure, Outcome, at_most, median_ratio, rounded

LADDERS = {
    "320 to 2560 in steps of 320": range(320, 2561, 320),
    "up to a laptop's screen": (320, 480, 640, 800, 960, 1280, 1600, 1920),
    "thumbnails only": (160, 240, 320, 400, 480, 560, 640, 720),
}
"""Eight widths each; the gate is about the first. The smaller the results, the more the decode weighs."""


def rounds_of(photo: Path, widths: tuple[int, ...]) -> list[dict[str, float]]:
    """Measure in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.engine_set", str(photo), str(PAIRS), ",".join(map(str, widths))]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=600, check=True)
    rounds = [json.loads(line) for line in done.stdout.splitlines()]
    if not all(found["equal"] for found in rounds):
        raise RuntimeError("set: the set makes other bytes than single renders")
    return rounds


def measure() -> Outcome:
    """Measure every ladder."""
    with tempfile.TemporaryDirectory(prefix="imagemill-bench-") as scratch:
        photo = pictures.six_megapixels(Path(scratch))
        found = {name: rounds_of(photo, tuple(widths)) for name, widths in LADDERS.items()}
    columns = {
        name: {what: [one[what] for one in rounds] for what in ("set", "singles", "encodes")}
        for name, rounds in found.items()
    }
    first = columns[next(iter(LADDERS))]
    return Outcome(
        method=(
            f"{photo.name} in 8 widths × {', '.join(FORMATS)}: CPU-seconds of one set, of the 24 variants one by one, "
            f"and of the 24 encoders alone on pixels in memory, in turn, {PAIRS} rounds; all bytes equal"
        ),
        figures=(
            Figure(
                name="a set of 24 / its encodes alone",
                value=median_ratio(first["set"], first["encodes"]),
                unit="×",
                gate=at_most(1.15),
            ),
            Figure(
                name="a set of 24 / the same one by one", value=median_ratio(first["set"], first["singles"]), unit="×"
            ),
            Figure(name="CPU of the set", value=statistics.median(first["set"]) * 1e3, unit="ms"),
        ),
        rows=(
            ("widths", "set ms", "encodes ms", "set / encodes", "set / one by one"),
            *(
                (
                    name,
                    f"{statistics.median(column['set']) * 1e3:.0f}",
                    f"{statistics.median(column['encodes']) * 1e3:.0f}",
                    f"{rounded(median_ratio(column['set'], column['encodes'])):g}",
                    f"{rounded(median_ratio(column['set'], column['singles'])):g}",
                )
                for name, column in columns.items()
            ),
        ),
    )
