"""Many variants of one original."""

from __future__ import annotations

from collections.abc import Sequence

from imagemill.engine.limits import Limits
from imagemill.engine.port import Job
from imagemill.engine.render import Encoded, render
from imagemill.engine.work import Buffer
from imagemill.recipe.quality import DEFAULT_QUALITY


def render_set(
    data: Buffer, jobs: Sequence[Job], limits: Limits, *, default_quality: int = DEFAULT_QUALITY
) -> list[Encoded]:
    """Make the variants of `jobs`; raises as `render`."""
    return [render(data, job, limits, default_quality=default_quality) for job in jobs]
