"""Does our shrink-on-load show? SSIMULACRA2 of its pixels, before the encoder, against a full decode with lanczos3.

Photographs are cropped to multiples of 16, so that every factor divides them and only the filter is judged. Widths are
those at which a factor has least left for the filter (the widest picture still made with it), and the next pixel,
where the smaller factor takes over; the first are the worst cases and the median is taken over them alone.
"""

from __future__ import annotations

import statistics
import tempfile
from pathlib import Path

import pyvips

from benchmarks import install, pictures
from benchmarks.measure import Figure, Outcome, at_least
from imagemill.engine import probe, render
from imagemill.engine.geometry import lay_out
from imagemill.engine.limits import Limits
from imagemill.engine.port import Facts, Job
from imagemill.engine.sampling import shrink_for
from imagemill.engine.steps.load import open_original
from imagemill.recipe.model import Pixels, Recipe, Resize
from imagemill.recipe.vocabulary import Format

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


def engine_pixels(data: bytes, facts: Facts, width: int) -> pyvips.Image:
    """What the engine hands to its encoder."""
    job = Job(recipe=_recipe(width), format=Format.JPEG, facts=facts)
    work = render.prepare(data, job, Limits(), default_quality=76)
    image = open_original(data, work)
    for step in (*render.TO_SIZE, *render.TO_RESULT):
        image = step(image, work)
    return image


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
        found = install.scores([(reference, ours) for *_, reference, ours in cases])
    rows = [
        (name, str(width), str(factor), side, f"{score:.1f}")
        for (name, width, factor, side, *_), score in zip(cases, found, strict=True)
    ]
    worst = [score for (*_, side, _, _), score in zip(cases, found, strict=True) if side == "widest"]
    return Outcome(
        method=(
            "the engine's steps up to the encoder against full decode and lanczos3; photographs cropped to "
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


def _cases(photo: Path, folder: Path) -> list[tuple[str, int, int, str, Path, Path]]:
    """Both sides of each switch of one photograph, written as PNG: name, width, factor, side, reference, ours."""
    data = cropped(photo)
    facts = probe.probe(data, Limits())
    cases = []
    for switch in FACTORS:
        widest = switch_width(facts, switch)
        for side, width in (("widest", widest), ("next", widest + 1)):
            factor = _factor(facts, width)
            if factor == 1:
                continue  # a full decode is the reference itself
            stem = f"{photo.stem}-{width}"
            reference, ours = folder / f"{stem}-reference.png", folder / f"{stem}-ours.png"
            made = engine_pixels(data, facts, width)
            made.pngsave(str(ours), compression=1)
            full_decode(data, width, made.height).pngsave(str(reference), compression=1)
            cases.append((photo.name, width, factor, side, reference, ours))
    return cases
