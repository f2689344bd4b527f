"""Settings of the memory cache."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheSettings:
    """The `[cache]` section."""

    memory_bytes: Annotated[int, "Bytes of variants kept in memory, in front of the store."] = 64 * 1024 * 1024
