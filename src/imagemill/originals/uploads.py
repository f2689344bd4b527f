"""Bytes of a stranger become an upload that is fit to be committed: counted, hashed, looked at, decoded once.

Separate from `library`, which places it under a key: nothing here knows what else there is. Threats H3 (bodies over
the limit) and 2.11 (an interrupted upload leaves nothing).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass

from imagemill.engine.limits import Limits
from imagemill.engine.port import Engine, Facts, Source
from imagemill.errors import InvalidRequest, TooLarge
from imagemill.object_store.port import ObjectStore, Upload
from imagemill.originals.digest import DeclaredDigests

MEBIBYTE = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Checked:
    """An upload whose bytes are whole, as declared, and a picture that decodes; not yet under any key."""

    upload: Upload
    facts: Facts


def check_declared_length(length: int | None, limits: Limits) -> None:
    """Raise TooLarge before a byte is read when the declared `length` is over the limit."""
    if length is not None and length > limits.upload_bytes:
        raise _too_large(limits)


async def receive(
    store: ObjectStore,
    engine: Engine,
    limits: Limits,
    chunks: AsyncIterator[bytes],
    *,
    declared_length: int | None,
    digests: Mapping[str, bytes],
) -> Checked:
    """Stream `chunks` into the store and verify them; memory holds one chunk at a time.

    Raises TooLarge at the first byte over the limit, InvalidRequest (`empty_body`, `incomplete_body`,
    `digest_mismatch`), NotAnImage, Unprocessable, StorageFull. On any error, and when the caller is cancelled because
    the client has gone, the upload is aborted and leaves nothing.
    """
    check_declared_length(declared_length, limits)
    upload = await store.begin()
    try:
        await _fill(upload, chunks, limits, digests)
        if upload.size == 0:
            raise InvalidRequest("The body is empty; the bytes of an image were expected.", code="empty_body")
        if declared_length is not None and upload.size != declared_length:
            raise InvalidRequest(
                f"The body ended after {upload.size} bytes; {declared_length} were declared.", code="incomplete_body"
            )
        facts = await engine.verify(Source(descriptor=upload.fileno(), size=upload.size, digest=upload.sha256))
    except BaseException:
        await asyncio.shield(upload.abort())
        raise
    return Checked(upload, facts)


async def _fill(upload: Upload, chunks: AsyncIterator[bytes], limits: Limits, declared: Mapping[str, bytes]) -> None:
    digests = DeclaredDigests(declared)
    received = 0
    async for chunk in chunks:
        received += len(chunk)
        if received > limits.upload_bytes:
            raise _too_large(limits)
        digests.update(chunk)
        await upload.write(chunk)
    if received:
        digests.check(upload.sha256)


def _too_large(limits: Limits) -> TooLarge:
    most = limits.upload_bytes
    words = f"{most // MEBIBYTE} MiB" if most % MEBIBYTE == 0 else f"{most} bytes"
    return TooLarge(f"The upload is longer than the limit of {words}.")
