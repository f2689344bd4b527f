"""A few pictures that the landing page shows: those that everybody may see, as they stand in a listing.

Separate from `offered`, which says how they may be asked for.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from typing import Any

from imagemill.errors import ImagemillError
from imagemill.originals.library import Originals

MOST = 12
LOOKED_AT = 50
"""Originals that are looked at for them; a site whose first fifty are private shows none."""


async def samples_of(originals: Originals) -> Sequence[Mapping[str, Any]]:
    """Return the first public originals as plain values: key, width and height in pixels, size in bytes, version.

    What cannot be read is passed over; raises Overloaded where the store cannot list.
    """
    page = await originals.list("", limit=LOOKED_AT)
    found: list[Mapping[str, Any]] = []
    for listed in page.originals:
        with contextlib.suppress(ImagemillError):
            original = await originals.locate(listed.info.key)
            if original.private:
                continue
            found.append(
                {
                    "key": original.key,
                    "width": original.facts.width,
                    "height": original.facts.height,
                    "size": original.info.size,
                    "version": original.version,
                }
            )
        if len(found) == MOST:
            break
    return found
