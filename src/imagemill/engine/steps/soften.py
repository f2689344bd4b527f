"""What mixes neighbouring pixels: blur, then sharpen, then pixelate. Lengths are pixels of the result."""

from __future__ import annotations

from math import sqrt

from imagemill.engine.geometry import Box
from imagemill.engine.libvips import Image, pyvips
from imagemill.engine.steps.channels import enlarged, joined, luminance, parted, stored, top, with_alpha_in_mind
from imagemill.engine.work import Work

_LEAST_AMPLITUDE = 0.002  # below it, a Gaussian weighs less than half a level of 255
_SMALL_SIGMA = 2.5  # a wider blur is made from a picture reduced until its sigma is so small

_FLAT, _JAGGED = 1.0, 2.0  # sharp's m1 and m2: how much of a small and of a large difference is added
_SMALL = 2.0  # and its x1: which difference is small, in percent of the range
_LIGHTER, _DARKER = 10.0, 20.0  # and its y2 and y3: by how much a pixel is changed at most
_STEPS = 16  # differences are measured in so many parts of a level of 255


def soften(image: Image, work: Work) -> Image:
    """Blur, sharpen and pixelate, as far as the recipe asks.

    Each looks at lines around the one it makes, so the picture is first kept in memory: else everything before would be
    computed again for each strip.
    """
    recipe = work.job.recipe
    if recipe.blur is not None:
        image = blurred(image.copy_memory(), recipe.blur)
    if recipe.sharpen is not None:
        image = sharpened(image.copy_memory(), recipe.sharpen)
    if recipe.pixelate is not None:
        image = pixelated(image.copy_memory(), recipe.pixelate)
    return image


def blurred(image: Image, sigma: float) -> Image:
    """A Gaussian blur, half a level off on average; beyond the edge the outermost pixels go on for ever."""
    return with_alpha_in_mind(image, lambda plain: _gaussian(plain, sigma))


def _gaussian(image: Image, sigma: float) -> Image:
    """The blurred picture in floats.

    A mask of 600 pixels would cost seconds. A wide blur has nothing fine in it, so it is made on a picture reduced by
    averaging and enlarged again; both blur by themselves (variances (f²-1)/12 and f²/6), which is taken off.
    """
    factor = int(sigma / _SMALL_SIGMA)
    if factor < 2:
        return image.gaussblur(sigma, min_ampl=_LEAST_AMPLITUDE, precision="float").cast("float")
    width, height = image.width, image.height
    # One block of room around it, so that the edge itself goes on, and not the mean of the last block.
    across, down = (-(-width // factor) + 2) * factor, (-(-height // factor) + 2) * factor
    small = image.embed(factor, factor, across, down, extend="copy").cast("float").shrink(factor, factor)
    rest = sqrt(sigma**2 - (factor**2 - 1) / 12 - factor**2 / 6) / factor
    small = small.gaussblur(rest, min_ampl=_LEAST_AMPLITUDE, precision="float")
    return enlarged(small.copy_memory(), factor, factor, Box(factor, factor, width, height))


def sharpened(image: Image, sigma: float) -> Image:
    """An unsharp mask on luminance: what a blur of `sigma` would take away is added once more, to all bands alike.

    Small differences are added once, what is above 2 % of the range twice, and at most 10 % lighter or 20 % darker:
    the defaults of sharp, which works on L of CIE Lab instead. One number for all bands leaves the hue alone.
    """
    depth, unit = image.format, top(image) / 255
    colours, alpha = parted(image)
    light = luminance(image)
    smooth = _smooth(light, sigma)
    difference = (parted(light)[0] - smooth) * (_STEPS / unit) + (255 * _STEPS + 0.5)
    change = difference.cast("ushort").maplut(_answers()) * unit
    return joined(stored(colours + change, depth), alpha)


def _smooth(light: Image, sigma: float) -> Image:
    """Luminance blurred, in floats and without its transparency."""
    if not light.hasalpha():
        return _gaussian(light, sigma)
    return parted(_gaussian(light.premultiply(), sigma).unpremultiply())[0]


def _answers() -> Image:
    """What is added for each difference from -255 to 255, as a table of floats."""
    levels = [(index / _STEPS - 255) for index in range(2 * 255 * _STEPS + 1)]
    return pyvips.Image.new_from_list([[_answer(level) for level in levels]]).cast("float")


def _answer(difference: float) -> float:
    """What is added for one difference, in levels of 255."""
    small = _SMALL * 2.55
    size = abs(difference)
    much = _FLAT * min(size, small) + _JAGGED * max(0.0, size - small)
    return min(much, _LIGHTER * 2.55) if difference > 0 else -min(much, _DARKER * 2.55)


def pixelated(image: Image, side: int) -> Image:
    """Blocks of one colour, the mean of what they cover, from the top left corner; those at the edges may be cut."""
    return with_alpha_in_mind(image, lambda plain: _blocks(plain, side))


def _blocks(image: Image, side: int) -> Image:
    """The blocks, in floats: the sum over each, divided by how much of it the picture covers."""
    width, height = -(-image.width // side) * side, -(-image.height // side) * side
    small = image.cast("float").embed(0, 0, width, height).shrink(side, side)
    if (width, height) != (image.width, image.height):
        here = (pyvips.Image.black(image.width, image.height) + 1).embed(0, 0, width, height)
        small = small / here.shrink(side, side)
    return small.copy_memory().zoom(side, side).crop(0, 0, image.width, image.height)
