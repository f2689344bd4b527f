"""A small object written in one go: begun, filled, committed, and aborted where that fails.

Separate from the stores and from those who keep documents in them: everything of ours that fits into one piece of
memory (presets, tickets, leases, what is known of a web server's originals) is written by this one sequence.
"""

from __future__ import annotations

from imagemill.object_store.port import ALWAYS, Condition, ObjectInfo, ObjectStore


async def write_json(store: ObjectStore, key: str, data: bytes, *, condition: Condition = ALWAYS) -> ObjectInfo:
    """Make `data`, which is JSON, the object of `key` and return what it is now; nothing is left of a failed attempt.

    Raises PreconditionFailed and whatever else the store raises.
    """
    upload = await store.begin()
    try:
        await upload.write(data)
        return await upload.commit(key, content_type="application/json", condition=condition)
    finally:
        await upload.abort()
