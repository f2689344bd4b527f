"""Whether a write may happen: RFC 9110 section 13.2.2 for the two conditions that change things."""

from __future__ import annotations

from imagemill.errors import PreconditionFailed, shown
from imagemill.object_store.port import Condition


def demand(condition: Condition, key: str, etag: str | None) -> None:
    """Raise PreconditionFailed unless `condition` holds for `key`, whose present etag is `etag` (None: no object)."""
    if condition.if_match is not None:
        if etag is None:
            raise PreconditionFailed(f"“{shown(key)}” does not exist, so If-Match cannot hold.")
        if "*" not in condition.if_match and etag not in condition.if_match:
            raise PreconditionFailed(f"“{shown(key)}” has changed: its present ETag is none of those in If-Match.")
    if condition.if_none_match and etag is not None:
        raise already_there(key)


def already_there(key: str) -> PreconditionFailed:
    """Return the error for `If-None-Match: *` where something is."""
    return PreconditionFailed(f"“{shown(key)}” exists already, and If-None-Match asked that it does not.")
