"""One store out of several: the main one, and further sources that can only be read, each under a prefix of its own.

Separate from the adapters, which know nothing of each other: whoever is asked is decided here by the key alone, so a
source's objects hide whatever the main store has under its prefix, and nothing is ever written into a source. A listing
is one, in byte order, of the main store and of those sources that can be listed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from imagemill.errors import InvalidRequest, Refused
from imagemill.object_store.joined_listing import LAST, Asked, whole_lines, window_of
from imagemill.object_store.naming import RESERVED
from imagemill.object_store.port import (
    ALWAYS,
    Condition,
    Doubting,
    Linking,
    ObjectInfo,
    ObjectStore,
    OpenObject,
    Page,
    Upload,
)

MAX_PAGE = 1000
Lines = list[tuple[str, ObjectInfo | None]]
"""Lines of a listing under their whole names; None marks a common prefix."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mount:
    """A source: `name` for people, `prefix` of its keys (ends with "/"; empty where it has only whole addresses).

    `takes` says of a key that is no name but an address whether it is this source's; `listed` whether it can be listed.
    """

    name: str
    prefix: str
    store: ObjectStore
    listed: bool = True
    takes: Callable[[str], bool] | None = None


class JoinedObject:
    """An object of a source under the key by which it was asked for."""

    def __init__(self, inner: OpenObject, key: str) -> None:
        self._inner = inner
        self._info = replace(inner.info, key=key)

    @property
    def info(self) -> ObjectInfo:
        """What it is."""
        return self._info

    def fileno(self) -> int:
        """Return the descriptor of the source's object."""
        return self._inner.fileno()

    def close(self) -> None:
        """Release it; safe to call twice."""
        self._inner.close()


class JoinedUpload:
    """An upload into the main store that cannot be committed under a source's prefix."""

    def __init__(self, inner: Upload, check: Callable[[str], None]) -> None:
        self._inner = inner
        self._check = check

    @property
    def size(self) -> int:
        """Bytes written so far."""
        return self._inner.size

    @property
    def sha256(self) -> str:
        """SHA-256 in hex of the bytes so far."""
        return self._inner.sha256

    async def write(self, chunk: bytes) -> None:
        """Append."""
        await self._inner.write(chunk)

    def fileno(self) -> int:
        """Return a readable descriptor of what was written so far."""
        return self._inner.fileno()

    async def commit(
        self,
        key: str,
        *,
        content_type: str,
        condition: Condition = ALWAYS,
        metadata: Mapping[str, str] | None = None,
    ) -> ObjectInfo:
        """Make it the object of `key`; raise Refused (`read_only`) where a source answers for it."""
        try:
            self._check(key)
        except Refused:
            await self._inner.abort()
            raise
        return await self._inner.commit(key, content_type=content_type, condition=condition, metadata=metadata)

    async def abort(self) -> None:
        """Forget it."""
        await self._inner.abort()


@dataclass(frozen=True, slots=True)
class _Part:
    """Who answers for a key, and by which name."""

    store: ObjectStore
    key: str
    source: Mount | None


class JoinedStore:
    """See the module, and `port.ObjectStore`."""

    def __init__(self, main: ObjectStore, mounts: Sequence[Mount]) -> None:
        """Among nested prefixes the longest decides."""
        self._main = main
        self._mounts = sorted(mounts, key=lambda mount: -len(mount.prefix))
        self._addressed = [mount for mount in mounts if mount.takes is not None]

    @property
    def writable(self) -> bool:
        """Whether the main store can be written."""
        return self._main.writable

    @property
    def sources(self) -> Sequence[Mount]:
        """Every source there is."""
        return self._mounts

    def source_of(self, key: str) -> Mount | None:
        """Return the source that answers for `key`, None for the main store."""
        for mount in self._addressed:
            if mount.takes is not None and mount.takes(key):
                return mount
        for mount in self._mounts:
            if mount.prefix and key.startswith(mount.prefix):
                return mount
        return None

    def check_writable(self, key: str) -> None:
        """Raise Refused (`read_only`) where a source answers for `key`."""
        mount = self.source_of(key)
        if mount is not None:
            raise Refused(f"What the source “{mount.name}” has can only be read.", code="read_only")

    async def begin(self) -> Upload:
        """Start a write into the main store."""
        return JoinedUpload(await self._main.begin(), self.check_writable)

    async def head(self, key: str) -> ObjectInfo | None:
        """Return what the object is."""
        part = self._part(key)
        info = None if part is None else await part.store.head(part.key)
        return None if info is None else replace(info, key=key)

    async def link(self, key: str, *, expires_in: int, answer: Mapping[str, str]) -> str | None:
        """Return a link into the store that has the object; see `port.Linking`."""
        part = self._part(key)
        if part is None or not isinstance(part.store, Linking):
            return None
        return await part.store.link(part.key, expires_in=expires_in, answer=answer)

    async def stamp(self, key: str) -> str | None:
        """Return the cheap change mark."""
        part = self._part(key)
        return None if part is None else await part.store.stamp(part.key)

    async def open(self, key: str, *, known: ObjectInfo | None = None) -> OpenObject | None:
        """Open the object for reading."""
        part = self._part(key)
        if part is None:
            return None
        if part.source is None:
            return await self._main.open(key, known=known)
        inner = await part.store.open(part.key, known=None if known is None else replace(known, key=part.key))
        return None if inner is None else JoinedObject(inner, key)

    async def delete(self, key: str, *, condition: Condition = ALWAYS) -> bool:
        """Remove an object of the main store; raise Refused (`read_only`) where a source answers for `key`."""
        self.check_writable(key)
        return await self._main.delete(key, condition=condition)

    def doubt(self, key: str) -> None:
        """Pass a doubt on to the store that answers for `key`."""
        part = self._part(key)
        if part is not None and isinstance(part.store, Doubting):
            part.store.doubt(part.key)

    async def list(self, prefix: str = "", *, delimiter: str = "", after: str = "", limit: int = MAX_PAGE) -> Page:
        """List main store and sources as one, in byte order of the key."""
        if not 1 <= limit <= MAX_PAGE:
            raise InvalidRequest(f"A page holds 1 to {MAX_PAGE} keys; {limit} were asked for.", code="bad_limit")
        asked = Asked(prefix, delimiter, after, limit)
        stores: list[tuple[Mount | None, ObjectStore]] = [(None, self._main)]
        stores += [(mount, mount.store) for mount in self._mounts if mount.listed and mount.prefix]
        parts = [self._lines(mount, store, asked) for mount, store in stores]
        found: dict[str, ObjectInfo | None] = {}
        for lines in await asyncio.gather(*parts):
            for name, info in lines:
                found.setdefault(name, info)
        names = sorted(found)
        shown = names[:limit]
        objects = tuple(info for name in shown if (info := found[name]) is not None)
        prefixes = tuple(name for name in shown if found[name] is None)
        return Page(objects, prefixes, shown[-1] if len(names) > limit else None)

    async def sweep(self, older_than: float) -> int:
        """Sweep the main store; nothing is ever written into a source."""
        return await self._main.sweep(older_than)

    async def close(self) -> None:
        """Close all of them."""
        for mount in self._mounts:
            await mount.store.close()
        await self._main.close()

    async def _lines(self, mount: Mount | None, store: ObjectStore, asked: Asked) -> Lines:
        """Return the first `limit` + 1 lines that one store adds to a listing, under their whole names."""
        window = window_of(asked, "" if mount is None else mount.prefix)
        if window is None:
            return []
        if window.collapsed:
            page = await store.list(limit=1)
            return [(window.collapsed, None)] if page.objects else []
        found: Lines = []
        after: str | None = window.after
        while after is not None and len(found) <= asked.limit:
            page = await store.list(window.prefix, delimiter=window.delimiter, after=after, limit=asked.limit)
            after = page.next_after
            for name, info in whole_lines(page, window, asked):
                owner = self.source_of(name)
                if owner is mount and (not found or found[-1][0] != name):
                    found.append((name, None if info is None else replace(info, key=name)))
                elif after is not None and owner is not None and _hides(owner, name, window.mounted):
                    after = max(after, owner.prefix[len(window.mounted) :] + LAST)  # none of these is shown
        return found

    def _part(self, key: str) -> _Part | None:
        """Return who answers for `key`; None where a source would have to show what no key may name."""
        mount = self.source_of(key)
        if mount is None:
            return _Part(self._main, key, None)
        if mount.takes is not None and mount.takes(key):
            return _Part(mount.store, key, mount)
        inner = key[len(mount.prefix) :]
        # Checked for the whole key at the edge; what is ours lies first in a folder, wherever that is attached.
        if not inner or inner.split("/", 1)[0] in RESERVED:
            return None
        return _Part(mount.store, inner, mount)


def _hides(owner: Mount, name: str, mounted: str) -> bool:
    """Say whether `owner` answers for all that follows `name` under its prefix, and not for this one address."""
    return len(owner.prefix) > len(mounted) and name.startswith(owner.prefix)
