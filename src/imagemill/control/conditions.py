"""If-Match and If-None-Match of a request that changes something (RFC 9110 sections 13.1.1 and 13.1.2).

Separate from the resources, which hand the result to `originals`. An entity tag without quotes is taken as if it had
them: the `etag` in our JSON has none, and people copy it.
"""

from __future__ import annotations

import re

from starlette.requests import Request

from imagemill.errors import InvalidRequest, shown
from imagemill.object_store.port import Condition

MAX_TAGS = 100
"""Tags of a list that are looked at; a longer one is refused."""
_TAG = re.compile(r'(W/)?(?:"([\x21\x23-\x7e\x80-\xff]*)"|([A-Za-z0-9_-]+))', re.ASCII)


def condition_of(request: Request) -> Condition:
    """Return what the caller demands; raise InvalidRequest (`bad_condition`) for what cannot be understood.

    A condition that is not carried out is refused, not skipped: skipping it could overwrite somebody's work.
    """
    if "if-unmodified-since" in request.headers:
        raise _bad("If-Unmodified-Since is not carried out, a second is too coarse; use If-Match")
    match = _field(request, "if-match")
    none_match = _field(request, "if-none-match")
    if none_match is not None and none_match != "*":
        raise _bad("If-None-Match takes only “*” here (create, never replace)")
    return Condition(if_match=None if match is None else _tags(match), if_none_match=none_match is not None)


def _field(request: Request, name: str) -> str | None:
    values = request.headers.getlist(name)
    return ", ".join(values).strip() if values else None


def _tags(field: str) -> tuple[str, ...]:
    """Return the strong tags of `field`; weak ones never match (section 13.1.1: strong comparison)."""
    if field == "*":
        return ("*",)
    strong: list[str] = []
    for one in field.split(",", MAX_TAGS):
        found = _TAG.fullmatch(one.strip())
        if found is None:
            raise _bad(f"If-Match has “{shown(one.strip())}”, which is no entity tag")
        if found.group(1) is None:
            strong.append(found.group(2) if found.group(2) is not None else found.group(3))
    return tuple(tag for tag in strong if tag != "*")


def _bad(why: str) -> InvalidRequest:
    return InvalidRequest(f"{why}.", code="bad_condition")
