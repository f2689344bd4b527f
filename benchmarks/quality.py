"""Does our shrink-on-load show? SSIMULACRA2 of its pixels, before the encoder, against a full decode with lanczos3.

Photographs are cropped to multiples of 16, so that every factor divides them and only the filter is judged. Widths are
those at which a factor has least left for the filter (the widest picture still made with it), and the next pixel,
where the smaller factor takes over; the first are the worst cases and the median is taken over them alone.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import pyvips

from benchmarks import install, pictures
from benchmarks.load import ROOT
from benchmarks.measure import Figure, Outcome, at_least
from imagemill.engine.geometry import lay_out
from imagemill.engine.port import Facts
from imagemill.engine.sampling import shrink_for
from imagemill.recipe.model import Pixels, Recipe, Resize

MULTIPLE = 16
FACTORS = (2, 4, 8)
EVERY = 88.0
MEDIAN = 93.0


def switch_width(facts: Facts, factor: int) -> int:
    """The widest result (pixels) that the engine still makes with this shrink factor."""
    width = facts.width // factor
    while _factor(facts, width) != factor:
        width -= 1
    return width


def _recipe(width: int) -> Recipe:
    return Recipe(resize=Resize(width=Pixels(width)))


def _factor(facts: Facts, width: int) -> int:
    return shrink_for(facts, lay_out(facts, _recipe(width)))


def full_decode(data: bytes, width: int, height: int) -> pyvips.Image:
    """The reference: every pixel decoded, then lanczos3."""
    image = pyvips.Image.jpegload_buffer(data)
    return image.resize(width / image.width, vscale=height / image.height, kernel="lanczos3")


def cropped(path: Path) -> bytes:
    """The photograph as a JPEG (quality 95) whose sides are multiples of 16."""
    image = pyvips.Image.jpegload(str(path))
    image = image.crop(0, 0, image.width // MULTIPLE * MULTIPLE, image.height // MULTIPLE * MULTIPLE)
    encoded: bytes = image.jpegsave_buffer(Q=95, subsample_mode="on", keep="none")
    return encoded


def measure() -> Outcome:
    """Score every photograph at every switch."""
    with tempfile.TemporaryDirectory(prefix="imagemill-bench-") as scratch:
        folder = Path(scratch)
        cases = [case for photo in pictures.photographs(folder) for case in _cases(photo, folder)]
        _render(cases)
        found = install.scores([(case.reference, case.ours) for case in cases])
    scored = list(zip(cases, found, strict=True))
    rows = [(case.photo, str(case.width), str(case.factor), case.side, f"{score:.1f}") for case, score in scored]
    worst = [score for case, score in scored if case.side == "widest"]
    return Outcome(
        method=(
            "the engine's lossless output (PNG of the JPEG) against full decode and lanczos3; photographs cropped to "
            "multiples of 16; the widest width of each shrink factor (worst case) and the next pixel; SSIMULACRA2 0.3.0"
        ),
        figures=(
            Figure(name="lowest SSIMULACRA2", value=min(found), unit="", gate=at_least(EVERY)),
            Figure(
                name="median SSIMULACRA2 at the worst width of each factor",
                value=statistics.median(worst),
                unit="",
                gate=at_least(MEDIAN),
            ),
        ),
        rows=(("photo", "width", "shrink", "side of the switch", "SSIMULACRA2"), *rows),
    )


@dataclass(frozen=True, slots=True)
class Case:
    """One photograph at one width: which factor the engine takes there, and where the three pictures lie."""

    photo: str
    width: int
    factor: int
    side: str
    original: Path
    reference: Path
    ours: Path


def _cases(photo: Path, folder: Path) -> list[Case]:
    """Both sides of each switch of one photograph; the cropped original and the references are written."""
    data = cropped(photo)
    original = folder / f"{photo.stem}-cropped.jpg"
    original.write_bytes(data)
    image = pyvips.Image.jpegload_buffer(data)
    facts = Facts(format="jpeg", width=image.width, height=image.height)
    cases = []
    for switch in FACTORS:
        widest = switch_width(facts, switch)
        for side, width in (("widest", widest), ("next", widest + 1)):
            factor = _factor(facts, width)
            if factor == 1:
                continue  # a full decode is the reference itself
            reference, ours = (folder / f"{photo.stem}-{width}-{whose}.png" for whose in ("reference", "ours"))
            height = lay_out(facts, _recipe(width)).height
            full_decode(data, width, height).pngsave(str(reference), compression=1)
            cases.append(Case(photo.name, width, factor, side, original, reference, ours))
    return cases


def _render(cases: list[Case]) -> None:
    """Let the engine make its side of every case."""
    lines = "".join(f"{case.original}\t{case.width}\t{case.ours}\n" for case in cases)
    command = [sys.executable, "-m", "benchmarks.engine_pixels"]
    subprocess.run(command, input=lines, text=True, cwd=ROOT, timeout=120, check=True)
