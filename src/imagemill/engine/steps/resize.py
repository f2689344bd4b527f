"""Scale the region to its final size with lanczos3."""

from __future__ import annotations

from imagemill.engine.libvips import Image
from imagemill.engine.sampling import Axis, axes
from imagemill.engine.steps.linear import in_linear_light
from imagemill.engine.work import Work


def resize(image: Image, work: Work) -> Image:
    """Scale as `sampling` planned it.

    Transparent pixels must not lend their hidden colour, so colours are multiplied by alpha meanwhile; kept at the
    image's own depth, which is what the fast resampling wants. What is drawn has its final size already.
    """
    if work.job.facts.drawn:
        return image
    across, down = axes(work.job.facts, work.layout, work.shrink)
    if (across.there, down.there) == (across.kept, down.kept):
        return image
    if (across.there, down.there) != (across.columns, down.columns):
        image = image.embed(0, 0, across.columns, down.columns, extend="copy")
    if work.linear_light:
        return in_linear_light(image, lambda linear: _with_alpha_in_mind(linear, across, down))
    return _with_alpha_in_mind(image, across, down)


def _with_alpha_in_mind(image: Image, across: Axis, down: Axis) -> Image:
    """Scale, with colours multiplied by alpha meanwhile."""
    if not image.hasalpha():
        return _scaled(image, across, down)
    depth = image.format
    return _scaled(image.premultiply().cast(depth), across, down).unpremultiply().cast(depth)


def _scaled(image: Image, across: Axis, down: Axis) -> Image:
    """Resample both axes, then cut off what was made beyond the edges (libvips computes none of it)."""
    image = image.resize(1 / across.step, vscale=1 / down.step)
    if (image.width, image.height) == (across.kept, down.kept):
        return image
    if image.width < across.kept or image.height < down.kept:  # rounding of a very thin picture
        image = image.embed(0, 0, max(image.width, across.kept), max(image.height, down.kept), extend="copy")
    return image.crop(0, 0, across.kept, down.kept)
