"""Bring the scaled picture to 8 bits in sRGB (or Display P3), after scaling because it costs time per pixel."""

from __future__ import annotations

from functools import cache

from imagemill.engine import icc
from imagemill.engine.libvips import pyvips
from imagemill.engine.steps.load import Image
from imagemill.engine.work import Work

PROFILE_FIELD = "icc-profile-data"


def colour(image: Image, work: Work) -> Image:
    """Convert by the embedded profile; grey stays grey in sRGB.

    Relative colorimetric with black point compensation, as browsers and image editors do. An unsound profile, or one
    for another kind of pixels, is ignored (D16); a profile that equals the wanted space costs nothing. The stranger's
    profile never reaches the result: sRGB is written untagged, Display P3 with libvips' own 480 bytes.
    """
    image, profile = _with_usable_profile(image)
    grey = image.bands < 3
    if image.interpretation != "cmyk" and work.space == "srgb" and (profile is None or profile.like == "srgb"):
        return eight_bits(image)
    if work.space == "p3" and profile is not None and profile.like == "p3":
        return _tagged(eight_bits(image), p3_profile())
    if grey and work.space == "p3" and profile is None:
        image, grey = eight_bits(image).colourspace("srgb"), False
    converted = _transformed(image, work.space)
    if grey and work.space == "srgb":
        return _back_to_grey(converted)
    return converted


def eight_bits(image: Image) -> Image:
    """Reduce 16 bits to 8; 8 bits pass."""
    if image.format == "uchar":
        return image
    interpretation = "b-w" if image.bands < 3 else "srgb"
    return (image >> 8).cast("uchar").copy(interpretation=interpretation)


@cache
def p3_profile() -> bytes:
    """The compact Display P3 profile that libvips carries (480 bytes)."""
    return bytes(pyvips.Operation.call("profile_load", "p3"))


def _with_usable_profile(image: Image) -> tuple[Image, icc.ProfileFacts | None]:
    """The image and its profile; where that must be ignored, the image without it, or libvips would use it."""
    if not image.get_typeof(PROFILE_FIELD):
        return image, None
    profile = icc.read(bytes(image.get(PROFILE_FIELD)))
    space = "cmyk" if image.interpretation == "cmyk" else "gray" if image.bands < 3 else "rgb"
    if profile is not None and profile.space == space:
        return image, profile
    return _without_profile(image), None


def _without_profile(image: Image) -> Image:
    """The same pixels, no longer described by a stranger."""
    image = image.copy()
    image.remove(PROFILE_FIELD)
    return image


def _transformed(image: Image, space: str) -> Image:
    """Convert colours to `space`, alpha apart; pixels that the profile cannot be used on are taken for sRGB."""
    alpha = None
    if image.hasalpha() and image.format != "uchar":  # lcms scales colours to 8 bits, not what stands beside them
        alpha = (image[image.bands - 1] >> 8).cast("uchar")
        image = image.extract_band(0, n=image.bands - 1)
    fallback = "cmyk" if image.interpretation == "cmyk" else "srgb"
    try:
        converted = image.icc_transform(
            space, embedded=True, input_profile=fallback, intent="relative", black_point_compensation=True, depth=8
        )
    except pyvips.Error:
        converted = _without_profile(eight_bits(image)).colourspace("srgb")
    return converted if alpha is None else converted.bandjoin(alpha)


def _back_to_grey(image: Image) -> Image:
    """A grey picture that a transform spread over three bands, in one again."""
    grey = image[0]
    if image.hasalpha():
        grey = grey.bandjoin(image[image.bands - 1])
    return grey.copy(interpretation="b-w")


def _tagged(image: Image, profile: bytes) -> Image:
    """The same pixels under our own copy of the profile."""
    image = image.copy()
    image.set_type(pyvips.GValue.blob_type, PROFILE_FIELD, profile)
    return image
