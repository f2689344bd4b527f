"""Content-Disposition of a variant (RFC 6266): shown in the page, with the right name when saved."""

from __future__ import annotations

import re
from urllib.parse import quote

MAX_NAME = 120
"""Characters of a suggested file name; headers have limits of their own."""
_ENDING = re.compile(r"(?<=[^.])\.[a-z][a-z0-9]{0,5}\Z", re.ASCII | re.IGNORECASE)
"""What says a format and is replaced: `.jpeg`, `.mp4`; not the `.2 final` of a person's title."""


def disposition(key: str, extension: str, download: str | bool | None) -> bytes:
    """Return the header's value for a variant of `key`.

    `download` is what `dl` said: None shows it inline, True saves it under the original's name, a text under that.
    """
    stem = download if isinstance(download, str) else key.rsplit("/", 1)[-1]
    name = f"{_ENDING.sub('', stem)[:MAX_NAME]}.{extension}"
    kind = "inline" if download is None else "attachment"
    plain = "".join(c if c.isascii() and c.isprintable() and c not in '"\\%' else "_" for c in name)
    value = f'{kind}; filename="{plain}"'
    if plain != name:
        value += f"; filename*=UTF-8''{quote(name, safe='')}"
    return value.encode("ascii")
