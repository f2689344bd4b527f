"""A request that an Imagemill made for a source is never answered from a web source (RFC 8586; threat S1).

Separate from the sources, which send the mark: a source that leads back to this server, through a proxy or another
name of it, would otherwise ask itself for ever, each turn holding what the one before waits for. A chain of two
Imagemills works as long as the second one has the picture itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from imagemill.dialects.native.parse import parse_info_url, parse_url
from imagemill.errors import Overloaded

HEADER = b"cdn-loop"
_NAME = b"imagemill"
MARK = (HEADER, _NAME)
"""What our own requests carry."""


def check_loop(path: bytes, query: bytes, headers: Mapping[bytes, bytes], is_remote: Callable[[str], bool]) -> None:
    """Raise Overloaded (`source_loop`) where a marked request would be passed on; `is_remote(key)` says of a key."""
    names = (item.partition(b";")[0].strip().lower() for item in headers[HEADER].split(b","))
    if _NAME not in names:
        return
    if path.startswith(b"/img/"):
        key = parse_url(path, query).key
    elif path.startswith(b"/info/"):
        key = parse_info_url(path, query).key
    else:
        return
    if is_remote(key):
        raise Overloaded("This address leads back to this server.", code="source_loop")
