"""The documented pictures, and how they are made and compared: `python -m tests.engine.goldens --write NAME…`.

With `--sheet FILE.png` all pictures are put on one sheet, to be looked at.
"""

from __future__ import annotations

import argparse
import io
import math
from pathlib import Path

import numpy
from PIL import Image

from imagemill import demo
from imagemill.engine.limits import Limits
from imagemill.engine.port import Job
from imagemill.engine.probe import probe
from imagemill.engine.render import render
from imagemill.recipe.model import ImageLayer
from imagemill.recipe.options.gallery import GALLERY, Example
from imagemill.recipe.options.reading import parse_options
from imagemill.recipe.vocabulary import Format

PICTURES = Path(__file__).resolve().parents[2] / "docs" / "pictures" / "options"
SAMPLES = Path(demo.__file__).with_name("photos")

Pixels = numpy.ndarray[tuple[int, ...], numpy.dtype[numpy.int16]]

SPEAKS_OF_BYTES = ("fm", "q", "lossless", "anim", "page")
"""Options whose examples say their own format; all others are written as lossless WebP."""


def make(example: Example) -> bytes:
    """The example's result, as a variant's bytes."""
    options = example.options if example.option in SPEAKS_OF_BYTES else f"{example.options},fm=webp,lossless=1"
    recipe = parse_options(options).recipe
    data = (SAMPLES / example.sample).read_bytes()
    limits = Limits()
    layers = [(SAMPLES / layer.key).read_bytes() for layer in recipe.layers if isinstance(layer, ImageLayer)]
    facts = tuple(probe(layer, limits) for layer in layers)
    output = recipe.output.format if recipe.output.format.concrete else Format.WEBP
    job = Job(recipe=recipe, format=output, facts=probe(data, limits), layers=facts)
    return render(data, job, limits, layers=layers).data


def frames(data: bytes) -> list[Pixels]:
    """Every frame as rows × columns × RGBA; what is clear has no colour."""
    image = Image.open(io.BytesIO(data))
    found = []
    for index in range(getattr(image, "n_frames", 1)):
        image.seek(index)
        pixels = numpy.asarray(image.convert("RGBA")).astype(numpy.int16)
        found.append(numpy.where(pixels[..., 3:] == 0, 0, pixels))
    return found


def keep(data: bytes) -> bytes:
    """A result as the file that is kept: itself where it is a WebP, else its pixels as one without loss."""
    if data[8:12] == b"WEBP":
        return data
    kept = io.BytesIO()
    Image.open(io.BytesIO(data)).convert("RGBA").save(kept, "WEBP", lossless=True, exact=True)
    return kept.getvalue()


def difference(made: bytes, golden: bytes) -> str:
    """What tells two pictures apart, in words; empty where a reader would see none.

    Not zero: another libvips may round otherwise, here and there by a level or two.
    """
    ours, theirs = frames(made), frames(golden)
    if [frame.shape for frame in ours] != [frame.shape for frame in theirs]:
        return f"frames of {[frame.shape for frame in ours]} instead of {[frame.shape for frame in theirs]}"
    off = numpy.abs(numpy.stack(ours) - numpy.stack(theirs))
    if off.mean() > 0.5 or numpy.percentile(off, 99.9) > 12:
        return f"off by {off.mean():.2f} levels on average, by {off.max()} at most"
    return ""


def sheet(examples: list[Example]) -> Image.Image:
    """All pictures side by side on grey."""
    columns = 6
    rows = math.ceil(len(examples) / columns)
    whole = Image.new("RGB", (columns * 220, rows * 220), (160, 160, 160))
    for index, example in enumerate(examples):
        picture = Image.open(PICTURES / example.file).convert("RGBA")
        picture.thumbnail((210, 210))
        whole.paste(picture, (index % columns * 220 + 5, index // columns * 220 + 5), picture)
    return whole


def main() -> None:
    """Write pictures, or show them."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--write", nargs="+", metavar="NAME", default=[], help="names of pictures; `all`")
    arguments.add_argument("--sheet", type=Path, metavar="FILE", help="put the pictures on one sheet")
    arguments.add_argument("--only", nargs="+", metavar="NAME", help="names for the sheet")
    chosen = arguments.parse_args()
    for example in GALLERY:
        if example.name in chosen.write or chosen.write == ["all"]:
            (PICTURES / example.file).write_bytes(keep(make(example)))
    if chosen.sheet:
        sheet([one for one in GALLERY if not chosen.only or one.name in chosen.only]).save(chosen.sheet)


if __name__ == "__main__":
    main()
