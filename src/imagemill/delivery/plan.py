"""From what was asked to what will be answered: hints settled, format chosen, variant named. Pure."""

from __future__ import annotations

from imagemill.delivery.access import Access
from imagemill.delivery.cache_tags import PLAIN, Tagging
from imagemill.delivery.caching_headers import cache_control
from imagemill.delivery.disposition import disposition
from imagemill.delivery.formats import bucket_for, permitted
from imagemill.delivery.layers import version_of_layers
from imagemill.delivery.settings import DeliverySettings
from imagemill.delivery.validators import modified_in
from imagemill.delivery.values import Plan, VerifiedRequest
from imagemill.engine.limits import Limits
from imagemill.engine.planning import chosen_format, job_for, outline
from imagemill.engine.settings import EngineSettings
from imagemill.originals.values import Original
from imagemill.recipe.canonical import leaf_of
from imagemill.recipe.negotiation import Hints, settle, webp_named
from imagemill.recipe.vocabulary import Format
from imagemill.variants.port import VariantName

SECURITY = (
    # The policy of an image opened as a page of its own: nothing runs, nothing loads (threats D11, D12).
    (b"content-security-policy", b"default-src 'none'; style-src 'unsafe-inline'; sandbox"),
    (b"x-content-type-options", b"nosniff"),
    (b"access-control-allow-origin", b"*"),
    (b"cross-origin-resource-policy", b"cross-origin"),
    (b"timing-allow-origin", b"*"),
)


def plan(
    verified: VerifiedRequest,
    original: Original,
    hints: Hints,
    settings: DeliverySettings,
    access: Access,
    engine: EngineSettings,
    limits: Limits,
    layers: tuple[Original, ...] = (),
    tagging: Tagging = PLAIN,
    modified_from: int = 0,
) -> Plan:
    """Return the plan for `original`; raise InvalidRequest or Unprocessable where it cannot be met at a fair cost.

    `layers` are the originals of the recipe's image layers; `modified_from` is `Originals.modified_from`.
    """
    image = verified.image
    settled = settle(
        image.asked.recipe, hints, side=limits.side_result, pixels=limits.pixels_result, ladder=access.ladder
    )
    recipe = settled.recipe
    negotiated = recipe.output.format is Format.AUTO
    accept = hints.accept if negotiated and settings.negotiation != "off" else None
    bucket = bucket_for(accept, access.formats)
    shape = outline(original.facts, recipe, limits=limits, engine=engine, focal=original.description.focal)
    chosen = chosen_format(shape, bucket, webp_named=webp_named(accept) and access.writes(Format.WEBP))
    output = permitted(
        chosen, access.formats, alpha=shape.alpha, animated=shape.animated, lossless=recipe.output.lossless
    )
    vary = settled.vary if settings.negotiation == "vary" else tuple(n for n in settled.vary if n != "Accept")
    return Plan(
        original=original,
        job=job_for(shape, output, engine, [layer.facts for layer in layers]),
        name=VariantName(
            original.site,
            original.key,
            original.version,
            leaf_of(recipe, output, bucket if negotiated else None, version_of_layers(layers)),
        ),
        format=output,
        vary=vary,
        headers=_headers(verified, original, layers, output, vary, settings, tagging),
        layers=layers,
        modified=modified_in(modified_from, output),
        dated=image.asked.preset is None and not layers and settled.vary in ((), ("Accept",)),
    )


def _headers(
    verified: VerifiedRequest,
    original: Original,
    layers: tuple[Original, ...],
    output: Format,
    vary: tuple[str, ...],
    settings: DeliverySettings,
    tagging: Tagging,
) -> tuple[tuple[bytes, bytes], ...]:
    image = verified.image
    # What a preset means, or what a layer shows, can change while the original stays: never immutable then.
    others = image.asked.preset is not None or bool(layers)
    named = None if others and image.v == original.version else image.v
    headers = [
        (b"content-type", output.media_type.encode()),
        (b"content-disposition", disposition(original.key, output.extension, image.asked.download)),
        (b"cache-control", cache_control(settings, asked_version=named, version=original.version)),
        tagging.header(original, layers),
        (b"accept-ranges", b"bytes"),
        *SECURITY,
    ]
    if vary:
        headers.append((b"vary", ", ".join(vary).encode()))
    return tuple(headers)
