"""Settings of kept variants."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated


@dataclass(frozen=True, slots=True, kw_only=True)
class VariantsSettings:
    """The `[variants]` section."""

    url: Annotated[
        str,
        "Where variants are kept: file:///path, s3://bucket/prefix, memory://. Empty: apart, in the originals' place.",
    ] = ""
    max_bytes: Annotated[int, "Bytes of kept variants in all; beyond it those unread for longest go."] = 20_000_000_000
    max_per_original: Annotated[int, "Variants kept of one original; further ones are answered but not kept."] = 1000
