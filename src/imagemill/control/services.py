"""What the resources of the control API work with; assembled once, handed to each router."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from imagemill.control.addresses import Addresses
from imagemill.delivery.inspection import Inspector
from imagemill.delivery.preset_book import PresetBook
from imagemill.engine.limits import Limits
from imagemill.originals.library import Originals
from imagemill.variants.port import VariantStore

Explainer = Callable[[str, Mapping[str, str]], Awaitable[Mapping[str, Any]]]
"""Explains a URL for a request with these headers (lower-case names, credentials removed)."""


class PurgeHook(Protocol):
    """Removes variants from what stands before the store (the memory cache)."""

    def __call__(self, *, key: str | None, prefix: str | None, leaf: str | None) -> object:
        """Exactly one of `key` and `prefix` is given; `leaf` names one variant of `key`."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """`addresses` makes links; `pause` is in seconds."""

    originals: Originals
    variants: VariantStore
    limits: Limits
    addresses: Addresses
    pause: float
    explain: Explainer
    on_purge: PurgeHook
    presets: PresetBook
    inspector: Inspector
