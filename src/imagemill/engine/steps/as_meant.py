"""Pixels that the decoder hands over as they are stored, in the colours that the file means by them.

Separate from `load`, which knows loaders: here are the places where libvips and its libraries leave a page's numbers
unexplained. A TIFF's YCbCr and saved selections, an AVIF's narrow grey, colours named by code points.
"""

from __future__ import annotations

from imagemill.engine.coding_points import CodingPoints, avif_points, png_points
from imagemill.engine.image_fields import PROFILE_FIELD
from imagemill.engine.libvips import Image, pyvips
from imagemill.engine.steps.channels import joined, parted, stored, top
from imagemill.engine.steps.colour import p3_profile
from imagemill.engine.tiff_structure import Samples, page_samples

_BLACK, _WHITE = 16, 235
"""Luma of narrow range in 8 bits (ITU-R BT.709); libvips hands deeper pixels over shifted up to 16 bits."""


def as_meant(image: Image, view: memoryview, kind: str, page: int) -> Image:
    """The opened `page` of the file `view` with its bands and levels as every other format has them.

    A TIFF comes out as grey, RGB or CMYK, one alpha, 8 or 16 bits; PNG and AVIF that name Display P3 by code points
    have its profile, where they embed none.
    """
    if kind == "tiff":
        return _tiff(image, page_samples(view, page))
    points = png_points(view) if kind == "png" else avif_points(view) if kind == "avif" else None
    return image if points is None else _by_points(image, points)


def _by_points(image: Image, points: CodingPoints) -> Image:
    """Narrow grey stretched to full range, colours without alpha in them, and the profile that the points stand for."""
    if points.narrow_grey:
        colours, alpha = parted(image)
        unit = 256 if image.format == "ushort" else 1
        scale = top(image) / ((_WHITE - _BLACK) * unit)
        stretched = colours.linear(scale, -_BLACK * unit * scale)
        image = joined(stored(stretched, image.format), alpha).copy(interpretation=image.interpretation)
    if points.premultiplied and image.hasalpha():
        image = stored(image.unpremultiply(), image.format).copy(interpretation=image.interpretation)
    if points.display_p3 and image.bands >= 3 and not image.get_typeof(PROFILE_FIELD):
        image = image.copy()
        image.set_type(pyvips.GValue.blob_type, PROFILE_FIELD, p3_profile())
    return image


def _tiff(image: Image, samples: Samples) -> Image:
    """Of further bands (an editor's saved selections) nothing is shown. Floats are linear light from 0 to 1; what is
    brighter is cut off, and a profile, which would speak of the floats, is left behind. CMYK is brought to 8 bits, as
    its transforms are.
    """
    colours = {"cmyk": 4, "b-w": 1, "grey16": 1}.get(str(image.interpretation), 3)
    clear = 0 if samples.selection else 1
    if image.bands > colours + clear:
        image = image.extract_band(0, n=colours + clear)
    if samples.luma is not None and colours == 3:
        image = _from_luma(image, samples.luma, samples.reference)
    if image.format == "float":
        image = image.colourspace("rgb16").copy()
        image.remove(PROFILE_FIELD)
    if image.interpretation == "cmyk" and image.format == "ushort":
        image = (image >> 8).cast("uchar").copy(interpretation="cmyk")
    return image


def _from_luma(image: Image, weights: tuple[float, ...], reference: tuple[float, ...]) -> Image:
    """RGB of YCbCr in 8 bits (TIFF 6.0 section 21)."""
    picture, alpha = parted(image)
    ranges = (255, 127, 127)
    scales = [
        span / (white - black) for span, black, white in zip(ranges, reference[::2], reference[1::2], strict=True)
    ]
    offsets = [-black * scale for black, scale in zip(reference[::2], scales, strict=True)]
    red, green, blue = weights
    to_red, to_blue = 2 - 2 * red, 2 - 2 * blue
    matrix = [[1, 0, to_red], [1, -to_blue * blue / green, -to_red * red / green], [1, to_blue, 0]]
    levels = picture.linear(scales, offsets).recomb(pyvips.Image.new_from_array(matrix))
    return joined(stored(levels, "uchar"), alpha).copy(interpretation="srgb")
