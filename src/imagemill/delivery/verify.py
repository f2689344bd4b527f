"""What may be asked: the preset looked up, possible at all, within bounds, and open to this caller (`verdict`)."""

from __future__ import annotations

from dataclasses import replace

from imagemill.delivery.access import Access
from imagemill.delivery.values import Redirect, VerifiedRequest
from imagemill.delivery.verdict import judge
from imagemill.dialects.native.compose import path_for
from imagemill.dialects.values import ImageRequest
from imagemill.engine.limits import Limits
from imagemill.recipe.availability import check_available
from imagemill.recipe.bounds import check_bounds
from imagemill.recipe.presets import Preset, Presets, expand, find_preset


def verify(image: ImageRequest, access: Access, limits: Limits, presets: Presets) -> VerifiedRequest | Redirect:
    """Return the request as allowed, its recipe with the preset's, or the URL that it should have been.

    Raises InvalidRequest for an unknown preset or what is beyond the bounds, NotBuilt for options of a later capability
    (told first: a signature would not help), Refused (`needs_signature`, `size_not_allowed`, `option_not_allowed`,
    `preset_required`, `format_not_allowed`) for what a stranger may not ask.
    """
    image, preset = with_preset(image, presets)
    check_possible(image, limits)
    verdict = judge(image.asked, preset, access, side=limits.side_result, pixels=limits.pixels_result)
    if verdict.reason is not None:
        raise verdict.reason
    if verdict.options is not None:
        return Redirect(path_for(verdict.options, image.key, image.v))
    return VerifiedRequest(image)


def with_preset(image: ImageRequest, presets: Presets) -> tuple[ImageRequest, Preset | None]:
    """Return the request with the whole recipe, and the preset that it names."""
    preset = find_preset(image.asked, presets)
    return (image if preset is None else replace(image, asked=expand(image.asked, preset))), preset


def check_possible(image: ImageRequest, limits: Limits) -> None:
    """Raise NotBuilt or InvalidRequest for what nobody may ask."""
    check_available(image.asked)
    check_bounds(image.asked.recipe, side=limits.side_result, pixels=limits.pixels_result)
