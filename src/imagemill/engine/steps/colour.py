"""Bring the scaled picture into the result's colours and depth, after scaling because it costs time per pixel."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

from imagemill.engine import icc
from imagemill.engine.image_fields import PROFILE_FIELD
from imagemill.engine.libvips import Image, pyvips
from imagemill.engine.steps.channels import joined, parted
from imagemill.engine.work import Work
from imagemill.recipe.vocabulary import Format, Profile

HOW = {"intent": "relative", "black_point_compensation": True}
"""Relative colorimetric with black point compensation, as browsers and image editors convert."""

_TAGGED = frozenset((Format.JPEG, Format.PNG, Format.WEBP, Format.AVIF, Format.TIFF))
_TAGGED_GREY = frozenset((Format.JPEG, Format.PNG, Format.TIFF))  # the others write grey in three bands
_TAGGED_INK = frozenset((Format.JPEG, Format.TIFF))


def colour(image: Image, work: Work) -> Image:
    """Convert by the embedded profile; grey stays grey in sRGB, and all stays as it is where the colours are kept.

    An unsound profile, or one for another kind of pixels, is ignored (D16); a profile that equals the wanted space
    costs nothing. sRGB is written untagged, Display P3 with libvips' own 480 bytes; a stranger's profile reaches the
    result only where that was asked (`keeping`).
    """
    image, profile = with_usable_profile(image)
    if work.keeps_colours:
        return _tagged(_at_depth(image, work), work.profile)
    if work.profile is not None:
        return _tagged(_transformed(image, work.profile, work), work.profile)
    grey = image.bands < 3
    if image.interpretation != "cmyk" and work.space == "srgb" and (profile is None or profile.like == "srgb"):
        return _tagged(_at_depth(image, work), None)
    if work.space == "p3" and profile is not None and profile.like == "p3":
        return _tagged(_at_depth(image, work), p3_profile())
    if grey and work.space == "p3" and profile is None:
        image, grey = image.colourspace("rgb16" if image.format == "ushort" else "srgb"), False
    converted = _transformed(image, work.space, work)
    if work.space == "p3":
        return _tagged(converted, p3_profile())
    return _tagged(_back_to_grey(converted) if grey else converted, None)


def keeping(image: Image, work: Work) -> Work:
    """Decide `icc=keep` on the opened page: whether its colours stay as they are, and under which profile.

    A coloured picture keeps a sound profile in every format that can hold one; what is drawn on it is converted. Grey
    under a profile and CMYK stay only where the format can hold them and nothing is drawn on them or mixed with them.
    """
    if work.job.recipe.output.profile is not Profile.KEEP:
        return work
    image, profile = with_usable_profile(image)
    ink, grey = image.interpretation == "cmyk", image.bands < 3
    able = _TAGGED_INK if ink else _TAGGED_GREY if grey else _TAGGED
    if work.job.format not in able or (profile is None and not ink):
        return work
    if (ink or grey) and (image.hasalpha() or not work.geometry_only):
        return work
    kept = None if profile is None else icc.cleaned(bytes(image.get(PROFILE_FIELD)))
    return replace(work, keeps_colours=True, profile=kept)


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


def with_usable_profile(image: Image) -> tuple[Image, icc.ProfileFacts | None]:
    """The image and its profile; where that must be ignored, the image without it, or libvips would use it."""
    if not image.get_typeof(PROFILE_FIELD):
        return image, None
    profile = icc.read(bytes(image.get(PROFILE_FIELD)))
    space = "cmyk" if image.interpretation == "cmyk" else "gray" if image.bands < 3 else "rgb"
    if profile is not None and profile.space == space:
        return image, profile
    return _tagged(image, None), None


def exported(image: Image, profile: bytes, depth: int, source: str = "srgb") -> Image:
    """Convert to a profile that is no file: by way of Lab, as libvips takes a profile for output from the image only.

    `source` is the built-in profile of an image that has none of its own; the image has no alpha.
    """
    between = image.icc_import(embedded=True, input_profile=source, **HOW)
    return _tagged(between, profile).icc_export(depth=depth, **HOW)


def _at_depth(image: Image, work: Work) -> Image:
    """All bits where they are kept, else eight."""
    return image if work.deep else eight_bits(image) if image.interpretation != "cmyk" else image


def _tagged(image: Image, profile: bytes | None) -> Image:
    """The same pixels under `profile`, or under none."""
    if profile is None and not image.get_typeof(PROFILE_FIELD):
        return image
    image = image.copy()
    if profile is None:
        image.remove(PROFILE_FIELD)
    else:
        image.set_type(pyvips.GValue.blob_type, PROFILE_FIELD, profile)
    return image


def _transformed(image: Image, target: str | bytes, work: Work) -> Image:
    """Convert to `target` (libvips' name for a space, or a profile), alpha apart: lcms would not scale it to 8 bits.

    Pixels that the profile cannot be used on are taken for sRGB.
    """
    depth = 16 if work.deep and image.format == "ushort" else 8
    image, alpha = parted(image)
    if alpha is not None and depth == 8:
        alpha = eight_bits(alpha)
    fallback = "cmyk" if image.interpretation == "cmyk" else "srgb"
    try:
        if isinstance(target, bytes):
            return joined(exported(image, target, depth, fallback), alpha)
        if image.format == "ushort" and fallback == "srgb":
            # At one go Little CMS takes 16 bits through a table of 33 steps a side: 23 of 255 levels off at its edges.
            between = image.icc_import(embedded=True, input_profile=fallback, **HOW)
            return joined(between.icc_export(output_profile=target, depth=depth, **HOW), alpha)
        converted = image.icc_transform(target, embedded=True, input_profile=fallback, depth=depth, **HOW)
    except pyvips.Error:
        converted = _tagged(image if depth == 16 else eight_bits(image), None)
        converted = converted.colourspace("rgb16" if depth == 16 else "srgb")
    return joined(converted, alpha)


def _back_to_grey(image: Image) -> Image:
    """A grey picture that a transform spread over three bands, in one again."""
    colours, alpha = parted(image)
    return joined(colours[0], alpha).copy(interpretation="grey16" if image.format == "ushort" else "b-w")
