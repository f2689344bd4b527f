"""What a store that speaks S3 says of an object, however it was asked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

from imagemill.object_store.guard import Away

if TYPE_CHECKING:
    import httpx


@dataclass(frozen=True, slots=True)
class Found:
    """What the store says of an object: its own ETag as it writes it, bytes, seconds since 1970, type, metadata."""

    tag: str
    size: int
    modified: float
    content_type: str
    metadata: Mapping[str, str] = field(default_factory=dict)


def of_result(result: Any) -> Found:
    """Read what obstore says."""
    meta, attributes = result.meta, dict(result.attributes)
    plain = {
        "Content-Type",
        "Content-Disposition",
        "Content-Encoding",
        "Content-Language",
        "Cache-Control",
        "Storage-Class",
    }
    return Found(
        tag=str(meta["e_tag"] or ""),
        size=int(meta["size"]),
        modified=float(int(meta["last_modified"].timestamp())),
        content_type=attributes.get("Content-Type", ""),
        metadata={name: text for name, text in attributes.items() if name not in plain},
    )


def of_headers(response: httpx.Response) -> Found:
    """Read the headers of an answer of our own."""
    headers = response.headers
    start = "x-amz-meta-"
    try:
        modified = parsedate_to_datetime(headers["last-modified"]).timestamp()
        size = int(headers["content-length"])
    except (KeyError, ValueError) as error:
        raise Away("an answer without length or date") from error
    metadata = {name[len(start) :]: text for name, text in headers.items() if name.startswith(start)}
    return Found(headers.get("etag", ""), size, modified, headers.get("content-type", ""), metadata)
