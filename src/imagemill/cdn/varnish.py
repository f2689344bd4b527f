"""Varnish as `imagemill edge-config varnish` sets it up: a ban over the `Cache-Tag` of what it keeps."""

from __future__ import annotations

import re
from collections.abc import Sequence

from imagemill.cdn.http import CdnClient
from imagemill.cdn.settings import CdnSettings

ADDRESS = "http://127.0.0.1:80"


class Varnish:
    """One Varnish. See `port.Purger`."""

    most = 30
    """Tags of one ban: a header line of Varnish holds 8 KiB."""

    def __init__(self, settings: CdnSettings) -> None:
        """`cdn.token` is the secret that the configuration was written with."""
        self._client = CdnClient("Varnish", settings.url or ADDRESS, {"imagemill-purge": settings.token})

    async def purge(self, tags: Sequence[str]) -> None:
        """Ban every answer that names one of the tags, whole: a key that begins like another is another."""
        one_of = "|".join(re.escape(tag) for tag in tags)
        await self._client.call("BAN", "/", headers={"imagemill-ban": f"(^|,)({one_of})(,|$)"})

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()
