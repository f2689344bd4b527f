"""Cloudflare: `POST /zones/{zone}/purge_cache` with tags (developers.cloudflare.com, "Purge cache by cache-tags")."""

from __future__ import annotations

from collections.abc import Sequence

from imagemill.cdn.http import CdnClient
from imagemill.cdn.port import CdnError
from imagemill.cdn.settings import CdnSettings

API = "https://api.cloudflare.com/client/v4"


class Cloudflare:
    """One zone. See `port.Purger`."""

    most = 30
    """Tags of one call: the least of what its plans have allowed."""

    def __init__(self, settings: CdnSettings) -> None:
        """The token needs the permission Cache Purge."""
        self._zone = settings.zone
        self._client = CdnClient("Cloudflare", settings.url or API, {"authorization": f"Bearer {settings.token}"})

    async def purge(self, tags: Sequence[str]) -> None:
        """Purge by tags; an answer 200 that says it did not succeed counts as a failure."""
        response = await self._client.call("POST", f"/zones/{self._zone}/purge_cache", json={"tags": list(tags)})
        try:
            succeeded = response.json().get("success") is True
        except (ValueError, AttributeError):
            succeeded = False
        if not succeeded:
            raise CdnError("Cloudflare did not carry out a purge.")

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()
