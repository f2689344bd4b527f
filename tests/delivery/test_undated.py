from __future__ import annotations

import pytest

from imagemill.delivery.caching_headers import http_date
from imagemill.delivery.respond import answer
from imagemill.variants.port import Kept

KEPT = Kept(b"0123456789", "a" * 64, 1_700_000_000)
DATE = http_date(KEPT.modified)
LATER = http_date(KEPT.modified + 60)


@pytest.mark.parametrize(
    ("asked", "dated", "undated"),
    [
        ({b"if-modified-since": DATE}, 304, 200),
        ({b"if-modified-since": LATER}, 304, 200),
        ({b"range": b"bytes=0-3", b"if-range": DATE}, 206, 200),
        ({b"range": b"bytes=0-3"}, 206, 206),
        ({b"range": b"bytes=0-3", b"if-range": b'"' + b"a" * 64 + b'"'}, 200, 206),
        ({b"if-none-match": b'"' + b"a" * 64 + b'"', b"if-modified-since": DATE}, 200, 304),
    ],
)
def test_a_date_proves_only_of_an_address_that_has_steps_of_time(
    asked: dict[bytes, bytes], dated: int, undated: int
) -> None:
    """Where a preset or a layer decides what an address shows, only the tag of the bytes tells two pictures apart."""
    assert answer("GET", dict(asked), [], KEPT, dated=True).status == dated
    assert answer("GET", dict(asked), [], KEPT, dated=False).status == undated
