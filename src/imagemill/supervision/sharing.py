"""What each of a node's processes gets of what the settings give to the node: workers, memory, room in the queue.

Separate from the supervisor, because it is arithmetic. What is counted in common needs no division: rates and budgets
of clients lie in a table that all processes map (`throttling.table`), bytes of variants in their store.
"""

from __future__ import annotations

from dataclasses import replace

from imagemill.assembly.nodes import cores_of
from imagemill.settings import Settings


def share_of(settings: Settings, index: int) -> Settings:
    """Return the settings of process `index` (0…) out of `server.processes`."""
    count = settings.server.processes
    if count == 1:
        return settings
    engine = settings.engine
    rare = engine.rare_workers and max(1, _part(engine.rare_workers, count, index))
    queue = settings.limits.queue and max(1, _part(settings.limits.queue, count, index))
    return replace(
        settings,
        engine=replace(engine, workers=_part(cores_of(settings), count, index), rare_workers=rare),
        limits=replace(settings.limits, queue=queue),
        cache=replace(settings.cache, memory_bytes=settings.cache.memory_bytes // count),
    )


def _part(whole: int, count: int, index: int) -> int:
    """Return part `index` of `whole` in `count` parts; the first ones get what is left over."""
    return whole // count + (index < whole % count)
