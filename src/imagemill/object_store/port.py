"""The object store port: what any adapter promises, in six verbs and one value for a write in progress.

Separate from `originals`, which gives the objects a meaning. Adapters: `local` (a readable tree of files),
`memory` (tests, and no disk at all), `s3` (a bucket), behind the same page and the same contract tests.

Keys are valid by `naming.check_key` before they come here: UTF-8, at most 1024 bytes, no empty, `.`, `..` or `~`
segment. An adapter must still keep any such key inside its root.

Errors every verb may raise: `Overloaded` (store away; `StoreTooSlow` where only the time ran out), `StorageFull`.
Nothing raises for a missing key but where said.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable


@dataclass(frozen=True, slots=True)
class ObjectInfo:
    """What a store knows of an object without reading its bytes.

    `etag` names the bytes, in 64 hex digits. For everything written through us it is their SHA-256, whatever the
    adapter. For what others put into a bucket it is an opaque word instead, as steady and as telling (another for other
    bytes), so that nobody need read the body; an S3 ETag is a different thing and stays inside its adapter. `size` is
    in bytes; `modified` in seconds since 1970; `metadata` are small ASCII strings of ours. `stamp` changes whenever the
    object may have changed behind our back (a file's inode, size and times): comparing it is cheap, equal stamps mean
    equal bytes.
    """

    key: str
    size: int
    etag: str
    modified: float
    content_type: str
    stamp: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict)
    opaque: bool = False
    """Whether `etag` is such an opaque word."""

    @property
    def sha256(self) -> str | None:
        """The SHA-256 of the bytes in hex, None where nobody has read them."""
        return None if self.opaque or not self.etag else self.etag


@dataclass(frozen=True, slots=True)
class Condition:
    """When a write or delete may happen (RFC 9110 section 13.1).

    `if_match` None means no demand, otherwise the etags of which one must be the present one ("*" = any present);
    `if_none_match` "*" demands that nothing is there yet.
    """

    if_match: tuple[str, ...] | None = None
    if_none_match: bool = False


ALWAYS = Condition()


class OpenObject(Protocol):
    """An object opened for reading; its bytes stay those of the moment of opening, whatever happens to the key."""

    @property
    def info(self) -> ObjectInfo:
        """What it is."""
        ...

    def fileno(self) -> int:
        """Return a descriptor positioned anywhere; read it with `os.pread` or hand it to a worker."""
        ...

    def close(self) -> None:
        """Release the descriptor; safe to call twice."""
        ...


class Upload(Protocol):
    """An object being written: invisible under any key until `commit`, gone after `abort`."""

    @property
    def size(self) -> int:
        """Bytes written so far."""
        ...

    @property
    def sha256(self) -> str:
        """SHA-256 in hex of the bytes so far, computed while they pass."""
        ...

    async def write(self, chunk: bytes) -> None:
        """Append; raises StorageFull when there is no room."""
        ...

    def fileno(self) -> int:
        """Return a readable descriptor of what was written so far, so that a worker can check it before `commit`."""
        ...

    async def commit(
        self,
        key: str,
        *,
        content_type: str,
        condition: Condition = ALWAYS,
        metadata: Mapping[str, str] | None = None,
    ) -> ObjectInfo:
        """Make it the object of `key`, all at once and durably, and return its info.

        Raises PreconditionFailed when `condition` does not hold; the upload is then aborted and nothing has changed.
        When any error is raised the old object (or none) is still there and no leftover is visible. One exception on a
        store that is elsewhere: Overloaded where it went away with the answer and cannot be asked; the object is the
        old one or the new one then, whole.
        """
        ...

    async def abort(self) -> None:
        """Forget it; safe after `commit` and twice."""
        ...


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a listing in byte order of the key.

    `prefixes` are the common prefixes when a delimiter was given; `next_after` is the last key or prefix seen when
    there is more, else None.
    """

    objects: tuple[ObjectInfo, ...]
    prefixes: tuple[str, ...]
    next_after: str | None


class ObjectStore(Protocol):
    """Any number of objects by key."""

    @property
    def writable(self) -> bool:
        """Whether `begin` and `delete` can work (a folder mounted read-only can still be served)."""
        ...

    async def begin(self) -> Upload:
        """Start a write. Raises Refused (code `read_only`) where the store cannot be written."""
        ...

    async def head(self, key: str) -> ObjectInfo | None:
        """Return what the object is, None when there is none."""
        ...

    async def stamp(self, key: str) -> str | None:
        """Return the cheap change mark of `ObjectInfo.stamp` without hashing; None when there is none."""
        ...

    async def open(self, key: str, *, known: ObjectInfo | None = None) -> OpenObject | None:
        """Open the object for reading, None when there is none.

        `known` is what was lately seen of it: an adapter may take the digest from there while the stamp still holds.
        """
        ...

    async def delete(self, key: str, *, condition: Condition = ALWAYS) -> bool:
        """Remove it durably; False when there was none (a no-op). Raises PreconditionFailed."""
        ...

    async def list(self, prefix: str = "", *, delimiter: str = "", after: str = "", limit: int = 1000) -> Page:
        """List at most `limit` (1…1000) keys and common prefixes greater than `after`, in byte order of the key.

        `etag` in a listing may be "" and `content_type` a general one where knowing them would mean asking for each
        object; `stamp` is right.
        """
        ...

    async def sweep(self, older_than: float) -> int:
        """Remove leftovers of uploads last written more than `older_than` seconds ago; return how many."""
        ...

    async def close(self) -> None:
        """Release what is held; unfinished uploads are aborted."""
        ...


@runtime_checkable
class Doubting(Protocol):
    """What a store offers beside `ObjectStore` that believes for a while what it saw elsewhere."""

    def doubt(self, key: str) -> None:
        """Look again before anything is said of `key`."""
        ...


@runtime_checkable
class Linking(Protocol):
    """What a store offers beside `ObjectStore` whose objects others can fetch from it themselves."""

    async def link(self, key: str, *, expires_in: int, answer: Mapping[str, str]) -> str | None:
        """Return a URL that gives the object to whoever has it, for `expires_in` seconds; None where there is none.

        `answer` are headers (lower-case names) that the store says in place of the object's own.
        """
        ...


@runtime_checkable
class PartlyReadOnly(Protocol):
    """What a store offers beside `ObjectStore` that cannot be written everywhere."""

    def check_writable(self, key: str) -> None:
        """Raise Refused (`read_only`) where nothing can be written under `key`."""
        ...
