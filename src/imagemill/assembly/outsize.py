"""Where an answer goes that is too long for this home: what the bucket of variants and the CDN before it can do."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from imagemill.delivery.access import Access
from imagemill.delivery.outsize import Outsize
from imagemill.dialects.native.compose import path_for
from imagemill.edge_config.patterns import CLOSED_OPTIONS, PLAIN_URI
from imagemill.recipe.canonical import text_of
from imagemill.settings import Settings
from imagemill.variants.port import VariantStore

if TYPE_CHECKING:
    from imagemill.recipe.model import Recipe

_PLAIN = re.compile(PLAIN_URI)
_CLOSED = re.compile(CLOSED_OPTIONS)
_HINTED = "=auto"
"""What a client hint decides: no CDN can tell the variant from the address then."""


def build_outsize(settings: Settings, access: Access, variants: VariantStore, most: int | None) -> Outsize | None:
    """Return what answers of more than `most` bytes become; None where there is no bound."""
    if most is None:
        return None
    from imagemill.variants.remote import RemoteVariants

    mount = settings.server.public_url.partition("://")[2].partition("/")[2].rstrip("/")
    return Outsize(
        most,
        variants.link if isinstance(variants, RemoteVariants) else None,
        mount=f"/{mount}" if mount else "",
        is_static=lambda recipe, key: settings.cdn.kind == "cloudfront" and _is_static(recipe, key, access),
    )


def _is_static(recipe: Recipe, key: str, access: Access) -> bool:
    """Whether the function at CloudFront's edge may name the file (`edge_config.cloudfront`).

    Where this says yes and the edge does not, it asks us, and is sent to the bucket itself.
    """
    options = text_of(recipe)
    if access.mode in ("presets", "signed") or access.hides(key) or _HINTED in options or _CLOSED.search(options):
        return False
    return _PLAIN.search(path_for(recipe, key)) is not None
