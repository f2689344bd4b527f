"""Lay watermarks and words on the finished picture, image layers first, each over what is below it.

A watermark is an original like any other: opened with its own loader, reduced while it is decoded, turned upright,
brought into the result's colours, and then kept in memory at the size at which it is laid. The blend modes are those of
CSS (W3C Compositing and Blending Level 1, section 9.1), on levels as they are, without linear light, as browsers do.
"""

from __future__ import annotations

from dataclasses import replace

from imagemill.engine.geometry import Box, Size, lay_out
from imagemill.engine.libvips import Image, pyvips
from imagemill.engine.placement import layer_recipe, layer_size, place_of
from imagemill.engine.port import Facts, Job
from imagemill.engine.sampling import shrink_for
from imagemill.engine.steps.blend import blended
from imagemill.engine.steps.colour import colour, eight_bits
from imagemill.engine.steps.crop import crop
from imagemill.engine.steps.ink import in_result
from imagemill.engine.steps.load import open_frames
from imagemill.engine.steps.orient import orient
from imagemill.engine.steps.resize import resize
from imagemill.engine.steps.text import words
from imagemill.engine.work import Buffer, Work
from imagemill.errors import Unprocessable
from imagemill.recipe.model import ImageLayer, Layer
from imagemill.recipe.options.build import LAYER_NAMES
from imagemill.recipe.vocabulary import Blend, Format

_SMALLEST_TILE = 128
"""Pixels of a tile's sides at least: a smaller one is doubled first, because each repetition costs some work."""


def layers(image: Image, work: Work) -> Image:
    """Return `image` with the recipe's layers on it. Raises what opening an original raises, naming the layer."""
    for index, layer in enumerate(work.job.recipe.layers):
        drawn = _drawn(index, layer, work, Size(image.width, image.height))
        if drawn is not None:
            over, box = drawn
            blend = layer.blend if isinstance(layer, ImageLayer) else Blend.NORMAL
            image = blended(image, over, box.left, box.top, blend)
    return image


def _drawn(index: int, layer: Layer, work: Work, canvas: Size) -> tuple[Image, Box] | None:
    """A layer as it is laid on this canvas; the frames of an animation share it."""
    known = (index, canvas)
    if known not in work.drawn:
        if isinstance(layer, ImageLayer):
            work.drawn[known] = _watermark(index, layer, work, canvas)
        else:
            work.drawn[known] = words(replace(layer, colour=in_result(layer.colour, work)), canvas)
    return work.drawn[known]


def _watermark(index: int, layer: ImageLayer, work: Work, canvas: Size) -> tuple[Image, Box]:
    """An image layer with its opacity, alone or repeated over the canvas."""
    facts = work.job.layers[index]
    size = layer_size(layer, facts, canvas)
    box = place_of(layer.place, size, canvas)
    try:
        picture = _picture(work.layers[index], facts, size, work)
    except pyvips.Error as error:
        name = LAYER_NAMES[index]
        raise Unprocessable(f"The picture of {name} is damaged: it ends early or cannot be decoded.") from error
    if layer.place.opacity < 100:
        fainter = (picture[3] * (layer.place.opacity / 100) + 0.5).cast("uchar")
        picture = picture.extract_band(0, n=3).bandjoin(fainter).copy_memory()
    if layer.tile:
        return _repeated(picture, box, canvas), Box(0, 0, canvas.width, canvas.height)
    return picture, box


def _picture(data: Buffer, facts: Facts, size: Size, work: Work) -> Image:
    """The first page of a layer's original at `size`, upright, in the result's colours, 8 bits RGBA, in memory."""
    recipe = replace(layer_recipe(size), output=work.job.recipe.output)
    layout = lay_out(facts, recipe)
    own = Work(
        job=Job(recipe=recipe, format=Format.PNG, facts=facts),
        layout=layout,
        quality=work.quality,
        shrink=shrink_for(facts, layout),
        profile=work.profile,
    )
    image = next(open_frames(data, facts, shrink=own.shrink, layout=layout))
    for step in (crop, resize, orient, colour):
        image = step(image, own)
    image = eight_bits(image)
    if image.bands < 3:
        image = image.colourspace("srgb")
    if not image.hasalpha():
        image = image.addalpha()
    return image.copy_memory()


def _repeated(picture: Image, box: Box, canvas: Size) -> Image:
    """`picture` side by side over the whole canvas, one of them where it would stand alone."""
    across, down = -box.left % box.width, -box.top % box.height
    times = max(1, _SMALLEST_TILE // box.width), max(1, _SMALLEST_TILE // box.height)
    tile = picture.replicate(*times).copy_memory() if max(times) > 1 else picture
    columns = -(-(canvas.width + across) // tile.width)
    rows = -(-(canvas.height + down) // tile.height)
    return tile.replicate(columns, rows).crop(across, down, canvas.width, canvas.height)
