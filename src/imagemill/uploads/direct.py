"""The port for bytes that go from the browser to the store without us: presigned links into its quarantine.

Separate from the object store port, because only stores that speak S3 can do it and only uploads want it. Whatever a
browser put there is unchecked and under no key: `open` hands it over to be checked, and nothing else ever reads it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from imagemill.object_store.port import OpenObject


@dataclass(frozen=True, slots=True)
class Presigned:
    """What a browser needs: the address, and the fields of the form or the headers of the request that are signed."""

    url: str
    fields: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)


class DirectStore(Protocol):
    """A store that takes bytes from browsers."""

    async def presigned_put(self, upload_id: str, *, expires_in: int, content_type: str | None) -> Presigned:
        """Return a link that takes one object by PUT for `expires_in` seconds."""
        ...

    async def presigned_post(
        self, upload_id: str, *, expires_in: int, content_type: str | None, max_bytes: int
    ) -> Presigned:
        """Return a form that takes one object of 1…`max_bytes` bytes by POST for `expires_in` seconds."""
        ...

    async def size(self, upload_id: str) -> int | None:
        """Return the bytes that have arrived, None where nothing has."""
        ...

    async def open(self, upload_id: str) -> OpenObject | None:
        """Open what has arrived, None where nothing has."""
        ...

    async def remove(self, upload_id: str) -> None:
        """Remove what has arrived, if anything."""
        ...

    async def ids(self) -> Mapping[str, float]:
        """Return the ids of what has arrived and is still there, with its age in seconds."""
        ...
