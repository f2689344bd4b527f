"""A trial of a bucket for `doctor`: what we may do there, and whether the server keeps its conditions.

Separate from the store, which must work without it: some servers that speak S3 take If-None-Match and If-Match and do
as if they had not (a table stands in docs/s3.md). There two writers at once may overwrite each other unnoticed.
"""

from __future__ import annotations

import contextlib
import secrets
import time
from dataclasses import dataclass
from pathlib import Path

from imagemill.errors import ImagemillError
from imagemill.object_store.s3.connection import S3Connection
from imagemill.object_store.s3.failures import Missing, Unmet
from imagemill.object_store.s3.store import S3Objects
from imagemill.object_store.s3.words import told

_OTHER_TAG = '"00000000000000000000000000000000"'


@dataclass(frozen=True, slots=True)
class Trial:
    """What was seen: whether we may write, which conditions do not hold, the seconds of one look."""

    writable: bool
    ignored: tuple[str, ...]
    seconds: float


async def try_bucket(connection: S3Connection) -> Trial:
    """Look, and where we may write, write and remove one small object of our own; raises ImagemillError.

    The connection is closed.
    """
    store = S3Objects(connection, Path("/nonexistent"), threads=1)  # nothing is uploaded, so nothing is spooled
    try:
        await store.check()
        began = time.perf_counter()
        await store.head("doctor")
        took = time.perf_counter() - began
        ignored = await _ignored(connection) if store.writable else ()
        return Trial(store.writable, ignored, took)
    finally:
        await store.close()


async def _ignored(connection: S3Connection) -> tuple[str, ...]:
    """Return which conditions the server does not hold."""
    key = f".imagemill/doctor-{secrets.token_hex(8)}"
    ignored = []
    with told("keep an object of ours"):
        await connection.place(key, b"trial", content_type="text/plain", only_new=True)
    try:
        with told("keep an object of ours"):
            for name, new, over in (("If-None-Match", True, ""), ("If-Match", False, _OTHER_TAG)):
                try:
                    await connection.place(key, b"again", content_type="text/plain", only_new=new, only_over=over)
                except (Unmet, Missing):
                    continue
                ignored.append(name)
            with contextlib.suppress(Unmet):
                await connection.remove(key, only=_OTHER_TAG)
                ignored.append("If-Match of a delete")
    finally:
        with contextlib.suppress(ImagemillError, Unmet):
            await connection.remove(key)
    return tuple(ignored)
