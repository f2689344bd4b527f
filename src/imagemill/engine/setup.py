"""What every job of an engine keeps to, told once: the settings of this platform as a worker is given them.

Separate from the pool and from the engine in process, so that neither home can forget a setting that the other heeds.
"""

from __future__ import annotations

from imagemill.engine import protocol
from imagemill.engine.fonts import absolute
from imagemill.engine.limits import Limits
from imagemill.engine.settings import EngineSettings


def setup_of(settings: EngineSettings, limits: Limits, *, rare: bool) -> protocol.Setup:
    """Return the first message to a worker; `rare` is for one that decodes rare formats and draws."""
    return protocol.Setup(
        limits=limits,
        cpu_seconds=settings.cpu_seconds,
        memory_bytes=settings.memory_bytes,
        quality=settings.quality,
        fonts=absolute(settings.fonts),
        rare=rare,
        drawing_cpu_seconds=settings.drawing_cpu_seconds,
        drawing_memory_bytes=settings.drawing_memory_bytes,
        linear_light=settings.linear_light,
    )
