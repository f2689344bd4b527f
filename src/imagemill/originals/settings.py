"""Settings of originals: where they are and how often we look again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated


@dataclass(frozen=True, slots=True, kw_only=True)
class OriginalsSettings:
    """The `[originals]` section."""

    url: Annotated[
        str, "Where originals are: file:///path, s3://bucket/prefix, memory://. Empty: the data folder itself."
    ] = ""
    replica_url: Annotated[
        str, "A replica of originals.url, read while that is away: file:///path or s3://bucket/prefix. Empty: none."
    ] = ""
    recheck: Annotated[float, "Seconds after which an original changed behind our back is noticed."] = 60.0
    sweep: Annotated[float, "Seconds after which the leftovers of an interrupted upload are removed."] = 3600.0
    eager: Annotated[
        tuple[str, ...], "Option lists made of each new original before anybody asks, such as w=400 or w=800&fm=webp."
    ] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class FreshnessSettings:
    """The `[freshness]` section: several processes or nodes on one store."""

    check: Annotated[
        float, "Seconds an original is believed where others may change it; nothing is answered for twice as long."
    ] = 1.0
    told: Annotated[
        float, "Seconds an original is believed while Redis tells of changes at once; each look is two requests."
    ] = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceSettings:
    """One `[sources.<name>]` table: another place that originals are read from and never written to."""

    url: Annotated[
        str, "Where its originals are: file:///path, s3://bucket/prefix or https://host/path/. May be empty with hosts."
    ] = ""
    prefix: Annotated[str, "Keys that begin with it are looked up here. Empty: the source's name and a slash."] = ""
    hosts: Annotated[
        tuple[str, ...],
        "Hosts of which any address may be a key (b64:…): images.example.com, *.example.org, host:8443.",
    ] = ()
    allow_private: Annotated[
        tuple[str, ...], "Parts of private networks that its hosts may be in, such as 10.1.2.0/24. Metadata never."
    ] = ()
    allow_http: Annotated[bool, "Whether http:// will do; without it only https:// is asked."] = False
    ca_file: Annotated[str, "A PEM file of the authorities to trust instead of the system's."] = ""
    max_bytes: Annotated[int, "Bytes of the longest original taken from a host; 0: as limits.upload_bytes."] = 0
    seconds: Annotated[float, "Time for a whole answer of a host."] = 10.0
    idle_seconds: Annotated[float, "Longest pause between two pieces of an answer."] = 2.0
