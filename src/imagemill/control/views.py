"""What the control API says of an original: one shape for every answer that mentions one.

Separate from `originals.values`, so that the inside can change without the outside. Names are the contract's; times
are RFC 3339 UTC; `etag` is the header's entity tag without its quotes.
"""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec

from imagemill.control.addresses import Addresses
from imagemill.object_store.port import ObjectInfo
from imagemill.originals.description import entity_tag
from imagemill.originals.values import Original


class Focal(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The place that must stay visible: shares 0…1 of the upright picture from its top left."""

    x: float
    y: float


class OriginalView(msgspec.Struct, frozen=True, kw_only=True):
    """An original. `width` and `height` are those of the upright picture.

    `url` shows as much of it as anyone may ask, and names the version; null where nothing may be asked, as of a
    `private` original.

    `placeholder` is a data URI of a tiny preview; it is left out where making one would cost too much. `sha256` is null
    where others put the object into a bucket, so that nobody has read it for its digest.
    """

    key: str
    version: str
    etag: str
    size: int
    content_type: str
    width: int
    height: int
    format: str
    pages: int
    alpha: bool
    sha256: str | None
    url: str | None
    modified: datetime
    focal: Focal | None
    tags: tuple[str, ...]
    alt: str | None
    custom: dict[str, str]
    private: bool
    placeholder: str | msgspec.UnsetType = msgspec.UNSET


class ObjectView(msgspec.Struct, frozen=True, kw_only=True):
    """A listed object that nobody has asked for yet: what the store knows without opening it."""

    key: str
    size: int
    content_type: str
    modified: datetime
    url: str | None


def time_of(seconds: float) -> datetime:
    """Return seconds since 1970 as a time in UTC, to the second, as HTTP has it."""
    return datetime.fromtimestamp(int(seconds), UTC)


def view_of(original: Original, addresses: Addresses, placeholder: str | None = None) -> OriginalView:
    """Return what is said of `original`."""
    said, facts, info = original.description, original.facts, original.info
    return OriginalView(
        key=original.key,
        version=original.version,
        etag=entity_tag(info.etag, said),
        size=info.size,
        content_type=info.content_type,
        width=facts.width,
        height=facts.height,
        format=facts.format,
        pages=facts.pages,
        alpha=facts.alpha,
        sha256=info.sha256,
        url=addresses.of(original),
        modified=time_of(info.modified),
        focal=None if said.focal is None else Focal(said.focal.x, said.focal.y),
        tags=said.tags,
        alt=said.alt,
        custom=dict(said.custom),
        private=original.private,
        placeholder=msgspec.UNSET if placeholder is None else placeholder,
    )


def object_view_of(info: ObjectInfo, addresses: Addresses) -> ObjectView:
    """Return what is said of an object whose header nobody has read."""
    return ObjectView(
        key=info.key,
        size=info.size,
        content_type=info.content_type,
        modified=time_of(info.modified),
        url=addresses.of_key(info.key),
    )
