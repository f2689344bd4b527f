"""What a server in front must know of this platform: taken from the settings once, the same for nginx and Varnish.

Separate from the texts, so that a rule of ours (which formats, which prefixes are private, how long answers live) is
read in one place and cannot be told to one server and forgotten for the other.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from imagemill.cdn.settings import CdnSettings
from imagemill.delivery.access import Access
from imagemill.delivery.caching_headers import cache_control
from imagemill.delivery.settings import DeliverySettings, SizesSettings
from imagemill.engine.limits import Limits
from imagemill.engine.writable import writable
from imagemill.errors import InvalidRequest, shown
from imagemill.gateway.settings import ServerSettings
from imagemill.recipe.canonical import Bucket
from imagemill.recipe.vocabulary import Format

WILDCARDS = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}  # noqa: S104 - compared with, not bound
"""Addresses that mean "all of this machine's", and the one that reaches it from itself."""
_HOST = re.compile(r"[A-Za-z0-9._-]*|[0-9a-fA-F:.]+", re.ASCII)
_MOUNT = re.compile(r"[A-Za-z0-9._~/-]*", re.ASCII)
CACHE_FOLDER = Path("/var/cache/imagemill")
_BUCKETS: tuple[tuple[Bucket, Format], ...] = (
    ("avif", Format.AVIF),
    ("jxl", Format.JXL),
    ("webp", Format.WEBP),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """All that the texts are made of.

    `origins` are addresses of ours (`host:port`), `names` the host names people use (none: any), `mount` the path below
    which they see us, `folder` the site's kept variants on this machine where a web server may serve them, else None.
    `buckets` are the formats that Accept may choose beside JPEG, best first; times are in seconds.
    """

    origins: tuple[str, ...]
    names: tuple[str, ...]
    mount: str
    listen: int
    folder: Path | None
    site: str
    access: str
    private: tuple[str, ...]
    buckets: tuple[Bucket, ...]
    formats: tuple[Format, ...]
    widths: tuple[int, ...]
    qualities: tuple[int, ...]
    negotiation: str
    lifetime: str
    immutable: str
    stale_while_revalidate: int
    stale_if_error: int
    not_found_max_age: int
    url_bytes: int
    upload_bytes: int
    cache_folder: Path
    purged: bool
    secret: str
    control: bool

    @property
    def static(self) -> bool:
        """Whether a web server can serve files itself: they are here, its answers would be whole, and anyone who can
        write a file's address may have it (a preset's name is in no file's address).
        """
        return self.folder is not None and self.access != "presets"


def facts_of(
    server: ServerSettings,
    delivery: DeliverySettings,
    sizes: SizesSettings,
    limits: Limits,
    cdn: CdnSettings,
    *,
    kind: str,
    folder: Path | None,
    site: str,
    listen: int,
    cache_folder: Path | None = None,
    origins: tuple[str, ...] = (),
    control: bool = False,
) -> Facts:
    """Return the facts for a server of this `kind` ("nginx", "varnish") that will `listen` on a port.

    `folder` holds all sites' kept variants, None where they are not on this machine; nginx keeps answers in
    `cache_folder` then. Without `origins` the server is
    looked for at its own address. Raises InvalidRequest where a value could not stand in a configuration.
    """
    access = Access.of(delivery, sizes)
    public = urlsplit(server.public_url)
    formats = tuple(form for form in Format if form.concrete and form in writable() and access.writes(form))
    if kind == cdn.kind == "varnish" and not cdn.token:
        raise InvalidRequest(
            "cdn.token: expected the secret by which Varnish knows a purge of ours, as cdn.kind is varnish; "
            "received nothing.",
            code="no_purge_secret",
        )
    for text in (*delivery.private, cdn.token, str(folder or ""), str(cache_folder or "")):
        _check_text(text)
    _check_address(public.hostname or "", public.path)
    return Facts(
        origins=tuple(map(_checked_origin, origins or (_own_address(server),))),
        names=(public.hostname,) if public.hostname else (),
        mount=public.path.rstrip("/"),
        listen=listen,
        # Answers of ours name the originals' own tags where a CDN is configured; files know nothing of them.
        folder=None if folder is None or cdn.kind else folder / site,
        site=site,
        access=access.mode,
        private=access.private,
        buckets=tuple(bucket for bucket, form in _BUCKETS if form in formats and delivery.negotiation != "off"),
        formats=formats,
        widths=access.sizes.widths,
        qualities=access.qualities,
        negotiation=delivery.negotiation,
        lifetime=cache_control(delivery, asked_version=None, version="").decode(),
        immutable=cache_control(delivery, asked_version="v", version="v").decode(),
        stale_while_revalidate=delivery.stale_while_revalidate,
        stale_if_error=delivery.stale_if_error,
        not_found_max_age=delivery.not_found_max_age,
        url_bytes=limits.url_bytes,
        upload_bytes=limits.upload_bytes,
        cache_folder=CACHE_FOLDER if cache_folder is None else cache_folder,
        purged=cdn.kind == kind,
        secret=cdn.token if cdn.kind == kind else "",
        control=control,
    )


def _own_address(server: ServerSettings) -> str:
    host = WILDCARDS.get(server.host, server.host)
    return f"[{host}]:{server.port}" if ":" in host else f"{host}:{server.port}"


def _checked_origin(text: str) -> str:
    """Return `host:port`; a name, an IPv4 address or an IPv6 address in brackets, and a port."""
    parts = urlsplit(f"//{text}")
    try:
        good = bool(parts.hostname) and parts.port is not None and parts.netloc == text and "@" not in text
    except ValueError:
        good = False
    if not good or not all(c.isascii() and (c.isalnum() or c in ".-:[]_") for c in text):
        raise InvalidRequest(f"An origin is host:port, such as 10.0.0.5:8080; received {text!r}.", code="bad_origin")
    return text


def _check_text(text: str) -> None:
    """Refuse what would end a quoted string in one of the two languages, or mean something in it."""
    if not text.isprintable() or any(c in '"\\$' for c in text):
        raise InvalidRequest(
            "A prefix in delivery.private, the folder of variants and cdn.token "
            'can hold no ", \\, $ or control character where they stand in a configuration.',
            code="bad_edge_text",
        )


def _check_address(host: str, path: str) -> None:
    """Refuse what would end a word in one of the two languages, or be spelled otherwise when it is asked for."""
    if not (_HOST.fullmatch(host) and _MOUNT.fullmatch(path)):
        raise InvalidRequest(
            "The host and path of server.public_url can hold only letters, digits, “.”, “_”, “-” and “~” (and “/”) "
            f"where they stand in a configuration; received {shown(host + path)}.",
            code="bad_edge_text",
        )
