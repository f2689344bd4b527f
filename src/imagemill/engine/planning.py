"""From what an original is and what is asked of it to a job: the shape, the format, the cost.

Pure, and shared by all who make variants: `delivery.plan`, where a client and a site have a say in the format, and
`offline.making`, where nobody has. So the same recipe is the same variant at the same price, whoever asks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from imagemill.engine.cost import check_affordable, estimate
from imagemill.engine.fonts import check_texts
from imagemill.engine.frames import moves
from imagemill.engine.geometry import Layout, lay_out
from imagemill.engine.limits import Limits
from imagemill.engine.port import Facts, Job
from imagemill.engine.settings import EngineSettings
from imagemill.engine.transparency import keeps_transparency
from imagemill.engine.writable import check_writable
from imagemill.recipe.canonical import Bucket
from imagemill.recipe.model import FocalPoint, Recipe
from imagemill.recipe.negotiation import format_for
from imagemill.recipe.vocabulary import Format


@dataclass(frozen=True, slots=True, kw_only=True)
class Outline:
    """A result before its format is chosen.

    `facts` are the original's, which travel with the job; `page` those of the page that is read. `alpha` and `animated`
    say whether the result would be transparent somewhere, and move, in a format that can.
    """

    recipe: Recipe
    facts: Facts
    page: Facts
    focal: FocalPoint | None
    layout: Layout
    alpha: bool
    animated: bool


def outline(
    facts: Facts, recipe: Recipe, *, limits: Limits, engine: EngineSettings, focal: FocalPoint | None = None
) -> Outline:
    """Return what `recipe` (no hint is left in it) makes of an original of `facts`; `focal` is its stored focal point.

    Raises InvalidRequest for a crop outside, a size over the limits, text that cannot be drawn.
    """
    check_texts(recipe, engine.fonts)
    page = facts.of_page(recipe.page)
    layout = lay_out(page, recipe, limits=limits, focal=focal)
    return Outline(
        recipe=recipe,
        facts=facts,
        page=page,
        focal=focal,
        layout=layout,
        alpha=keeps_transparency(page, recipe, layout),
        animated=moves(facts, recipe),
    )


def chosen_format(shape: Outline, bucket: Bucket, *, webp_named: bool = False) -> Format:
    """Return the format that is asked, or that a client of `bucket` gets (`negotiation.format_for`)."""
    return format_for(
        bucket,
        asked=shape.recipe.output.format,
        alpha=shape.alpha,
        animated=shape.animated,
        pixels=shape.layout.width * shape.layout.height,
        source_format=shape.facts.format,
        webp_named=webp_named,
        lossless=shape.recipe.output.lossless,
    )


def job_for(shape: Outline, output: Format, engine: EngineSettings, layers: Sequence[Facts] = ()) -> Job:
    """Return the job that makes `shape` in the format `output`; `layers` are the facts of the recipe's image layers.

    Raises InvalidRequest (`not_installed`) for a format that is not written here, Unprocessable (`too_complex`) for a
    job that would not fit.
    """
    check_writable(output)
    recipe = shape.recipe
    cost = estimate(shape.page, recipe, output, shape.layout, layers, linear_light=engine.linear_light)
    check_affordable(cost, engine)
    return Job(
        recipe=replace(recipe, output=recipe.output.settled(output)),
        format=output,
        facts=shape.facts,
        focal=shape.focal,
        estimate=cost.cpu_seconds,
        layers=tuple(layers),
    )
