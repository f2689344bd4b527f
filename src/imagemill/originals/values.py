"""What the rest of the platform knows of an original."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field

from imagemill.engine.port import Facts, Source
from imagemill.object_store.port import ObjectInfo, OpenObject
from imagemill.recipe.model import FocalPoint


@dataclass(frozen=True, slots=True, kw_only=True)
class Description:
    """What people said of an original; kept in its record beside its variants and gone when the bytes are replaced."""

    focal: FocalPoint | None = None
    tags: tuple[str, ...] = ()
    alt: str | None = None
    custom: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Original:
    """One original at one version. `facts` come from its header and are remembered in its record."""

    site: str
    key: str
    info: ObjectInfo
    facts: Facts
    description: Description = Description()

    @property
    def version(self) -> str:
        """12 hex digits that change whenever any variant of it would look different."""
        return version_of(self.info.etag, self.description.focal)


def version_of(etag: str, focal: FocalPoint | None) -> str:
    """Return the version of bytes with this `etag` (SHA-256, hex) and stored focal point."""
    place = "" if focal is None else f"{focal.x:.3f}:{focal.y:.3f}"
    return hashlib.sha256(f"{etag}\n{place}".encode()).hexdigest()[:12]


def source_of(opened: OpenObject) -> Source:
    """Return an opened object as workers take it; it stays the caller's to close."""
    return Source(descriptor=opened.fileno(), size=opened.info.size, digest=opened.info.etag)
