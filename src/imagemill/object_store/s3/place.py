"""Where the requests for one bucket go: scheme, host, path and region, from the URL, the settings and the environment.

Pure, and separate from both clients: each must send its requests to the very same place.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from imagemill.object_store.s3.address import S3Address
from imagemill.object_store.s3.settings import S3Settings


@dataclass(frozen=True, slots=True)
class Place:
    """One bucket on the network: `base` is scheme and host, `path` ends with `/`.

    `in_host` says that the host names the bucket.
    """

    base: str
    host: str
    path: str
    region: str
    in_host: bool


def place_of(address: S3Address, settings: S3Settings, environ: Mapping[str, str]) -> Place:
    """Return where `address` is. What the URL says wins over the settings, those over the AWS variables."""
    region = address.region or settings.region or environ.get("AWS_REGION") or environ.get("AWS_DEFAULT_REGION")
    region = region or "us-east-1"
    named = environ.get("AWS_ENDPOINT_URL_S3") or environ.get("AWS_ENDPOINT_URL")
    endpoint = address.endpoint or settings.endpoint or named or ""
    suffix = "com.cn" if region.startswith("cn-") else "com"
    parts = urlsplit(endpoint or f"https://s3.{region}.amazonaws.{suffix}")
    # A dot in the bucket's name makes a host name that AWS's certificate does not cover.
    in_host = not endpoint and "." not in address.bucket
    if settings.path_style != "auto":
        in_host = settings.path_style == "no"
    default = {"https": 443, "http": 80}[parts.scheme]
    port = "" if parts.port in (None, default) else f":{parts.port}"
    name = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    host = f"{address.bucket}.{name}{port}" if in_host else f"{name}{port}"
    return Place(f"{parts.scheme}://{host}", host, "/" if in_host else f"/{address.bucket}/", region, in_host)
