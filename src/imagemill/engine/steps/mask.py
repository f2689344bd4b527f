"""Round the corners or cut a shape out of the result, with smooth edges."""

from __future__ import annotations

from imagemill.engine.libvips import Image, pyvips
from imagemill.engine.steps.background import behind, flattened
from imagemill.engine.steps.channels import parted
from imagemill.engine.steps.shapes import covered, shaped
from imagemill.engine.work import Work
from imagemill.recipe.model import DerivedBackground, Radius


def mask(image: Image, work: Work) -> Image:
    """Make what lies outside the shape transparent; the background shows there in a format without transparency."""
    recipe = work.job.recipe
    if recipe.radius is None and recipe.mask is None:
        return image
    cover: Image = None
    if recipe.radius is not None:
        cover = _rounded(image.width, image.height, recipe.radius)
    if recipe.mask is not None:
        shape = shaped(recipe.mask, image.width, image.height)
        cover = shape if cover is None else (cover * shape / 255).cast("uchar")
    if work.keeps_alpha:
        return _with_alpha(image, cover)
    if isinstance(work.background, DerivedBackground):
        image = image.copy_memory()  # its edges are looked at before it is written
    return flattened(_with_alpha(image, cover), behind(image, work.background))


def _with_alpha(image: Image, cover: Image) -> Image:
    """`image` with `cover` (0…255) as transparency, on top of what it has."""
    colours, alpha = parted(image)
    if alpha is None:
        return image.bandjoin(cover if image.format == "uchar" else (cover * 257).cast("ushort"))
    return colours.bandjoin((alpha * cover / 255 + 0.5).cast(image.format))


def _rounded(width: int, height: int, radius: Radius) -> Image:
    """A rectangle with four radii, each cut to half the shorter side."""
    most = min(width, height) / 2
    top_left, top_right, bottom_right, bottom_left = (
        min(float(corner), most) for corner in radius.corners or (width, width, width, width)
    )
    distance = pyvips.Operation.call(
        "sdf",
        width,
        height,
        "rounded-box",
        a=[-0.5, -0.5],
        b=[width - 0.5, height - 0.5],
        corners=[bottom_right, top_right, bottom_left, top_left],
    )
    return covered(distance)
