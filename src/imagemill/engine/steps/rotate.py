"""Turn the picture clockwise by any angle.

Quarter turns move pixels and change none. Any other angle resamples (bicubic) into the box around the turned picture,
whose corners are left clear: the background steps fill them, and `flatten` where the format has no transparency.
"""

from __future__ import annotations

from math import cos, radians, sin

from imagemill.engine.geometry import Layout
from imagemill.engine.libvips import Image, pyvips
from imagemill.engine.steps.channels import stored, top
from imagemill.engine.work import Work


def rotate(image: Image, work: Work) -> Image:
    """Turn by the layout's angle; the size that comes out is the layout's `turned`."""
    layout = work.layout
    if layout.angle == 0:
        return image
    image = image.copy_memory()
    if layout.angle % 90 == 0:
        return quarter_turned(image, layout.angle)
    if image.hasalpha():
        depth = image.format
        plain = stored(image.premultiply(), depth)
        return stored(resampled(plain, layout, "bicubic", "background").unpremultiply(), depth)
    alpha = (pyvips.Image.black(image.width, image.height) + top(image)).cast(image.format)
    clear = resampled(alpha, layout, "bicubic", "background")
    return resampled(image, layout, "bicubic", "copy").bandjoin(clear)


def quarter_turned(image: Image, degrees: float) -> Image:
    """Turn clockwise by a multiple of 90; the image must not be a stream."""
    quarters = round(degrees / 90) % 4
    return (image, image.rot90(), image.rot180(), image.rot270())[quarters]


def resampled(image: Image, layout: Layout, interpolator: str, edge: str) -> Image:
    """Turn around the middle by any angle, into the layout's `turned` size; colours must be multiplied by alpha.

    `edge` says what the sampling sees beyond the picture: its own edge ("copy", so that opaque colours do not darken
    there), or nothing ("background"). An image with the same room on all sides of the window keeps its place.
    """
    angle, size = radians(layout.angle), layout.turned
    c, s = cos(angle), sin(angle)
    return image.affine(
        [c, -s, s, c],
        interpolate=pyvips.Interpolate.new(interpolator),
        idx=-(image.width - 1) / 2,
        idy=-(image.height - 1) / 2,
        odx=(size.width - 1) / 2,
        ody=(size.height - 1) / 2,
        oarea=[0, 0, size.width, size.height],
        extend=edge,
        premultiplied=True,
    )
