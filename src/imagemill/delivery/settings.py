"""Settings of delivery: who may ask for what, how long answers live, how formats are negotiated."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliverySettings:
    """The `[delivery]` section."""

    access: Annotated[
        Literal["open", "sizes", "presets", "signed", ""],
        "What anyone may ask for; see docs/access.md. Empty: open, which away from loopback is warned about.",
    ] = ""
    allow: Annotated[
        tuple[str, ...],
        "What may be asked without a signature all the same (auto is q=auto:N above 90, meta is meta=all).",
    ] = ()
    formats: Annotated[
        tuple[str, ...],
        "Formats that may be asked, and that automatic choice picks from. Empty: all of them.",
    ] = ()
    private: Annotated[
        tuple[str, ...], "Prefixes of keys, such as users/, whose pictures need a signature whatever access says."
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
    not_found_max_age: Annotated[int, "Seconds a 404 may be kept. 0: not at all."] = 5


LADDER = (
    *(16, 32, 48, 64, 96, 128, 256, 320, 384, 640, 750, 768, 828, 1024, 1080, 1200, 1280, 1536, 1920, 2048),
    *(2560, 3072, 3840),
)
"""The widths that Next (imageSizes, deviceSizes) and Nuxt (screens, once and twice) ask by default.

The same as `recipe.negotiation.LADDER` (a test compares them): reading the settings must not import the grammar.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class SizesSettings:
    """The `[sizes]` section: what `delivery.access = "sizes"` leaves open beside presets."""

    widths: Annotated[tuple[int, ...], "Widths of results that may be asked, after dpr; w=auto snaps to them."] = LADDER
    heights: Annotated[
        tuple[int, ...],
        "Heights that may be asked alone or beside a width. Empty: those of widths, alone or in a listed ratio.",
    ] = ()
    ratios: Annotated[
        tuple[str, ...], "Ratios that both sides may have to one another, where one of them is listed."
    ] = ("1:1", "5:4", "4:3", "3:2", "16:9", "2:1", "4:5", "3:4", "2:3", "9:16")
    qualities: Annotated[tuple[int, ...], "Values of q that may be asked."] = (50, 60, 70, 75, 80, 85, 90)
    options: Annotated[
        tuple[str, ...], "Further options open with any value; each multiplies what a stranger can have made."
    ] = ()
    else_: Annotated[
        Literal["refuse", "snap"],
        "What happens to other sizes: 403, or a redirect (308) to the next listed size.",
    ] = "refuse"
