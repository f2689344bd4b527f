"""The setting of what several nodes share. It stands in `[limits]`, beside the numbers it makes common to all.

A dataclass of its own, because it holds a password: `engine.limits.Limits` is shown to clients at `/v1/limits` and sent
to every worker, and neither may ever see an address of ours.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

MEMORY = "memory://"


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedSettings:
    """What `[limits]` says of where limits and leases are counted."""

    url: Annotated[
        str, "Where rates and leases are counted: memory:// (each machine for itself) or redis://…, rediss://… (all)."
    ] = MEMORY

    @property
    def redis(self) -> str:
        """The URL of Redis; empty where nothing is shared through it."""
        return "" if self.url in ("", MEMORY) else self.url
