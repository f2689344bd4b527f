"""What a job will cost, before it is done: CPU-seconds for admission, bytes of memory for refusal."""

from __future__ import annotations

from dataclasses import dataclass

from imagemill.engine.geometry import Layout
from imagemill.engine.port import Facts
from imagemill.errors import Unprocessable
from imagemill.recipe.model import Recipe
from imagemill.recipe.vocabulary import Format

ENCODE = {"jpeg": 0.01, "webp": 0.09, "avif": 0.1, "png": 0.08, "gif": 0.2}


@dataclass(frozen=True, slots=True)
class Estimate:
    """CPU-seconds and bytes."""

    cpu_seconds: float
    peak_bytes: int


def estimate(facts: Facts, recipe: Recipe, output: Format, layout: Layout) -> Estimate:
    """Return what the job will cost."""
    source = facts.width * facts.height / 1e6
    result = layout.width * layout.height / 1e6
    frames = facts.pages if facts.animated and recipe.output.animate else 1
    return Estimate(frames * (source * 0.004 + result * ENCODE[output.value]) + 0.003, int(frames * source * 4e6))


def check_affordable(cost: Estimate, memory_bytes: int) -> None:
    """Refuse before decoding what would not fit."""
    if cost.peak_bytes > memory_bytes:
        raise Unprocessable("The picture needs more memory than a job may use.", code="too_complex")
