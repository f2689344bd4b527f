"""Cache-Control, Vary, validators and ranges: pure functions of plain values (RFC 9110, 9111, 5861, 9211)."""

from __future__ import annotations

from email.utils import formatdate, parsedate_to_datetime
from functools import lru_cache

from imagemill.delivery.settings import DeliverySettings

YEAR = 31536000
IMMUTABLE = b"public, max-age=%d, immutable" % YEAR
PURGED_IN_PART = b"public, max-age=600"
"""Instead of for ever, where a CDN does not know all tags of what it keeps: a purge by one of the others misses it."""
MAX_VALIDATORS = 100
"""Entity tags of an If-None-Match that are looked at; a longer list is an attempt to cost us time."""


def cache_control(settings: DeliverySettings, *, asked_version: str | None, version: str) -> bytes:
    """Return how long a 200 may be kept (contract, "Lifetimes").

    A URL that names the present version never changes; one that names another gets the present picture, to be checked
    each time; one without is fresh for a while.
    """
    if asked_version is None:
        return (
            f"public, max-age={settings.max_age}, stale-while-revalidate={settings.stale_while_revalidate}, "
            f"stale-if-error={settings.stale_if_error}"
        ).encode()
    return IMMUTABLE if asked_version == version else b"no-cache"


def findable(lifetime: bytes, *, counted: bool) -> bytes:
    """Return `lifetime`, or a short one for what a CDN would keep for ever and has not `counted` by all its tags."""
    return lifetime if counted or lifetime != IMMUTABLE else PURGED_IN_PART


def private_age(settings: DeliverySettings, *, asked_version: str | None, version: str) -> int | None:
    """Return for how many seconds the caller alone may keep a signed answer at most, None where it must ask each time.

    As `cache_control`, but never immutable: a signature ends (contract, "Lifetimes").
    """
    if asked_version is None:
        return settings.max_age
    return YEAR if asked_version == version else None


def private_cache_control(age: int | None, until: float | None, now: float) -> bytes:
    """Return the Cache-Control of an answer that a signature opened until `until`; times in seconds since 1970."""
    if age is None:
        return b"private, no-cache"
    return b"private, max-age=%d" % (age if until is None else max(0, min(age, int(until - now))))


def http_date(seconds: float) -> bytes:
    """Return seconds since 1970 as an IMF-fixdate (RFC 9110 section 5.6.7)."""
    return _imf_fixdate(int(seconds))


@lru_cache(maxsize=4096)
def _imf_fixdate(second: int) -> bytes:
    return formatdate(second, usegmt=True).encode()


def not_modified(
    headers: dict[bytes, bytes], *, etag: bytes, modified: float, replaced: float = 0, dated: bool = False
) -> bool:
    """Return whether the client's copy is the present one (RFC 9110 section 13.2.2: If-None-Match wins).

    Where the address is `dated`, its very date is as strong as its tag. A later date may be one that the client made up
    of the time it asked; up to the second in which the original was `replaced` that may be the time of a copy of the
    one before, so it proves nothing (section 8.8.2.2).
    """
    tags = headers.get(b"if-none-match")
    if tags is not None:
        return _names(tags, etag)
    since = _seconds(headers.get(b"if-modified-since"))
    if since is None:
        return False
    return (dated and since == int(modified)) or max(int(modified), int(replaced) + 1) <= since


def precondition_fails(headers: dict[bytes, bytes], *, etag: bytes, modified: float) -> bool:
    """Return whether If-Match, or without it If-Unmodified-Since, excludes the present representation.

    RFC 9110 sections 13.1.1, 13.1.4 and 13.2.2; a date that is none is ignored.
    """
    tags = headers.get(b"if-match")
    if tags is not None:
        return not _names(tags, etag, strong=True)
    since = _seconds(headers.get(b"if-unmodified-since"))
    return since is not None and int(modified) > since


def _seconds(field: bytes | None) -> float | None:
    """Return an HTTP date as seconds since 1970; None where there is none."""
    if field is None:
        return None
    try:
        return parsedate_to_datetime(field.decode("ascii")).timestamp()
    except (ValueError, TypeError, OverflowError, UnicodeDecodeError):
        return None


def _names(field: bytes, etag: bytes, *, strong: bool = False) -> bool:
    if field.strip() == b"*":
        return True
    for tag in field.split(b",", MAX_VALIDATORS)[:MAX_VALIDATORS]:
        tag = tag.strip()
        if tag == etag or (not strong and tag == b"W/" + etag):
            return True
    return False


def range_of(
    headers: dict[bytes, bytes],
    *,
    size: int,
    etag: bytes,
    modified: float,
    replaced: float = 0,
    dated: bool = False,
) -> tuple[int, int] | bool | None:
    """Return which bytes to send: (first, last), None for all of them, False when no part can be (416).

    Only a single range of bytes is honoured; several, other units and malformed ones get the whole body, which RFC 9110
    section 14.2 allows and which answers threat A7 (CVE-2025-62727). If-Range must name the present representation; its
    date proves nothing in the second in which the original was `replaced`, unless the address is `dated`.
    """
    field = headers.get(b"range")
    if field is None or not field.startswith(b"bytes=") or b"," in field or len(field) > 64:
        return None
    condition = headers.get(b"if-range")
    same_date = condition == http_date(modified) and (dated or int(modified) > int(replaced))
    if condition is not None and condition != etag and not same_date:
        return None
    first, dash, last = field[6:].strip().partition(b"-")
    if not dash or not all(part.isdigit() or not part for part in (first, last)) or not (first or last):
        return None
    if not first:
        length = min(int(last), size)
        return (size - length, size - 1) if length else False
    start = int(first)
    end = min(int(last), size - 1) if last else size - 1
    if start >= size:
        return False
    return (start, end) if start <= end else None
