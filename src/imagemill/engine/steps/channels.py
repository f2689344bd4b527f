"""Colours apart from transparency, and depths: what the steps that compute with pixels have in common.

Every such step works in 8 and in 16 bits, in one colour band (grey) and in three, with and without transparency.
"""

from __future__ import annotations

from collections.abc import Callable

from imagemill.engine.geometry import Box
from imagemill.engine.libvips import Image, pyvips

LUMINANCE = (0.2126, 0.7152, 0.0722)
"""The weights of red, green and blue in what looks light (ITU-R BT.709, as in CSS Filter Effects 1, `grayscale()`)."""


def top(image: Image) -> int:
    """The level that is full: 255 or 65535."""
    return 65535 if image.format == "ushort" else 255


def stored(image: Image, depth: str) -> Image:
    """Numbers as levels of `depth` ("uchar" or "ushort"): rounded, and held inside the range."""
    if image.format == depth:
        return image
    if depth == "uchar":
        return image.linear(1, 0.5, uchar=True)
    return (image + 0.5).cast(depth)


def parted(image: Image) -> tuple[Image, Image | None]:
    """The colours, and the transparency where there is any."""
    if not image.hasalpha():
        return image, None
    last = image.bands - 1
    return image.extract_band(0, n=last), image[last]


def joined(colours: Image, alpha: Image | None) -> Image:
    """What `parted` took apart."""
    return colours if alpha is None else colours.bandjoin(alpha)


def with_alpha_in_mind(image: Image, work: Callable[[Image], Image]) -> Image:
    """Let `work` mix neighbouring pixels, without the colour that transparent ones hide; the depth is kept.

    Colours are multiplied by alpha meanwhile, and `work` sees floats then.
    """
    depth = image.format
    if image.hasalpha():
        return stored(work(image.premultiply()).unpremultiply(), depth)
    return stored(work(image), depth)


def luminance(image: Image) -> Image:
    """How light each pixel is, in floats of the image's own range; transparency stands beside it where it was."""
    colours, alpha = parted(image)
    if colours.bands < 3:
        return image.cast("float")
    grey = colours.recomb(pyvips.Image.new_from_list([list(LUMINANCE)]))
    return joined(grey, alpha).copy(interpretation=grey_space(image))


def grey_space(image: Image) -> str:
    """Libvips' name for one colour band of the image's depth."""
    return "grey16" if image.interpretation in ("rgb16", "grey16") else "b-w"


def colour_space(image: Image) -> str:
    """Libvips' name for three colour bands of the image's depth."""
    return "rgb16" if image.interpretation in ("rgb16", "grey16") else "srgb"


def enlarged(image: Image, across: float, down: float, part: Box) -> Image:
    """`part` of the image enlarged by these factors, with straight lines from pixel to pixel; no alpha is looked at.

    libvips' own `resize` enlarges half a pixel off. Beyond the edge the outermost pixels go on.
    """
    return image.affine(
        [across, 0, 0, down],
        interpolate=pyvips.Interpolate.new("bilinear"),
        odx=(across - 1) / 2,
        ody=(down - 1) / 2,
        oarea=[part.left, part.top, part.width, part.height],
        extend="copy",
        premultiplied=True,
    )
