"""Does our shrink-on-load show? SSIMULACRA2 of its pixels, before the encoder, against a full decode with lanczos3.

Photographs are cropped to multiples of 16, so that every factor divides them and only the filter is judged. Widths are
those at which a factor has least left for the filter (the widest picture still made with it), and the next pixel,
where the smaller factor takes over; the first are the worst cases and the median is taken over them alone.
"""

from __future__ import annotations

import statistics
import tempfile
from pathlib import Path

from benchmarks import bare_loop, install, pictures
from benchmarks.measure import Figure, Outcome, at_least

MULTIPLE = 16
FACTORS = (2, 4, 8)
EVERY = 88.0
MEDIAN = 93.0


def switch_width(original: int, factor: int) -> int:
    """The widest result (pixels) of an original of this width that is still made with this shrink factor."""
    width = original // factor
    while bare_loop.shrink_factor(original / width) != factor:
        width -= 1
    return width


def cropped(path: Path) -> bytes:
    """The photograph as a JPEG (quality 95) whose sides are multiples of 16."""
    import pyvips

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
            "jpegload(shrink) and lanczos3 to the exact size against full decode and lanczos3; photographs cropped to "
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
    import pyvips

    data = cropped(photo)
    original: int = pyvips.Image.jpegload_buffer(data).width
    cases = []
    for switch in FACTORS:
        for side, width in (("widest", switch_width(original, switch)), ("next", switch_width(original, switch) + 1)):
            factor = bare_loop.shrink_factor(original / width)
            if factor == 1:
                continue  # a full decode is the reference itself
            stem = f"{photo.stem}-{width}"
            reference, ours = folder / f"{stem}-reference.png", folder / f"{stem}-ours.png"
            bare_loop.resized(data, width, shrink=False).pngsave(str(reference), compression=1)
            bare_loop.resized(data, width).pngsave(str(ours), compression=1)
            cases.append((photo.name, width, factor, side, reference, ours))
    return cases
