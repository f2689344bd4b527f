"""Bytes of a stranger become an upload that is fit to be committed: counted, hashed, looked at, decoded once.

Separate from `changing`, which places it under a key: nothing here knows what else there is. Threats H3 (bodies over
the limit) and 2.11 (an interrupted upload leaves nothing).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass

from imagemill.engine.port import Engine, Facts, Source
from imagemill.engine.sniff import media_type
from imagemill.errors import InvalidRequest, NotAnImage, TooLarge
from imagemill.object_store.port import ObjectStore, Upload
from imagemill.originals.digest import DeclaredDigests

MEBIBYTE = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """What one upload may be where that differs from the limits of all: a browser's ticket names both.

    `content_type` is what the bytes must turn out to be ("image/png", or "image/*" for any); None: any as well.
    """

    most_bytes: int
    content_type: str | None = None


@dataclass(frozen=True, slots=True)
class Checked:
    """An upload whose bytes are whole, as declared, and a picture that decodes; not yet under any key."""

    upload: Upload
    facts: Facts


def check_declared_length(length: int | None, most: int) -> None:
    """Raise TooLarge before a byte is read when the declared `length` is over the limit of `most` bytes."""
    if length is not None and length > most:
        raise too_large(most)


def check_whole(size: int, declared: int | None) -> None:
    """Raise InvalidRequest (`empty_body`, `incomplete_body`) where `size` bytes are not what was `declared`."""
    if size == 0:
        raise InvalidRequest("The body is empty; the bytes of an image were expected.", code="empty_body")
    if declared is not None and size != declared:
        raise InvalidRequest(f"The body ended after {size} bytes; {declared} were declared.", code="incomplete_body")


async def receive(
    store: ObjectStore,
    engine: Engine,
    bounds: Bounds,
    chunks: AsyncIterator[bytes],
    *,
    declared_length: int | None,
    digests: Mapping[str, bytes],
) -> Checked:
    """Stream `chunks` into the store and verify them; memory holds one chunk at a time.

    Raises TooLarge at the first byte over the limit, InvalidRequest (`empty_body`, `incomplete_body`,
    `digest_mismatch`), NotAnImage (`other_content_type` where the picture is of another type than agreed),
    Unprocessable, StorageFull. On any error, and when the caller is cancelled because the client has gone, the upload
    is aborted and leaves nothing.
    """
    check_declared_length(declared_length, bounds.most_bytes)
    upload = await store.begin()
    try:
        await _fill(upload, chunks, bounds.most_bytes, digests)
        check_whole(upload.size, declared_length)
        facts = await engine.verify(Source(descriptor=upload.fileno(), size=upload.size, digest=upload.sha256))
        _check_type(facts, bounds.content_type)
    except BaseException:
        await asyncio.shield(upload.abort())
        raise
    return Checked(upload, facts)


async def _fill(upload: Upload, chunks: AsyncIterator[bytes], most: int, declared: Mapping[str, bytes]) -> None:
    digests = DeclaredDigests(declared)
    received = 0
    async for chunk in chunks:
        received += len(chunk)
        if received > most:
            raise too_large(most)
        digests.update(chunk)
        await upload.write(chunk)
    if received:
        digests.check(upload.sha256)


def _check_type(facts: Facts, wanted: str | None) -> None:
    found = media_type(facts.format)
    if wanted not in (None, "image/*", found):
        raise NotAnImage(f"The bytes are {found}; {wanted} was agreed for this upload.", code="other_content_type")


def too_large(most: int) -> TooLarge:
    """Return the error for an upload over the limit of `most` bytes."""
    words = f"{most // MEBIBYTE} MiB" if most % MEBIBYTE == 0 else f"{most} bytes"
    return TooLarge(f"The upload is longer than the limit of {words}.")
