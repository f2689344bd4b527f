"""What can be told of an original beyond its header."""

from __future__ import annotations

import msgspec


class Findings(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that is known of an original."""

    format: str
    width: int
    height: int
