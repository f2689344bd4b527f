"""A variant that was made before: from memory, else from the local disk, else from the variant store."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from imagemill.cache.memory import MemoryCache
from imagemill.delivery.cache_status import FROM_DISK, FROM_MEMORY, FROM_STORE
from imagemill.delivery.values import Plan, Variant
from imagemill.variants.port import VariantStore

if TYPE_CHECKING:  # it reads through ctypes; a platform on a local disk has none
    from imagemill.cache.disk import DiskCache


def recall_near(plan: Plan, cache: MemoryCache, disk: DiskCache | None = None) -> Variant | None:
    """Return the variant when it is in memory, or on a disk that answers at once."""
    kept = cache.get(plan.name)
    if kept is not None:
        return Variant(kept, FROM_MEMORY)
    kept = None if disk is None else disk.near(plan.name)
    if kept is None:
        return None
    cache.put(plan.name, kept)
    return Variant(kept, FROM_DISK)


async def recall_far(
    plan: Plan,
    cache: MemoryCache,
    variants: VariantStore,
    still: Callable[[], bool] = lambda: True,
    disk: DiskCache | None = None,
) -> Variant | None:
    """Return the variant when the disk or the store has it.

    It is remembered in memory if it may `still` be, that is, if no purge came meanwhile.
    """
    status = FROM_DISK
    kept = None if disk is None else await disk.get(plan.name)
    if kept is None:
        status = FROM_STORE
        kept = await variants.fetch(plan.name)
    if kept is None:
        return None
    if still():
        cache.put(plan.name, kept)
    return Variant(kept, status, stored=status is FROM_STORE)
