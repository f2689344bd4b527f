"""What the resources of the control API work with; assembled once, handed to each router."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from imagemill.control.addresses import Addresses
from imagemill.delivery.inspection import Inspector
from imagemill.delivery.preset_book import PresetBook
from imagemill.delivery.purging import Purging
from imagemill.delivery.signed_link import Links
from imagemill.engine.limits import Limits
from imagemill.originals.library import Originals
from imagemill.originals.notifications import Place
from imagemill.throttling.gate import Attempts
from imagemill.throttling.settings import ThrottleSettings
from imagemill.uploads.intake import Intake
from imagemill.variants.port import VariantStore

Explainer = Callable[[str, Mapping[str, str]], Awaitable[Mapping[str, Any]]]
"""Explains a URL for a request with these headers (lower-case names, credentials removed)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """`addresses` makes links; `pause` is in seconds; `places` are the buckets whose events count.

    `attempts` counts wrong tokens of uploads; None: not counted. `most_body` is how many bytes of an original one
    answer of this home can have; None: any number.
    """

    originals: Originals
    variants: VariantStore
    limits: Limits
    addresses: Addresses
    pause: float
    rates: ThrottleSettings
    explain: Explainer
    purging: Purging
    presets: PresetBook
    inspector: Inspector
    uploads: Intake
    links: Links
    places: Sequence[Place] = ()
    attempts: Attempts | None = None
    most_body: int | None = None
