"""CloudFront: an invalidation whose paths are tags, `#default/photos/` (CloudFront guide, "Invalidating by tags").

The distribution's CacheTagConfig names the header `x-amz-meta-cache-tag`, which our answers and the files of a bucket
of variants carry alike. Tags are case-insensitive there: a purge of `a.jpg` also drops `A.jpg`, which costs one fetch.
Calls go through botocore, whose SigV4 and credentials chain are the field's own; it is an optional install, imported
with the first purge.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Sequence
from typing import Any

from imagemill.cdn.port import CdnError
from imagemill.cdn.settings import CdnSettings

LASTING = frozenset({"AccessDenied", "NoSuchDistribution", "InvalidArgument", "MalformedXML", "SignatureDoesNotMatch"})


class CloudFront:
    """One distribution. See `port.Purger`."""

    most = 50

    def __init__(self, settings: CdnSettings) -> None:
        """The distribution's id is `cdn.zone`; `cdn.url` is for an endpoint of one's own."""
        self._settings = settings
        self._client: Any = None

    async def purge(self, tags: Sequence[str]) -> None:
        """Create one invalidation for all tags."""
        await asyncio.to_thread(self._invalidate, [f"#{tag}" for tag in tags])

    def _invalidate(self, items: list[str]) -> None:
        try:
            from botocore.exceptions import BotoCoreError, ClientError
        except ImportError:
            words = "CloudFront is purged through botocore: pip install 'imagemill[aws]'."
            raise CdnError(words, lasting=True) from None
        batch = {"Paths": {"Quantity": len(items), "Items": items}, "CallerReference": secrets.token_hex(12)}
        try:
            self._connected().create_invalidation(DistributionId=self._settings.zone, InvalidationBatch=batch)
        except ClientError as error:
            code = str(error.response.get("Error", {}).get("Code", ""))
            raise CdnError(f"CloudFront refused an invalidation ({code}).", lasting=code in LASTING) from None
        except BotoCoreError as error:
            raise CdnError(f"CloudFront could not be reached ({type(error).__name__}).") from None

    def _connected(self) -> Any:
        if self._client is None:
            from botocore.config import Config
            from botocore.session import Session

            # One attempt: the queue repeats, and knows when to stop.
            config = Config(connect_timeout=5, read_timeout=15, retries={"total_max_attempts": 1})
            endpoint = self._settings.url or None
            session = Session()
            self._client = session.create_client(
                "cloudfront", region_name="us-east-1", endpoint_url=endpoint, config=config
            )
        return self._client

    async def close(self) -> None:
        """Close the connections."""
        if self._client is not None:
            self._client.close()
