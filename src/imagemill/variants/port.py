"""The variant store port: where made variants are kept, and which version of an original is the current one.

Separate from the object store, because a variant can always be made again: no fsync, no condition, and a write that
comes too late is dropped rather than refused. A variant's name is

    <site>/<key>/~/<version>/<canonical options>@<bucket>.<ext>      negotiated (bucket: avif, webp, jpg)
    <site>/<key>/~/<version>/<canonical options>.<ext>               format stated in the URL

so that one prefix lists and purges all of an original, and a web server that follows `~/current` (on a local store a
symbolic link to the version's folder) can answer without us. `<key>/~/` can be no key, so names never collide. Options
longer than 200 bytes are replaced by a digest.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class VariantName:
    """Which variant: of which original, at which version, `leaf` = the last part with its extension."""

    site: str
    key: str
    version: str
    leaf: str

    def __str__(self) -> str:
        return f"{self.site}/{self.key}/~/{self.version}/{self.leaf}"


def stamp_of(record: bytes | None) -> str | None:
    """Return the stamp of a record by its bytes, for stores that have no mark of their own."""
    return None if record is None else hashlib.sha256(record).hexdigest()[:32]


@dataclass(frozen=True, slots=True)
class Kept:
    """A kept variant's bytes with what a response needs; `etag` is SHA-256 of the bytes in hex."""

    data: bytes
    etag: str
    modified: float


@dataclass(frozen=True, slots=True, kw_only=True)
class FileHeaders:
    """What a server must say of a kept variant that sends it without asking us; ASCII, empty: nothing.

    Only a store whose files carry headers of their own, a bucket, has a use for it: a CDN reads it by itself. A web
    server on our own disk has a configuration that says the same (`edge_config`).
    """

    cache_control: str = ""
    content_disposition: str = ""
    cache_tag: str = ""


NO_HEADERS = FileHeaders()


@dataclass(frozen=True, slots=True)
class VariantInfo:
    """A line of a listing; `size` in bytes, `modified` in seconds since 1970."""

    name: VariantName
    size: int
    modified: float


Reads = Callable[[], Mapping[VariantName, int]]
"""Tells when variants were last answered from a memory in front of the store, in nanoseconds since 1970."""


class VariantStore(Protocol):
    """Keeps variants per original and version.

    Order that callers keep under the original's lock: `publish` before any `keep` of a version can succeed; `withdraw`
    when the original is gone. All verbs but `fetch` and `keep` are durable enough to survive a crash in the sense that
    what is left is either right or removed by the next `publish`.
    """

    async def publish(self, site: str, key: str, version: str, *, followed: bool = True) -> None:
        """Make `version` the current one of `key`: now it can be kept and followed; other versions go at once.

        Not `followed` (a private original), it can be kept and fetched, but when this returns nobody finds it who
        follows `current` without asking us. Such a version has a name of its own, which no URL leads to.
        """
        ...

    async def withdraw(self, site: str, key: str) -> None:
        """Remove every version, kept variant and record of `key`; a keep that comes later is dropped."""
        ...

    async def fetch(self, name: VariantName) -> Kept | None:
        """Return the variant's bytes, None when it is not kept."""
        ...

    async def keep(
        self, name: VariantName, data: bytes, *, modified: float | None = None, headers: FileHeaders = NO_HEADERS
    ) -> bool:
        """Keep it; False when its version is no longer published, the original has its share (`max_per_original`),
        or there is no room (none of which is an error: the answer has gone out already).

        `modified` is when it was made, in seconds since 1970 (None: now): what the answer said must stay true.
        `headers` are for whoever sends the file without us.
        """
        ...

    async def list(self, site: str, key: str) -> tuple[VariantInfo, ...]:
        """Return what is kept of `key`'s current version, in byte order of the leaf."""
        ...

    async def purge(
        self, site: str, *, key: str | None = None, prefix: str | None = None, leaf: str | None = None
    ) -> int:
        """Remove variants of one key (all, or one `leaf`) or of every key that begins with `prefix`; return how many.

        Versions stay published: the next request makes the variant again.
        """
        ...

    async def read_record(self, site: str, key: str) -> bytes | None:
        """Return the original's record (opaque bytes that `originals` writes), None when there is none."""
        ...

    async def write_record(self, site: str, key: str, record: bytes) -> str:
        """Replace the original's record durably and all at once; return the stamp of what was written."""
        ...

    async def record_stamp(self, site: str, key: str) -> str | None:
        """Return a mark of the record that differs whenever its bytes do, None when there is none.

        Cheap: every process asks it again and again, to learn what others changed of an original.
        """
        ...

    def usage(self) -> int:
        """Bytes of all kept variants, as far as known."""
        ...

    async def trim(self) -> int:
        """Bring the total under `max_bytes` by removing what was not read for longest; return how many went."""
        ...

    async def close(self) -> None:
        """Finish what is being kept."""
        ...
