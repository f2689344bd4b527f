"""Settings of delivery: who may ask for what, how long answers live, how formats are negotiated."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliverySettings:
    """The `[delivery]` section."""

    access: Annotated[
        Literal["open", "sizes", "presets", "signed", ""],
        "Who may ask for variants. Empty: open, which away from loopback is warned about.",
    ] = ""
    allow: Annotated[
        tuple[str, ...],
        "Options open to unsigned callers all the same: lossless, tiff, text, wm, max_bytes, best, meta.",
    ] = ()
    negotiation: Annotated[
        Literal["vary", "edge-rewrite", "off"],
        "How automatic formats meet a CDN: Vary: Accept, a bucket written by the edge, or no negotiation.",
    ] = "vary"
    max_age: Annotated[int, "Seconds a browser may keep a picture whose URL has no ?v=."] = 600
    stale_while_revalidate: Annotated[int, "Seconds after max_age in which a stale picture may be shown meanwhile."] = (
        3600
    )
    stale_if_error: Annotated[int, "Seconds after max_age in which a stale picture may be shown on failure."] = 86400
    not_found_max_age: Annotated[int, "Seconds a 404 or 410 may be kept."] = 5
