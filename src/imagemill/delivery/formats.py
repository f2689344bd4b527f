"""The formats that a site allows (`delivery.formats`) against those that automatic choice would take.

Separate from `recipe.negotiation`, which knows what a client reads: here the site's own list has the last word. An
explicit format outside of the list never comes here, `verdict` refuses it.
"""

from __future__ import annotations

from collections.abc import Set

from imagemill.engine.writable import writable
from imagemill.recipe.canonical import Bucket
from imagemill.recipe.negotiation import bucket_of
from imagemill.recipe.vocabulary import Format

_MOVING = (Format.GIF, Format.WEBP)
_BUCKETS: tuple[tuple[Bucket, Format], ...] = (
    ("avif", Format.AVIF),
    ("jxl", Format.JXL),
    ("webp", Format.WEBP),
)
_EXACT = (Format.PNG, Format.WEBP, Format.AVIF, Format.JXL, Format.GIF, Format.TIFF, Format.JPEG)
_PLAIN = (Format.JPEG, Format.WEBP, Format.AVIF, Format.PNG, Format.GIF, Format.JXL, Format.TIFF)
"""What stands in for a format that is not allowed: what most clients read first."""


def bucket_for(accept: str | None, allowed: Set[Format]) -> Bucket:
    """Return the client's bucket among the `allowed` formats (none named: all) that this installation writes."""
    offered = writable() & allowed if allowed else writable()
    return bucket_of(accept, [bucket for bucket, form in _BUCKETS if form not in offered])


def permitted(chosen: Format, allowed: Set[Format], *, alpha: bool, animated: bool, lossless: bool) -> Format:
    """Return the format that was `chosen` for a client, or what stands in for it; never 406 (contract, "auto").

    `alpha` and `animated` are the result's, `lossless` what the recipe says.
    """
    if not allowed or chosen in allowed:
        return chosen
    order: tuple[Format, ...] = (*(_MOVING if animated else ()), *(_EXACT if alpha or lossless else _PLAIN))
    return next(form for form in order if form in allowed)
