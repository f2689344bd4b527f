"""Settings of originals: where they are and how often we look again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated


@dataclass(frozen=True, slots=True, kw_only=True)
class OriginalsSettings:
    """The `[originals]` section."""

    url: Annotated[
        str, "Where originals are: file:///path, s3://bucket/prefix, memory://. Empty: the data folder itself."
    ] = ""
    recheck: Annotated[float, "Seconds after which an original changed behind our back is noticed."] = 60.0
    sweep: Annotated[float, "Seconds after which the leftovers of an interrupted upload are removed."] = 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class FreshnessSettings:
    """The `[freshness]` section: several processes or nodes on one store."""

    check: Annotated[
        float, "Seconds an original is believed where others may change it; nothing is answered for twice as long."
    ] = 1.0
