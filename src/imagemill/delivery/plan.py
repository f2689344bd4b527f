"""From what was asked to what will be answered: hints settled, format chosen, variant named. Pure."""

from __future__ import annotations

import time

from imagemill.delivery.access import Access
from imagemill.delivery.cache_tags import PLAIN, Tagging
from imagemill.delivery.caching_headers import cache_control, findable, private_age, private_cache_control
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
PRIVATE = tuple((name, value) for name, value in SECURITY if value != b"*")
"""What a signed answer carries of them: no page of another origin may read it."""


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
            original.kept_under,
            leaf_of(recipe, output, bucket if negotiated else None, version_of_layers(layers)),
        ),
        format=output,
        vary=vary,
        headers=_headers(verified, original, layers, output, vary, settings, tagging),
        layers=layers,
        grant=verified.grant,
        private_age=private_age(settings, asked_version=_named(verified, original, layers), version=original.version),
        storable=original.private or access.mode == "signed" or not verified.reveals,
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
    named = _named(verified, original, layers)
    if verified.grant is None:
        lifetime = cache_control(settings, asked_version=named, version=original.version)
    else:
        age = private_age(settings, asked_version=named, version=original.version)
        lifetime = private_cache_control(age, verified.grant.until, time.time())
    tags = tagging.header(original, layers)
    headers = [
        (b"content-type", output.media_type.encode()),
        (b"content-disposition", disposition(original.key, output.extension, image.asked.download)),
        (b"cache-control", findable(lifetime, counted=tagging.counted(tags[1]))),
        tags,
        (b"accept-ranges", b"bytes"),
        *(SECURITY if verified.grant is None else PRIVATE),
    ]
    if tagging.lifetime is not None and verified.grant is None and named is None:
        headers.append(tagging.lifetime)
    if vary:
        headers.append((b"vary", ", ".join(vary).encode()))
    return tuple(headers)


def _named(verified: VerifiedRequest, original: Original, layers: tuple[Original, ...]) -> str | None:
    """Return the version that the URL names, None where the present one says nothing of how long it stays.

    What a preset means, or what a layer shows, can change while the original stays: never immutable then.
    """
    others = verified.image.asked.preset is not None or bool(layers)
    return None if others and verified.image.v == original.version else verified.image.v
