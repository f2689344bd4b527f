"""Settings become a running platform. The only part that chooses adapters; everything else knows only ports."""

from __future__ import annotations

from imagemill.assembly.platform import SITE, Platform, build

__all__ = ["SITE", "Platform", "build"]
