"""The variant store in a bucket, which several processes and nodes share. See `remote_names` for where things lie.

A variant can always be made again, so no answer depends on this store: while it is away a fetch is a miss and a keep is
dropped; only who maintains it (publish, withdraw, purge, records) is told. Bytes are checked against the digest they
were kept with; what is damaged is a miss and is removed.

Versions in names make old variants unreachable, not gone. `publish` removes what it finds of other versions; a keep
that was overtaken removes its own object again; what another node left is found by the second look after a change
(`originals.settling`).
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import sys
from collections.abc import Coroutine, Mapping, Sequence
from typing import Any

from imagemill.errors import ImagemillError
from imagemill.object_store.key_locks import KeyLocks
from imagemill.object_store.s3.failures import Denied, Full, Missing, Odd
from imagemill.object_store.s3.listing import ListedObject
from imagemill.object_store.s3.words import told
from imagemill.variants.bucket import Bucket, objects, read, remove_all
from imagemill.variants.homes import Home, Homes
from imagemill.variants.ledger import Ledger
from imagemill.variants.paths import HOME, KEY_TEXT, ODD, check_purge, check_site, check_version
from imagemill.variants.port import NO_HEADERS, FileHeaders, Kept, Reads, VariantInfo, VariantName
from imagemill.variants.remote_names import CACHE_TAG, DIGEST, MODIFIED, TRIMMED, RemoteNames, parts_of, type_of
from imagemill.variants.remote_records import RemoteRecords
from imagemill.variants.remote_room import RemoteRoom
from imagemill.variants.writings import Writing, Writings

PURGED_AT_ONCE = 8
"""Originals purged side by side, each with a listing of its own."""
AWAY = (ImagemillError, Missing, Denied, Full, Odd)
"""What a bucket may raise when it does not do what it is asked."""

log = logging.getLogger(__name__)


class RemoteVariants:
    """Kept variants as objects of a bucket. See `port.VariantStore`. Belongs to one event loop."""

    def __init__(
        self,
        bucket: Bucket,
        *,
        max_bytes: int | None,
        max_per_original: int,
        room: int = 0,
        reads: Reads = dict,
        homes: Homes | None = None,
    ) -> None:
        """Nothing is asked yet. `room` are the bytes of the bucket's prefix; `reads` is asked before each trim.

        Without `max_bytes` nothing is counted and nothing trimmed: a lifecycle rule of the bucket does that, by the tag
        that variants are then written with; who lives for one request has no time to list a bucket.
        """
        self._bucket = bucket
        self._share = max_per_original
        self._names = RemoteNames(room)
        self._records = RemoteRecords(bucket, self._names)
        self._counts = max_bytes is not None
        self._ledger = Ledger(sys.maxsize if max_bytes is None else max_bytes)
        self._room = RemoteRoom(bucket, self._names, self._ledger, reads)
        self._homes = homes or Homes()
        self._locks = KeyLocks()
        self._writings = Writings()
        self._tasks: set[asyncio.Task[None]] = set()
        self._counting: asyncio.Task[None] | None = None
        self._complained: str = ""

    # --- versions ----------------------------------------------------------------------------------------------------

    async def publish(self, site: str, key: str, version: str, *, followed: bool = True) -> None:
        """Make `version` the one that is kept; other versions go at once, at a first sight of `key` soon after.

        There is nothing to be followed in a bucket, so `followed` says nothing here.
        """
        check_version(version)
        owner = (check_site(site), key)
        self._count()
        home = self._homes.get(owner)
        if home is None:
            self._start(self._tidy_first(self._homes.add(owner, version)))
            return
        was, known = home.version, home.leaves
        if was != version:
            self._writings.overtake(site, key)
            known = self._homes.change(home, version)
        with told("publish a version"):
            await self._tidy(home, was, known)

    async def withdraw(self, site: str, key: str) -> None:
        """Remove everything made of `key`."""
        prefix = self._names.home(site, key)
        home = self._homes.remove((site, key))
        self._writings.overtake(site, key)
        self._records.forget(site, key)
        with told("withdraw an original"):
            async with self._locks.hold(prefix):
                found = [one async for one in objects(self._bucket, prefix)]
                await remove_all(self._bucket, [one.key for one in found])
        self._release(site, key, found, home.version if home else "", home.leaves if home else None)

    async def _tidy_first(self, home: Home) -> None:
        if home.leaves is None and self._homes.get(home.owner) is home:
            await self._tidy(home)

    async def _tidy(self, home: Home, was: str = "", known: dict[str, int] | None = None) -> None:
        """Learn what is kept of a home's version and remove what is kept of others.

        `known` is what was known to be kept of the version that it `was` before.
        """
        site, key = home.owner
        prefix = self._names.home(site, key)
        async with self._locks.hold(prefix):
            version = home.version
            home.meanwhile.clear()
            mine: dict[str, int] = {}
            others: list[ListedObject] = []
            async for one in objects(self._bucket, prefix):
                parts = parts_of(one.key)
                if parts is not None and parts[1] == version:
                    mine[parts[2]] = one.size
                elif parts is not None:
                    others.append(one)
            await remove_all(self._bucket, [one.key for one in others])
            self._release(site, key, others, was, known)
            for leaf in self._writings.leaves(site, key, version, placing=True) & mine.keys():
                # It counts when its keep has ended; until then what it replaces does, if there is such a one.
                before = (home.leaves or {}).get(leaf)
                if before is None:
                    del mine[leaf]
                else:
                    mine[leaf] = before
            if home.version == version:
                self._homes.know(home, mine)

    # --- variants ----------------------------------------------------------------------------------------------------

    async def fetch(self, name: VariantName) -> Kept | None:
        """Return the variant's bytes; None as well where they are damaged, or the store is away: it can be made."""
        path = self._names.variant(name)
        try:
            found = await read(self._bucket, path)
        except AWAY as error:
            self._complain("Variants cannot be fetched", error)
            return None
        if found is None:
            return None
        about, data = found
        digest = hashlib.sha256(data).hexdigest()
        if digest != about.metadata.get(DIGEST):
            log.warning("A kept variant is damaged and will be made again: %s", name)
            await self._quietly(self._remove_damaged(name, path))  # now, or it would meet the new one
            return None
        self._room.use(path)
        return Kept(data, digest, _modified(about.metadata.get(MODIFIED, ""), about.modified))

    async def link(self, name: VariantName, *, expires_in: int, answer: Mapping[str, str]) -> str:
        """Return a URL at which the bucket itself gives a kept variant for `expires_in` seconds, whoever asks.

        `answer` are headers that it says in place of those that the file was kept with.
        """
        link = await self._bucket.get_link(self._names.variant(name), expires_in=expires_in, answer=answer)
        return link.url

    async def _remove_damaged(self, name: VariantName, path: str) -> None:
        await self._bucket.remove(path)
        home = self._homes.get((name.site, name.key))
        if home is not None and home.version == name.version:
            self._ledger.release(self._homes.drop(home, name.leaf))

    async def keep(
        self, name: VariantName, data: bytes, *, modified: float | None = None, headers: FileHeaders = NO_HEADERS
    ) -> bool:
        """Keep a variant; False as well where the store is away."""
        path = self._names.variant(name)
        home = self._homes.get((name.site, name.key))
        if home is None or home.version != name.version or not await self._room.reserve(len(data)):
            return False
        kept = False
        try:
            with self._writings.begin(name) as writing:
                if await self._has_share(home, name):
                    await self._place(writing, path, data, modified, headers)
                    kept = self._count_in(home, writing, len(data))
                    if not kept:
                        await self._undo(name, path)
        except AWAY as error:
            self._complain("Variants cannot be kept", error)
        finally:
            self._ledger.settle(len(data), kept=kept)
        return kept

    async def _has_share(self, home: Home, name: VariantName) -> bool:
        """Whether one more variant of this original may be kept; lists them where nobody knows them."""
        if home.leaves is None:
            await self._tidy(home)
        leaves = home.leaves or {}
        coming = self._writings.leaves(name.site, name.key, name.version)
        return name.leaf in leaves or len(leaves.keys() | coming) <= self._share

    async def _place(
        self, writing: Writing, path: str, data: bytes, modified: float | None, headers: FileHeaders
    ) -> None:
        await self._records.mark(writing.name.site, writing.name.key)
        writing.placing = True
        metadata = {DIGEST: hashlib.sha256(data).hexdigest()}
        if modified is not None:
            metadata[MODIFIED] = repr(modified)
        if headers.cache_tag:
            metadata[CACHE_TAG] = headers.cache_tag
        await self._bucket.place(
            path,
            data,
            content_type=type_of(path),
            metadata=metadata,
            cache_control=headers.cache_control,
            content_disposition=headers.content_disposition,
            tags=None if self._counts else TRIMMED,
        )
        self._room.use(path)

    def _count_in(self, home: Home, writing: Writing, size: int) -> bool:
        """Count what is in place now; False where it came too late."""
        name = writing.name
        if writing.late or self._homes.get((name.site, name.key)) is not home or home.version != name.version:
            return False
        self._ledger.release(self._homes.keep(home, name.leaf, size))
        return True

    async def _undo(self, name: VariantName, path: str) -> None:
        """Remove a variant that came too late, unless another keep of the same name was in time."""
        async with self._locks.hold(self._names.home(name.site, name.key)):
            home = self._homes.get((name.site, name.key))
            if home is None or home.version != name.version or name.leaf not in (home.leaves or {}):
                await self._bucket.remove(path)

    async def list(self, site: str, key: str) -> tuple[VariantInfo, ...]:
        """Return what is kept of the current version."""
        prefix = self._names.home(site, key)
        home = self._homes.get((site, key))
        if home is None:
            return ()
        found = []
        with told("list variants", to_read=True):
            async for one in objects(self._bucket, f"{prefix}{home.version}/"):
                parts = parts_of(one.key)
                if parts is not None:
                    found.append(VariantInfo(VariantName(site, key, parts[1], parts[2]), one.size, one.modified))
        return tuple(found)

    async def purge(
        self, site: str, *, key: str | None = None, prefix: str | None = None, leaf: str | None = None
    ) -> int:
        """Remove variants of one key, or of all with a prefix; with `leaf` only those of that name."""
        check_purge(key, prefix, leaf)
        check_site(site)
        with told("purge variants"):
            keys = [key] if key is not None else await self._keys(site, prefix or "")
            removed = 0
            for start in range(0, len(keys), PURGED_AT_ONCE):
                some = keys[start : start + PURGED_AT_ONCE]
                removed += sum(await asyncio.gather(*(self._purge(site, one, leaf) for one in some)))
        return removed

    async def _purge(self, site: str, key: str, leaf: str | None) -> int:
        prefix = self._names.home(site, key)
        self._writings.overtake(site, key, leaf)
        async with self._locks.hold(prefix):
            found = []
            async for one in objects(self._bucket, prefix):
                parts = parts_of(one.key)
                if parts is not None and leaf in (None, parts[2]):
                    found.append(one)
            await remove_all(self._bucket, [one.key for one in found])
            home = self._homes.get((site, key))
            self._release(site, key, found, home.version if home else "", home.leaves if home else None)
            for one in found:
                parts = parts_of(one.key)
                if home is not None and parts is not None and parts[1] == home.version:
                    self._homes.drop(home, parts[2])
        return len(found)

    async def _keys(self, site: str, prefix: str) -> Sequence[str]:
        """Return every key that begins with `prefix` and has variants, and those that are being written."""
        keys = self._writings.keys(site, prefix)
        end = f"/{HOME}/"
        async for one in objects(self._bucket, f"{site}/{prefix}"):
            parts = parts_of(one.key)
            if parts is not None and (key := parts[0][len(site) + 1 : -len(end)]).startswith(prefix):
                keys.add(key)
        async for one in objects(self._bucket, f"{ODD}/"):
            if one.key.endswith(f"{end}{KEY_TEXT}") and (found := await read(self._bucket, one.key)) is not None:
                owner, _, key = found[1].decode("utf-8", "replace").partition("\n")
                if owner == site and key.startswith(prefix):
                    keys.add(key)
        return sorted(keys)

    # --- records -----------------------------------------------------------------------------------------------------

    async def read_record(self, site: str, key: str) -> bytes | None:
        """Return the original's record."""
        return await self._records.read(site, key)

    async def write_record(self, site: str, key: str, record: bytes) -> str:
        """Replace the original's record."""
        return await self._records.write(site, key, record)

    async def record_stamp(self, site: str, key: str) -> str | None:
        """Return the store's own tag of the record."""
        return await self._records.stamp(site, key)

    # --- room --------------------------------------------------------------------------------------------------------

    def usage(self) -> int:
        """Return the bytes kept; until the listing of the start has ended, of this process alone."""
        return self._ledger.total

    async def trim(self) -> int:
        """Count everything anew and remove what was not read for longest if there is too much."""
        return await self._room.trim() if self._counts else 0

    async def settled(self) -> None:
        """Wait until what was begun behind an answer has ended."""
        while self._tasks:
            await asyncio.wait(self._tasks)  # not `gather`: of ended tasks Python 3.12 gives no turn to their callbacks

    async def close(self) -> None:
        """Finish what was begun; give up counting."""
        await self.settled()
        if self._counting is not None:
            self._counting.cancel()
            await asyncio.gather(self._counting, return_exceptions=True)
        await self._room.close()
        await self._bucket.close()

    # --- within ------------------------------------------------------------------------------------------------------

    def _release(
        self, site: str, key: str, gone: Sequence[ListedObject], version: str, known: dict[str, int] | None
    ) -> None:
        """Give back the room of removed objects: once for each, and not for those that are not counted yet."""
        for one in gone:
            parts = parts_of(one.key)
            if parts is None:
                continue
            if known is not None and parts[1] == version:
                self._ledger.release(known.get(parts[2], 0))
            elif parts[2] not in self._writings.leaves(site, key, parts[1], placing=True):
                self._ledger.release(one.size)

    def _count(self) -> None:
        if self._counts and self._counting is None:
            self._counting = asyncio.create_task(self._room.run())

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(self._quietly(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _quietly(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except AWAY as error:
            self._complain("Kept variants could not be tidied", error)

    def _complain(self, what: str, error: Exception) -> None:
        """Say it once, not for each variant; again when it is another thing."""
        text = f"{what}: {error}"
        if text != self._complained:
            self._complained = text
            log.warning("%s", text)


def _modified(text: str, otherwise: float) -> float:
    """Return what the metadata say of when a variant was made, in seconds since 1970."""
    try:
        return float(text)
    except ValueError:
        return otherwise
