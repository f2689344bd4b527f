"""A store whose replica is read while it is away (row E9): replication itself is the store's own business (row O6).

Separate from the adapters: any two stores will do. Only reads go to the replica, and only when the main store cannot be
asked. What the replica does not have is unknown rather than gone, because it may lag behind; so it never turns an
outage into 404s, and what was deleted through us stays deleted even where its copy still lies there. Stamps are never
taken from it: an original that is known is served as it is known, which is fresher than any replica.
"""

from __future__ import annotations

import logging
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping

from imagemill.errors import Overloaded
from imagemill.object_store.port import ALWAYS, Condition, Linking, ObjectInfo, ObjectStore, OpenObject, Page, Upload

MAX_GONE = 10_000
GONE_SECONDS = 24 * 3600.0
"""For so long a deletion is remembered; a replica that lags behind for longer needs its operator."""

log = logging.getLogger(__name__)


class ReplicatedStore:
    """`main` with `replica` behind it. See `port.ObjectStore`."""

    def __init__(self, main: ObjectStore, replica: ObjectStore, *, clock: Callable[[], float] = time.monotonic) -> None:
        """`clock` is in seconds."""
        self._main = main
        self._replica = replica
        self._clock = clock
        self._gone: OrderedDict[str, float] = OrderedDict()
        self._away = False
        self.replica_reads = 0

    @property
    def writable(self) -> bool:
        """Whether the main store can be written."""
        return self._main.writable

    async def begin(self) -> Upload:
        """Start a write to the main store: a replica is never written."""
        return await self._main.begin()

    async def head(self, key: str) -> ObjectInfo | None:
        """Return what the object is; raises Overloaded where neither store can say."""
        try:
            info = await self._main.head(key)
        except Overloaded as error:
            self._note(error)
            found = None if self._deleted(key) else await self._replica.head(key)
            if found is None:
                raise
            self.replica_reads += 1
            return found
        self._back()
        return info

    async def stamp(self, key: str) -> str | None:
        """Return the main store's mark."""
        return await self._main.stamp(key)

    async def open(self, key: str, *, known: ObjectInfo | None = None) -> OpenObject | None:
        """Open the object; from the replica only if it is the one that is `known`, where something is."""
        try:
            opened = await self._main.open(key, known=known)
        except Overloaded as error:
            self._note(error)
            copy = None if self._deleted(key) else await self._replica.open(key)
            if copy is None:
                raise
            if known is not None and copy.info.etag != known.etag:
                copy.close()
                raise
            self.replica_reads += 1
            return copy
        self._back()
        return opened

    async def link(self, key: str, *, expires_in: int, answer: Mapping[str, str]) -> str | None:
        """Return a link into the main store; see `port.Linking`."""
        return (
            await self._main.link(key, expires_in=expires_in, answer=answer)
            if isinstance(self._main, Linking)
            else None
        )

    async def delete(self, key: str, *, condition: Condition = ALWAYS) -> bool:
        """Remove it from the main store, and never serve its copy again."""
        deleted = await self._main.delete(key, condition=condition)
        self._gone[key] = self._clock()
        self._gone.move_to_end(key)
        while len(self._gone) > MAX_GONE:
            self._gone.popitem(last=False)
        return deleted

    async def list(self, prefix: str = "", *, delimiter: str = "", after: str = "", limit: int = 1000) -> Page:
        """List the main store; a replica's list would miss what is new without saying so."""
        return await self._main.list(prefix, delimiter=delimiter, after=after, limit=limit)

    async def sweep(self, older_than: float) -> int:
        """Sweep the main store."""
        return await self._main.sweep(older_than)

    async def close(self) -> None:
        """Close both."""
        await self._main.close()
        await self._replica.close()

    def _deleted(self, key: str) -> bool:
        at = self._gone.get(key)
        return at is not None and at > self._clock() - GONE_SECONDS

    def _note(self, error: Overloaded) -> None:
        if not self._away:
            self._away = True
            log.warning("The store of originals is away (%s); its replica is read.", error.sentence)

    def _back(self) -> None:
        if self._away:
            self._away = False
            log.warning("The store of originals is back.")
