"""Settings of the caches: what is kept in memory, and on a local disk in front of a remote store."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheSettings:
    """The `[cache]` section."""

    memory_bytes: Annotated[int, "Bytes of variants kept in memory, in front of the store."] = 64 * 1024 * 1024
    disk_bytes: Annotated[
        int, "Bytes of variants kept on a local disk, where variants.url is a remote store. 0: none."
    ] = 10_000_000_000
    disk_dir: Annotated[
        str, "The folder of that disk cache; processes of one node may share it. Empty: in the data folder."
    ] = ""
