"""Fastly: `POST /service/{id}/purge` with a batch of surrogate keys (fastly.com/documentation, "Purge").

Soft: what is purged may still be shown while the new picture is fetched, and when we are away; only deleting an
original must not show it again, so purges here are hard (no `fastly-soft-purge`).
"""

from __future__ import annotations

from collections.abc import Sequence

from imagemill.cdn.http import CdnClient
from imagemill.cdn.settings import CdnSettings

API = "https://api.fastly.com"


class Fastly:
    """One service. See `port.Purger`."""

    most = 256
    """Surrogate keys of one call."""

    def __init__(self, settings: CdnSettings) -> None:
        """The token needs the scope purge_select."""
        self._service = settings.zone
        self._client = CdnClient("Fastly", settings.url or API, {"fastly-key": settings.token})

    async def purge(self, tags: Sequence[str]) -> None:
        """Purge by surrogate keys."""
        await self._client.call("POST", f"/service/{self._service}/purge", json={"surrogate_keys": list(tags)})

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()
