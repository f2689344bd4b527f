"""What an inspection looks at, and what that costs.

Separate from `inspect`, which does it in a worker: the server, which never loads a decoder, reckons with this.
"""

from __future__ import annotations

from dataclasses import replace

from imagemill.engine.cost import Estimate, estimate
from imagemill.engine.geometry import lay_out
from imagemill.engine.limits import Limits
from imagemill.engine.port import Facts
from imagemill.engine.summaries.thumbhash import MOST
from imagemill.recipe.model import Output, Pixels, Recipe, Resize
from imagemill.recipe.vocabulary import Fit, Format

FORMAT = Format.PNG

RECIPE = Recipe(
    resize=Resize(width=Pixels(MOST), height=Pixels(MOST), fit=Fit.INSIDE),
    output=Output(format=FORMAT, animate=False),
)
"""The picture that is looked at: the first page, upright, in sRGB, fitted into what ThumbHash takes, never enlarged."""

_SUMMARIES = 0.03
"""CPU-seconds of the hashes and colours, whatever the picture (measured: 0.02 to 0.03)."""


def estimate_inspection(facts: Facts, limits: Limits) -> Estimate:
    """Estimate the inspection of an original of `facts`."""
    cost = estimate(facts, RECIPE, FORMAT, lay_out(facts, RECIPE, limits=limits))
    return replace(cost, cpu_seconds=cost.cpu_seconds + _SUMMARIES)
