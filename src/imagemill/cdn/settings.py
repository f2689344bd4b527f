"""Settings of the CDN in front."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class CdnSettings:
    """The `[cdn]` section."""

    kind: Annotated[
        Literal["", "cloudfront", "cloudflare", "fastly", "varnish", "nginx"],
        "The CDN or cache in front of us, which purges by our Cache-Tag. Empty: none that we know of.",
    ] = ""
    url: Annotated[
        str,
        "Where it takes purges. Empty: the CDN's public API, for varnish http://127.0.0.1:80. nginx: file:///cache.",
    ] = ""
    zone: Annotated[str, "Cloudflare's zone id, Fastly's service id, CloudFront's distribution id."] = ""
    token: Annotated[
        str, "Its API token; for varnish the secret of its configuration. CloudFront uses the standard AWS chain."
    ] = ""
    max_age: Annotated[
        int, "Seconds the CDN may keep a picture whose URL has no ?v=, since it is purged when the original changes."
    ] = 86400
