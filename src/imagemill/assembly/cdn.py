"""Which CDN stands in front, and how answers name what they show to it. Only the chosen adapter is imported."""

from __future__ import annotations

from imagemill.cdn.port import Purger
from imagemill.cdn.settings import CdnSettings
from imagemill.delivery.cache_tags import PLAIN, Tagging
from imagemill.delivery.file_headers import MOST_COUNTED
from imagemill.settings import SettingsError
from imagemill.settings.values import BadValue, folder_of
from imagemill.variants.remote_names import CACHE_TAG

ZONES = {"cloudfront": "the distribution's id", "cloudflare": "the zone's id", "fastly": "the service's id"}
TOKENS = {"cloudflare": "an API token", "fastly": "an API token", "varnish": "the secret of its configuration"}
"""What is sent with each purge. Varnish's list of addresses is none: behind a server that ends TLS beside it everybody
comes from this machine, and could empty it (threat C8)."""


def build_purger(settings: CdnSettings) -> Purger | None:
    """Return what purges the configured CDN, None without one; raise SettingsError for what is missing."""
    kind = settings.kind
    if kind in ZONES and not settings.zone:
        raise SettingsError(f"cdn.zone: expected {ZONES[kind]}, as cdn.kind is {kind}; received nothing.")
    if kind in TOKENS and not settings.token:
        raise SettingsError(f"cdn.token: expected {TOKENS[kind]}, as cdn.kind is {kind}; received nothing.")
    if kind == "nginx":
        return _nginx(settings)
    if settings.url and not settings.url.startswith(("http://", "https://")):
        raise SettingsError(f"cdn.url: expected an http:// or https:// URL, as cdn.kind is {kind or 'empty'}.")
    return _over_http(settings)


def _over_http(settings: CdnSettings) -> Purger | None:
    if settings.kind == "cloudfront":
        from imagemill.cdn.cloudfront import CloudFront

        return CloudFront(settings)
    if settings.kind == "cloudflare":
        from imagemill.cdn.cloudflare import Cloudflare

        return Cloudflare(settings)
    if settings.kind == "fastly":
        from imagemill.cdn.fastly import Fastly

        return Fastly(settings)
    if settings.kind == "varnish":
        from imagemill.cdn.varnish import Varnish

        return Varnish(settings)
    return None


def tagging_for(settings: CdnSettings) -> Tagging:
    """Return how answers are tagged, and for how long the CDN may keep them.

    Fastly has headers of its own. nginx and Varnish are told lifetimes by their configuration (`edge_config`), and
    CloudFront by its cache policy: none of them reads a header for CDNs.
    """
    age = f"max-age={settings.max_age}".encode()
    if settings.kind == "fastly":
        return Tagging(b"surrogate-key", " ", words=True, lifetime=(b"surrogate-control", age))
    if settings.kind == "cloudfront":
        # S3 can say it of a file as well, as metadata; a distribution knows one name for both (`CacheTagConfig`).
        return Tagging(f"x-amz-meta-{CACHE_TAG}".encode(), words=True, most=MOST_COUNTED)
    if settings.kind == "cloudflare":
        return Tagging(words=True, lifetime=(b"cdn-cache-control", b"public, " + age))
    return Tagging(words=True) if settings.kind else PLAIN


def _nginx(settings: CdnSettings) -> Purger | None:
    """Without a folder of its cache nginx has nothing to purge: it serves our files, or looks again within seconds."""
    if not settings.url:
        return None
    try:
        folder = folder_of(settings.url)
    except BadValue as error:
        raise SettingsError(f"cdn.url: expected {error.expected}, the folder of nginx's cache.") from None
    if folder is None:
        return None
    from imagemill.cdn.nginx import NginxCache

    return NginxCache(folder)
