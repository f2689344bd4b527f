"""What a platform shares with the processes beside it and with other nodes: leases, locks, one connection to Redis."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from imagemill.assembly.stores import build_originals
from imagemill.coordination.leases import Leases
from imagemill.coordination.no_leases import NoLeases
from imagemill.data_folder import DataFolder
from imagemill.delivery.turns import Turns
from imagemill.object_store.key_locks import KeyLocks, NodeKeyLocks
from imagemill.object_store.port import ObjectStore
from imagemill.observability.snapshot import Totals
from imagemill.originals.freshness import Freshness
from imagemill.settings import Settings
from imagemill.settings.values import s3_address

if TYPE_CHECKING:  # its client costs 60 ms to import, and most platforms have none
    from imagemill.coordination.fanout import Fanout
    from imagemill.coordination.redis import SharedRedis

RUN = "run"
"""The folder, in the data folder's own, of what lives no longer than the running server: leases, locks, buckets."""
GRACE_SECONDS = 2.0
"""What a make may take beyond its wait and its work: opening the original, writing the result."""


@dataclass(frozen=True, slots=True)
class Beside:
    """What a process of several is told by its supervisor.

    `cores` is how many workers all processes of the node have; `totals` returns what all of them have counted.
    """

    cores: int
    totals: Totals


def cores_of(settings: Settings) -> int:
    """Return how many workers the node has in all: at least one for each of its processes."""
    return max(settings.engine.workers or len(os.sched_getaffinity(0)), settings.server.processes)


def build_redis(settings: Settings) -> SharedRedis | None:
    """Return the connection of `limits.url`, None where nothing is shared through Redis."""
    if not settings.shared.redis:
        return None
    from imagemill.coordination.redis import SharedRedis

    return SharedRedis(settings.shared.redis)


def build_fanout(
    settings: Settings,
    redis: SharedRedis | None,
    original: Callable[[str], Awaitable[object]],
    documents: Callable[[], Awaitable[object]],
    follow: Callable[[Freshness | None], None],
) -> Fanout | None:
    """Return what tells other processes of changes at once; None without Redis: they look within two seconds."""
    if redis is None:
        return None
    from imagemill.coordination.fanout import Fanout

    told = Freshness.told(settings.freshness.told, settings.delivery.stale_if_error)

    def listening(heard: bool) -> None:
        follow(told if heard else None)

    scope = settings.originals.url or str(settings.data)
    return Fanout(redis, scope, original=original, documents=documents, listening=listening)


def build_turns(settings: Settings, data: DataFolder, documents: ObjectStore, redis: SharedRedis | None) -> Turns:
    """Return whose turn it is to make, among all who keep variants in the same place."""
    longest = settings.limits.queue_seconds + settings.engine.wall_seconds + GRACE_SECONDS
    return Turns(_leases(settings, data, documents, redis), patience=longest)


def _leases(settings: Settings, data: DataFolder, documents: ObjectStore, redis: SharedRedis | None) -> Leases:
    """Redis where there is one, for it is the fastest that all nodes reach; else files, and the bucket between nodes.

    Who keeps variants in memory, or shares their place with nobody, has nobody to wait for.
    """
    variants = settings.variants.url or settings.originals.url
    if variants.startswith("memory:"):
        return NoLeases()
    if redis is not None:
        from imagemill.coordination.redis_leases import RedisLeases

        return RedisLeases(redis, scope=variants or str(settings.data))
    several = settings.server.processes > 1
    node: Leases = NoLeases()
    if several:
        from imagemill.coordination.file_leases import FileLeases

        node = FileLeases(str(data.own / RUN / "leases"))
    if s3_address(variants) is not None:
        from imagemill.coordination.layered_leases import LayeredLeases
        from imagemill.coordination.store_leases import StoreLeases

        return LayeredLeases(node, StoreLeases(documents))
    return node


def build_locks(settings: Settings, data: DataFolder) -> KeyLocks:
    """Return what orders the changes of one original: in this process, or between those of the node."""
    return KeyLocks() if settings.server.processes == 1 else NodeKeyLocks(data.own / RUN / "keys")


async def sweep_leftovers(settings: Settings, data: DataFolder) -> None:
    """Remove the uploads that a crash left in the data folder; only while nobody serves from it yet."""
    if settings.originals.url:
        return
    store = build_originals(settings, data)
    try:
        await store.sweep(0)
    finally:
        await store.close()
