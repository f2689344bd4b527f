"""What may be asked: the preset looked up, possible at all, within bounds, and open to this caller (`verdict`)."""

from __future__ import annotations

from dataclasses import replace

from imagemill.delivery.access import Access
from imagemill.delivery.permission import Permission
from imagemill.delivery.values import Redirect, VerifiedRequest
from imagemill.delivery.verdict import closed_words, judge
from imagemill.dialects.native.compose import path_for
from imagemill.dialects.values import ImageRequest
from imagemill.engine.limits import Limits
from imagemill.recipe.availability import check_available
from imagemill.recipe.bounds import check_bounds
from imagemill.recipe.model import ImageLayer
from imagemill.recipe.presets import Preset, Presets, expand, find_preset
from imagemill.signing.grant import Grant


def verify(
    image: ImageRequest, access: Access, limits: Limits, presets: Presets, permission: Permission
) -> VerifiedRequest | Redirect:
    """Return the request as allowed, its recipe with the preset's, or the URL that it should have been.

    The signature is looked at where the site's rules would refuse or redirect a stranger. Cookies come unasked, so a
    useless one changes no refusal; a URL that shows a signature is judged by it.

    Raises InvalidRequest for an unknown preset or what is beyond the bounds, NotBuilt for options of a later capability
    (told first: a signature would not help), Refused (`needs_signature`, `size_not_allowed`, `option_not_allowed`,
    `preset_required`, `format_not_allowed`, `expired`) for what this caller may not ask.
    """
    image, preset = with_preset(image, presets)
    check_possible(image, limits)
    side, pixels = limits.side_result, limits.pixels_result
    verdict = judge(image.asked, preset, access, side=side, pixels=pixels)
    words = closed_words(image.asked, preset, access)
    # A layer below a private prefix as the picture itself: whether there is such an original is for who may see it.
    layers = image.asked.recipe.layers if "wm" in words else ()
    if access.hides(image.key) or any(isinstance(one, ImageLayer) and access.hides(one.key) for one in layers):
        grant: Grant | None = permission.demand()
    elif verdict.reason is not None:
        grant = permission.given()
    else:
        grant = permission.by_link() if verdict.options is not None else None
    if grant is not None:
        verdict = judge(image.asked, preset, access, side=side, pixels=pixels, signed=True)
    if verdict.reason is not None:
        raise verdict.reason
    if verdict.options is not None:
        return Redirect(path_for(verdict.options, image.key, image.v))
    return VerifiedRequest(image, grant, own_layers="wm" not in words, reveals="meta" in words)


def with_preset(image: ImageRequest, presets: Presets) -> tuple[ImageRequest, Preset | None]:
    """Return the request with the whole recipe, and the preset that it names."""
    preset = find_preset(image.asked, presets)
    return (image if preset is None else replace(image, asked=expand(image.asked, preset))), preset


def check_possible(image: ImageRequest, limits: Limits) -> None:
    """Raise NotBuilt or InvalidRequest for what nobody may ask."""
    check_available(image.asked)
    check_bounds(image.asked.recipe, side=limits.side_result, pixels=limits.pixels_result)
