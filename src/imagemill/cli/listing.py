"""Walking through a listing page by page, for `ls` and for whatever works on a prefix."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from imagemill.cli.client import Remote

PAGE = 1000


async def originals(
    remote: Remote, prefix: str = "", *, delimiter: str = "", limit: int | None = None
) -> AsyncIterator[dict[str, Any]]:
    """Yield the records below `prefix` in byte order of the key; common prefixes come as `{"prefix": …}`."""
    cursor: str | None = None
    left = limit
    while left is None or left > 0:
        asked = {"prefix": prefix, "limit": str(PAGE if left is None else min(PAGE, left))}
        asked |= {"delimiter": delimiter} if delimiter else {}
        asked |= {"cursor": cursor} if cursor else {}
        page = (await remote.call("GET", "/v1/originals", params=asked)).json()
        lines = [*page["items"], *({"prefix": common} for common in page["prefixes"])]
        for line in sorted(lines, key=_place):
            yield line
        left = None if left is None else left - len(lines)
        cursor = page["next_cursor"]
        if not cursor:
            return


def _place(line: dict[str, Any]) -> bytes:
    """Keys and prefixes are gathered apart on a page, and stand together in a listing."""
    return str(line.get("key", line.get("prefix"))).encode("utf-8", "surrogatepass")
