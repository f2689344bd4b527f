"""Leases between nodes that share nothing but an object store: a small object, written only where none is.

    take      PUT with If-None-Match: * (one of many succeeds); a lease that ran out is replaced with If-Match
    renew     PUT with If-Match of our last one
    release   DELETE with If-Match

When a lease has run out is judged without comparing clocks: whoever waits watches the object's entity tag, and one that
has not changed for its own `seconds`, on the watcher's own monotonic clock, is dead. So a holder must renew well within
that time. A lease that ended `OLD_SECONDS` ago by the store's own clock, more than sane clocks differ, is not watched
first.

If the store is away, everyone may make: the make needs the store itself and will hear of it there.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from imagemill.coordination.leases import FREE, Lease, digest_of
from imagemill.errors import ImagemillError, PreconditionFailed
from imagemill.object_store.port import Condition, ObjectInfo, ObjectStore
from imagemill.object_store.writing import write_json

OLD_SECONDS = 60.0
MAX_WATCHED = 10_000
"""Leases of others that are remembered; one that is forgotten is watched from the start again."""
LONGEST = 600.0
"""A lease that says it lasts longer is a mistake, and is believed for this long."""


@dataclass(frozen=True, slots=True)
class _Watched:
    """A lease of somebody else as first seen: its entity tag, and until when (our clock) it is believed."""

    etag: str
    until: float


class StoreLease:
    """One object of ours; see `leases.Lease`."""

    def __init__(self, leases: StoreLeases, key: str, etag: str, seconds: float) -> None:
        self.seconds = seconds
        self._leases = leases
        self._key = key
        self._etag = etag

    async def renew(self) -> bool:
        """Write it again; False where somebody took it over."""
        try:
            self._etag = await self._leases.write(self._key, self.seconds, Condition(if_match=(self._etag,)))
        except PreconditionFailed:
            return False
        except (ImagemillError, OSError):
            return True  # away: held as far as anyone can tell
        return True

    async def release(self) -> None:
        """Remove it, unless it is somebody else's by now."""
        with contextlib.suppress(ImagemillError, OSError):
            await self._leases.remove(self._key, self._etag)


class StoreLeases:
    """Leases below `prefix` in a store. See `leases.Leases`; all calls belong to one event loop."""

    pause = 0.5

    def __init__(
        self, store: ObjectStore, *, prefix: str = "leases/", clock: Callable[[], float] = time.monotonic
    ) -> None:
        """`store` belongs to the caller; `clock` is monotonic, in seconds."""
        self._store = store
        self._prefix = prefix
        self._clock = clock
        self._owner = secrets.token_hex(8)
        self._watched: OrderedDict[str, _Watched] = OrderedDict()

    async def take(self, name: str, seconds: float) -> Lease | None:
        """Return the lease, None while somebody has it; one for everyone while the store is away."""
        key = self._prefix + digest_of(name)
        try:
            return await self._take(key, seconds)
        except PreconditionFailed:
            return None  # somebody was faster, or has renewed it
        except (ImagemillError, OSError):
            return FREE

    async def close(self) -> None:
        """Leases not given back run out."""

    async def write(self, key: str, seconds: float, condition: Condition) -> str:
        """Write a lease of ours and return its entity tag. Raises PreconditionFailed and what the store raises."""
        # What is written is new each time, or a renewal would leave the entity tag, and thus the lease, as it was.
        text = json.dumps({"owner": self._owner, "nonce": secrets.token_hex(8), "seconds": seconds})
        info = await write_json(self._store, key, text.encode(), condition=condition)
        return info.etag

    async def remove(self, key: str, etag: str) -> None:
        """Remove the lease of this entity tag. Raises what the store raises."""
        await self._store.delete(key, condition=Condition(if_match=(etag,)))

    async def _take(self, key: str, seconds: float) -> Lease | None:
        there = await self._store.head(key)
        condition = Condition(if_none_match=True)
        if there is not None:
            if not await self._has_ended(key, there):
                return None
            condition = Condition(if_match=(there.etag,))
        etag = await self.write(key, seconds, condition)
        self._watched.pop(key, None)
        return StoreLease(self, key, etag, seconds)

    async def _has_ended(self, key: str, there: ObjectInfo) -> bool:
        """Whether the lease that is there has not been renewed for as long as it lasts."""
        now = self._clock()
        watched = self._watched.get(key)
        if watched is not None and watched.etag == there.etag:
            return now >= watched.until
        lasts = await self._length(key)
        if time.time() - there.modified > lasts + OLD_SECONDS:
            return True
        self._watched[key] = _Watched(there.etag, now + lasts)
        self._watched.move_to_end(key)
        while len(self._watched) > MAX_WATCHED:
            self._watched.popitem(last=False)
        return False

    async def _length(self, key: str) -> float:
        """Return how long the lease says it lasts; what cannot be read is no lease."""
        opened = await self._store.open(key)
        if opened is None:
            return 0.0
        try:
            said = float(json.loads(os.pread(opened.fileno(), 4096, 0))["seconds"])
        except (ValueError, KeyError, TypeError):
            return 0.0
        finally:
            opened.close()
        return min(max(said, 0.0), LONGEST)
