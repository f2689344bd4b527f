"""What the rest of the platform knows of an original."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field

from imagemill.engine.port import Facts, Source
from imagemill.object_store.port import ObjectInfo, OpenObject
from imagemill.recipe.model import FocalPoint

GONE = "gone"
"""The state of a key under which there is no picture; else the state is the version (`Original.kept_under`)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Description:
    """What people said of an original; kept in its record beside its variants and gone when the bytes are replaced.

    All but `private`, which stays until somebody takes it back or deletes the original.
    """

    focal: FocalPoint | None = None
    tags: tuple[str, ...] = ()
    alt: str | None = None
    custom: Mapping[str, str] = field(default_factory=dict)
    private: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Original:
    """One original at one version. `facts` come from its header and are remembered in its record.

    `closed` says that it lies below a private prefix (`delivery.private`).
    """

    site: str
    key: str
    info: ObjectInfo
    facts: Facts
    description: Description = Description()
    closed: bool = False

    @property
    def version(self) -> str:
        """12 hex digits that change whenever any variant of it would look different."""
        return version_of(self.info.etag, self.description.focal)

    @property
    def private(self) -> bool:
        """Whether only those may see it who have a signature."""
        return self.closed or self.description.private

    @property
    def kept_under(self) -> str:
        """The version's name in the store of variants."""
        return kept_under(self.version, private=self.private)


def kept_under(version: str, *, private: bool) -> str:
    """Return the name under which the variants of a `version` are kept.

    A private original's is another one, which no URL leads to: a web server that finds variants by their names, with or
    without `?v=`, must find none of those (threat G8).
    """
    return f"{version}-private" if private else version


def version_of(etag: str, focal: FocalPoint | None) -> str:
    """Return the version of bytes with this `etag` (SHA-256, hex) and stored focal point."""
    place = "" if focal is None else f"{focal.x:.3f}:{focal.y:.3f}"
    return hashlib.sha256(f"{etag}\n{place}".encode()).hexdigest()[:12]


def source_of(opened: OpenObject) -> Source:
    """Return an opened object as workers take it; it stays the caller's to close."""
    return Source(descriptor=opened.fileno(), size=opened.info.size, digest=opened.info.etag)
