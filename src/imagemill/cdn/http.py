"""One HTTP call to a CDN, and what its answer means. The client library is imported with the first purge."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from imagemill.cdn.port import CdnError

if TYPE_CHECKING:
    import httpx

CONNECT_SECONDS = 5.0
ANSWER_SECONDS = 15.0
LASTING = frozenset({400, 401, 403, 404, 405, 422})
"""Statuses that the same call would meet again: wrong token, wrong zone, wrong words."""


class CdnClient:
    """Calls one CDN below `base`; environment proxies and redirects are not followed."""

    def __init__(self, name: str, base: str, headers: Mapping[str, str]) -> None:
        """`name` is for sentences; `headers` carry the token."""
        self.name = name
        self._base = base.rstrip("/")
        self._headers = headers
        self._client: httpx.AsyncClient | None = None

    async def call(self, method: str, path: str, *, json: Any = None, headers: Mapping[str, str] | None = None) -> Any:
        """Return the response; raise CdnError for every answer but 2xx, and where there is none."""
        import httpx

        if self._client is None:
            timeout = httpx.Timeout(ANSWER_SECONDS, connect=CONNECT_SECONDS)
            self._client = httpx.AsyncClient(headers=dict(self._headers), timeout=timeout, trust_env=False)
        try:
            response = await self._client.request(method, self._base + path, json=json, headers=dict(headers or {}))
        except httpx.HTTPError as error:
            raise CdnError(f"{self.name} could not be reached ({type(error).__name__}).") from None
        if response.is_success:
            return response
        wait = response.headers.get("retry-after", "")
        raise CdnError(
            f"{self.name} answered a purge with {response.status_code}.",
            lasting=response.status_code in LASTING,
            retry_after=float(wait) if wait.isdigit() else None,
        )

    async def close(self) -> None:
        """Close the connections."""
        if self._client is not None:
            await self._client.aclose()
