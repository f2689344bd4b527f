"""What this caller may ask (contract, "Access"): possible at all, within bounds, and not reserved for signed URLs."""

from __future__ import annotations

from imagemill.delivery.settings import DeliverySettings
from imagemill.delivery.values import VerifiedRequest
from imagemill.dialects.values import ImageRequest
from imagemill.engine.limits import Limits
from imagemill.errors import Refused
from imagemill.recipe.availability import check_available, needs_signature
from imagemill.recipe.bounds import check_bounds


def verify(image: ImageRequest, settings: DeliverySettings, limits: Limits) -> VerifiedRequest:
    """Return the request as allowed.

    Raises NotBuilt for options of a later capability (told first: a signature would not help), InvalidRequest beyond
    the bounds, Refused (`needs_signature`) for what costs or reveals more than a stranger may ask.
    """
    check_available(image.asked)
    check_bounds(image.asked.recipe, side=limits.side_result, pixels=limits.pixels_result)
    closed = [word for word in needs_signature(image.asked) if word not in settings.allow]
    if closed:
        raise Refused(
            f"{', '.join(closed)} may only be asked by a signed URL; "
            "the owner of the site can open it to everyone with the setting delivery.allow.",
            code="needs_signature",
        )
    return VerifiedRequest(image)
