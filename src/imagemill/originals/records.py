"""The record of an original: what we found out and what people said, as bytes beside its variants.

Separate from `finding`, which decides when one is read, trusted or written. A record belongs to bytes (`etag`); one
that speaks of other bytes, or cannot be read, counts as none: the store is the truth and everything but the
description can be found out again.
"""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from imagemill.engine.port import Facts
from imagemill.originals.values import Description
from imagemill.recipe.model import FocalPoint

FORMAT = 1
"""Raised when an older program could misread a record; a higher number than ours counts as no record."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """What is kept of one original. `placeholder` is a data URI of a tiny preview, once somebody asked for it.

    `findings` is what an inspection told, as JSON: it is decoded when asked for, not whenever a record is read.
    """

    etag: str
    facts: Facts | None = None
    description: Description
    placeholder: str | None = None
    findings: bytes | None = None


_NOTHING = msgspec.Raw(b"null")


class _StoredFocal(msgspec.Struct, frozen=True):
    x: float
    y: float


class _Stored(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The record's shape on disk: plain JSON that a person can read and a later version can extend."""

    format: int
    etag: str
    facts: Facts | None = None
    focal: _StoredFocal | None = None
    tags: tuple[str, ...] = ()
    alt: str | None = None
    custom: dict[str, str] = {}
    private: bool = False
    placeholder: str | None = None
    findings: msgspec.Raw = _NOTHING


_DECODER = msgspec.json.Decoder(_Stored)


def encode_record(record: Record) -> bytes:
    """Return `record` as JSON."""
    said = record.description
    stored = _Stored(
        format=FORMAT,
        etag=record.etag,
        facts=record.facts,
        focal=None if said.focal is None else _StoredFocal(said.focal.x, said.focal.y),
        tags=said.tags,
        alt=said.alt,
        custom=dict(said.custom),
        private=said.private,
        placeholder=record.placeholder,
        findings=_NOTHING if record.findings is None else msgspec.Raw(record.findings),
    )
    return msgspec.json.encode(stored)


def says_private(data: bytes | None) -> bool:
    """Say whether a record, of whatever bytes and however damaged, once was that of a private original.

    What cannot be read counts as no record, but must not open what somebody closed.
    """
    return data is not None and b'"private":true' in data


def decode_record(data: bytes | None) -> Record | None:
    """Return the record, None where there is none, it is damaged, or a later version wrote it."""
    if data is None:
        return None
    try:
        stored = _DECODER.decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None
    if stored.format > FORMAT:
        return None
    focal = None if stored.focal is None else FocalPoint(stored.focal.x, stored.focal.y)
    return Record(
        etag=stored.etag,
        facts=stored.facts,
        description=Description(
            focal=focal, tags=stored.tags, alt=stored.alt, custom=stored.custom, private=stored.private
        ),
        placeholder=stored.placeholder,
        findings=None if bytes(stored.findings) == bytes(_NOTHING) else bytes(stored.findings),
    )
