"""Settings become a running platform. The only part that chooses adapters; everything else knows only ports.

Nothing is imported until it is used: a function in the cloud takes `assembly.functions`, without what a server needs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from imagemill.assembly.platform import SITE, Platform, build

__all__ = ["SITE", "Platform", "build"]


def __getattr__(name: str) -> object:
    """Import the platform of a server when a name of it is first used (PEP 562)."""
    if name in __all__:
        from imagemill.assembly import platform

        return getattr(platform, name)
    raise AttributeError(f"module 'imagemill.assembly' has no attribute {name!r}")
