"""What the engine hands to its encoder: `python -m benchmarks.engine_pixels`, lines of "JPEG, width, PNG" on stdin.

A process of its own because the engine, once loaded, leaves libvips only the loaders that it needs itself. PNG is the
lossless way to see the pixels.
"""

from __future__ import annotations

import sys
from pathlib import Path

from imagemill.engine import libvips, probe, render
from imagemill.engine.limits import Limits
from imagemill.engine.port import Job
from imagemill.recipe.model import Pixels, Recipe, Resize
from imagemill.recipe.vocabulary import Format


def main() -> None:
    """Render each line's picture."""
    libvips.start()
    for line in sys.stdin:
        source, width, target = line.rstrip("\n").split("\t")
        data = Path(source).read_bytes()
        recipe = Recipe(resize=Resize(width=Pixels(int(width))))
        job = Job(recipe=recipe, format=Format.PNG, facts=probe.probe(data, Limits()))
        Path(target).write_bytes(render.render(data, job, Limits()).data)


if __name__ == "__main__":
    main()
