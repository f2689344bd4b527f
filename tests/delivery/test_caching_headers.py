"""Lifetimes, validators and ranges (RFC 9110; threats A7, C10)."""

from __future__ import annotations

import pytest

from imagemill.delivery.caching_headers import cache_control, http_date, not_modified, precondition_fails, range_of
from imagemill.delivery.disposition import disposition
from imagemill.delivery.settings import DeliverySettings

ETAG = b'"abc"'


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (None, b"public, max-age=600, stale-while-revalidate=3600, stale-if-error=86400"),
        ("0123456789ab", b"public, max-age=31536000, immutable"),
        ("ffffffffffff", b"no-cache"),
    ],
)
def test_lifetimes_follow_the_asked_version(asked: str | None, expected: bytes) -> None:
    """Present version: for ever; another: ask each time; none: a while."""
    assert cache_control(DeliverySettings(), asked_version=asked, version="0123456789ab") == expected


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, False),
        ({b"if-none-match": b'"abc"'}, True),
        ({b"if-none-match": b'W/"abc"'}, True),
        ({b"if-none-match": b'"x", "abc"'}, True),
        ({b"if-none-match": b"*"}, True),
        ({b"if-none-match": b'"x"'}, False),
        ({b"if-none-match": b",".join(b'"%d"' % n for n in range(5000))}, False),
        ({b"if-none-match": b'"x"', b"if-modified-since": b"Fri, 01 Jan 2100 00:00:00 GMT"}, False),
        ({b"if-modified-since": b"Fri, 01 Jan 2100 00:00:00 GMT"}, True),
        ({b"if-modified-since": b"Thu, 01 Jan 1970 00:00:00 GMT"}, False),
        ({b"if-modified-since": b"nonsense"}, False),
    ],
)
def test_not_modified_table(headers: dict[bytes, bytes], expected: bool) -> None:
    """If-None-Match compares weakly and wins over If-Modified-Since."""
    assert not_modified(headers, etag=ETAG, modified=1_700_000_000.5) is expected


def test_a_date_proves_nothing_in_the_second_of_a_replacement() -> None:
    """A copy of the picture before may carry the same second, so only the tag can tell them apart."""
    date = http_date(100.9)
    assert not not_modified({b"if-modified-since": date}, etag=ETAG, modified=100.9, replaced=100.2)
    assert not_modified({b"if-modified-since": date}, etag=ETAG, modified=100.9, replaced=99.9)
    assert not_modified({b"if-none-match": ETAG, b"if-modified-since": date}, etag=ETAG, modified=100.9, replaced=100.2)
    part = {b"range": b"bytes=0-9", b"if-range": date}
    assert range_of(part, size=100, etag=ETAG, modified=100.9, replaced=100.2) is None
    assert range_of(part, size=100, etag=ETAG, modified=100.9, replaced=99.9) == (0, 9)


@pytest.mark.parametrize(
    ("value", "fails"), [(b'"abc"', False), (b"*", False), (b'"x"', True), (b'W/"abc"', True), (b'"x", "abc"', False)]
)
def test_if_match_compares_strongly(value: bytes, fails: bool) -> None:
    """A weak tag never matches If-Match."""
    assert precondition_fails({b"if-match": value}, etag=ETAG, modified=5.0) is fails


@pytest.mark.parametrize(
    ("headers", "fails"),
    [
        ({b"if-unmodified-since": http_date(4.0)}, True),
        ({b"if-unmodified-since": http_date(5.0)}, False),
        ({b"if-unmodified-since": b"nonsense"}, False),
        ({b"if-match": b'"abc"', b"if-unmodified-since": http_date(4.0)}, False),
    ],
)
def test_if_unmodified_since_counts_where_there_is_no_if_match(headers: dict[bytes, bytes], fails: bool) -> None:
    """An earlier date excludes the picture; nonsense is ignored."""
    assert precondition_fails(headers, etag=ETAG, modified=5.4) is fails


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        (b"bytes=0-0", (0, 0)),
        (b"bytes=0-", (0, 99)),
        (b"bytes=10-19", (10, 19)),
        (b"bytes=90-200", (90, 99)),
        (b"bytes=-10", (90, 99)),
        (b"bytes=-1000", (0, 99)),
        (b"bytes=-0", False),
        (b"bytes=100-", False),
        (b"bytes=20-10", None),
        (b"bytes=0-1,5-6", None),
        (b"bytes=" + b",".join(b"0-" for _ in range(1500)), None),
        (b"bytes=a-b", None),
        (b"bytes=-", None),
        (b"bytes=+1-2", None),
        (b"items=0-1", None),
        (b"bytes=" + b"9" * 100 + b"-", None),
    ],
)
def test_ranges_table(field: bytes, expected: tuple[int, int] | bool | None) -> None:
    """One range of bytes is honoured, a list or nonsense gets the whole, beyond the end is refused."""
    assert range_of({b"range": field}, size=100, etag=ETAG, modified=0) == expected


@pytest.mark.parametrize(
    ("condition", "part"),
    [(b'"abc"', True), (b'"old"', False), (b'W/"abc"', False), (http_date(5.0), True), (http_date(9.0), False)],
)
def test_if_range_needs_the_present_representation(condition: bytes, part: bool) -> None:
    """A range of bytes is never glued to another version."""
    headers = {b"range": b"bytes=0-9", b"if-range": condition}
    assert (range_of(headers, size=100, etag=ETAG, modified=5.0) is not None) is part


@pytest.mark.parametrize(
    ("key", "download", "expected"),
    [
        ("photos/cat.jpg", None, b'inline; filename="cat.webp"'),
        ("photos/cat", None, b'inline; filename="cat.webp"'),
        ("photos/.htaccess", None, b'inline; filename=".htaccess.webp"'),
        ("photos/cat.jpg", True, b'attachment; filename="cat.webp"'),
        ("photos/cat.jpg", "Tom.png", b'attachment; filename="Tom.webp"'),
        ("photos/cat.jpg", "v1.2 final", b'attachment; filename="v1.2 final.webp"'),
        ("scan 2024.10.05", None, b'inline; filename="scan 2024.10.05.webp"'),
        ("photos/cat.JPEG", None, b'inline; filename="cat.webp"'),
        ("é.jpg", None, b"inline; filename=\"_.webp\"; filename*=UTF-8''%C3%A9.webp"),
        ('a"b\\c.jpg', None, b"inline; filename=\"a_b_c.webp\"; filename*=UTF-8''a%22b%5Cc.webp"),
    ],
)
def test_disposition_names_the_saved_file(key: str, download: str | bool | None, expected: bytes) -> None:
    """The name is the original's with the right ending, quoted so that no header can be broken."""
    assert disposition(key, "webp", download) == expected
