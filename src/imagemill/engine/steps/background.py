"""What shows where the picture does not: a colour, the picture's own edge colour, or a blurred copy of it."""

from __future__ import annotations

from imagemill.engine.libvips import Image
from imagemill.engine.steps.channels import colour_space, top
from imagemill.engine.work import Work
from imagemill.recipe.model import Background, Colour, DerivedBackground

WHITE = Colour("ffffffff")
_CLEAR = Colour("00000000")

_BLUR_SIDE = 64  # the blurred copy is made from so few pixels: cheap, and smooth by itself
_BLUR_SIGMA = 2.5


def background(image: Image, work: Work) -> Image:
    """Stand the picture on its canvas, and put a stated background behind its transparent parts."""
    layout, asked = work.layout, work.background
    if isinstance(asked, DerivedBackground) and (layout.canvas or image.hasalpha()):
        image = image.copy_memory()
        if asked.how == "blur":
            return _over(_blurred(image, layout.width, layout.height), image, layout.x, layout.y)
        asked = edge_colour(image)
    if isinstance(asked, Colour) and asked.rgba[3] == 255 and image.hasalpha():
        image = _coloured(image, asked).flatten(background=_levels(image, asked))
    elif isinstance(asked, Colour) and asked.rgba[3] > 0 and image.hasalpha():
        image = _over(_plain(image, asked), image, 0, 0)
    if not layout.canvas:
        return image
    ink = asked if isinstance(asked, Colour) else (_CLEAR if work.keeps_alpha else WHITE)
    image = _coloured(image, ink)
    if ink.rgba[3] < 255 and not image.hasalpha():
        image = image.addalpha()
    levels = _levels(image, ink) + ([ink.rgba[3] * top(image) / 255] if image.hasalpha() else [])
    return image.embed(layout.x, layout.y, layout.width, layout.height, extend="background", background=levels)


def behind(image: Image, asked: Background | None) -> Colour:
    """The opaque colour behind a picture in a format without transparency: the stated one, its edge's, or white."""
    if isinstance(asked, Colour) and asked.rgba[3] == 255:
        return asked
    if isinstance(asked, DerivedBackground):
        return edge_colour(image)
    return WHITE


def flattened(image: Image, ink: Colour) -> Image:
    """`image` without transparency, on `ink`."""
    image = _coloured(image, ink)
    return image.flatten(background=_levels(image, ink))


def edge_colour(image: Image) -> Colour:
    """The mean colour along the four edges, transparent pixels left out; the image must be in memory."""
    wide, high = max(1, image.width // 50), max(1, image.height // 50)
    strips = (
        image.crop(0, 0, image.width, high),
        image.crop(0, image.height - high, image.width, high),
        image.crop(0, 0, wide, image.height),
        image.crop(image.width - wide, 0, wide, image.height),
    )
    sums, weight = [0.0, 0.0, 0.0], 0.0
    for strip in strips:
        alpha = strip[strip.bands - 1].avg() / top(strip) if strip.hasalpha() else 1.0
        if alpha == 0:
            continue
        plain = strip.premultiply() if strip.hasalpha() else strip
        share = strip.width * strip.height
        colours = [plain[band].avg() * share * 255 / top(strip) for band in range(3 if plain.bands > 2 else 1)]
        sums = [total + part for total, part in zip(sums, colours * (3 // len(colours)), strict=True)]
        weight += alpha * share
    if weight == 0:
        return WHITE
    red, green, blue = (min(255, round(total / weight)) for total in sums)
    return Colour(f"{red:02x}{green:02x}{blue:02x}ff")


def _coloured(image: Image, ink: Colour) -> Image:
    """A grey picture in three bands where the colour beside it is not grey."""
    red, green, blue, _ = ink.rgba
    return image.colourspace(colour_space(image)) if image.bands < 3 and not red == green == blue else image


def _levels(image: Image, ink: Colour) -> list[float]:
    """A colour as band values of `image`, in its depth and without alpha."""
    return [level * top(image) / 255 for level in ink.rgba[:3]][: 1 if image.bands < 3 and _is_grey(ink) else 3]


def _is_grey(ink: Colour) -> bool:
    """Whether the three levels are one."""
    return ink.rgba[0] == ink.rgba[1] == ink.rgba[2]


def _plain(image: Image, ink: Colour) -> Image:
    """A picture of one colour with alpha, as large as `image`."""
    levels = [level * top(image) / 255 for level in ink.rgba]
    return image.new_from_image(levels).cast(image.format).copy(interpretation=colour_space(image))


def _over(below: Image, picture: Image, x: int, y: int) -> Image:
    """`picture` at `x`, `y` on `below`; copied where it is opaque, blended where not."""
    depth, space = picture.format, colour_space(picture)
    if picture.bands < 3:
        picture = picture.colourspace(space)
    if not picture.hasalpha():
        return below.insert(picture, x, y)
    return below.composite2(picture, "over", x=x, y=y, compositing_space=space).cast(depth)


def _blurred(image: Image, width: int, height: int) -> Image:
    """A soft copy of the picture that covers `width` × `height`, opaque and in three bands."""
    depth = image.format
    if image.hasalpha():
        image = flattened(image, edge_colour(image))  # white would shine through around a turned picture
    if image.bands < 3:
        image = image.colourspace(colour_space(image))
    small = image.resize(min(1.0, _BLUR_SIDE / max(image.width, image.height)))
    small = small.gaussblur(_BLUR_SIGMA, precision="float").cast(depth)
    scale = max(width / small.width, height / small.height)
    large = small.resize(scale * 1.02, kernel="cubic")  # a little more than covers, whatever rounding does
    large = large.embed(0, 0, max(width, large.width), max(height, large.height), extend="copy")
    return large.crop((large.width - width) // 2, (large.height - height) // 2, width, height)
