"""The formats that a site allows (`delivery.formats`) against those that automatic choice would take.

Separate from `recipe.negotiation`, which knows what a client reads: here the site's own list has the last word. An
explicit format outside of the list never comes here, `verdict` refuses it.
"""

from __future__ import annotations

from collections.abc import Set

from imagemill.recipe.canonical import Bucket
from imagemill.recipe.negotiation import bucket_of, webp_named
from imagemill.recipe.vocabulary import Format

_MOVING = (Format.GIF, Format.WEBP)
_EXACT = (Format.PNG, Format.WEBP, Format.AVIF, Format.JXL, Format.GIF, Format.TIFF, Format.JPEG)
_PLAIN = (Format.JPEG, Format.WEBP, Format.AVIF, Format.PNG, Format.GIF, Format.JXL, Format.TIFF)
"""What stands in for a format that is not allowed: what most clients read first."""


def bucket_for(accept: str | None, allowed: Set[Format]) -> Bucket:
    """Return the client's bucket among the `allowed` formats (none named: all)."""
    bucket = bucket_of(accept)
    if not allowed:
        return bucket
    if bucket == "avif" and Format.AVIF not in allowed:
        bucket = "webp" if webp_named(accept) else "jpg"
    return "jpg" if bucket == "webp" and Format.WEBP not in allowed else bucket


def permitted(chosen: Format, allowed: Set[Format], *, alpha: bool, animated: bool, lossless: bool) -> Format:
    """Return the format that was `chosen` for a client, or what stands in for it; never 406 (contract, "auto").

    `alpha` and `animated` are the result's, `lossless` what the recipe says.
    """
    if not allowed or chosen in allowed:
        return chosen
    order: tuple[Format, ...] = (*(_MOVING if animated else ()), *(_EXACT if alpha or lossless else _PLAIN))
    return next(form for form in order if form in allowed)
