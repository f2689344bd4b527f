"""A variant that was made before: from memory, else from the variant store."""

from __future__ import annotations

from collections.abc import Callable

from imagemill.cache.memory import MemoryCache
from imagemill.delivery.cache_status import FROM_MEMORY, FROM_STORE
from imagemill.delivery.values import Plan, Variant
from imagemill.variants.port import VariantStore


def recall_near(plan: Plan, cache: MemoryCache) -> Variant | None:
    """Return the variant when it is in memory."""
    kept = cache.get(plan.name)
    return None if kept is None else Variant(kept, FROM_MEMORY)


async def recall_far(
    plan: Plan, cache: MemoryCache, variants: VariantStore, still: Callable[[], bool] = lambda: True
) -> Variant | None:
    """Return the variant when the store has it, and remember it if it may `still` be: no purge came meanwhile."""
    kept = await variants.fetch(plan.name)
    if kept is None:
        return None
    if still():
        cache.put(plan.name, kept)
    return Variant(kept, FROM_STORE)
