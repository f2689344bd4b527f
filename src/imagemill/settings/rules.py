"""What each setting may be, in one table: the range of every number and the words of every closed set.

The dataclasses of the folders own name, default and help; the ranges stand here together, so that `composed` can check
them without importing what they configure. A test keeps the table complete. `NOT_BUILT` are names of the contract that
a person may rightly try and that this version does not carry out: they get a sentence instead of "unknown".
"""

from __future__ import annotations

from imagemill.settings.values import Rule, Unit

_TIME_LIMIT = Rule(unit=Unit.SECONDS, above=True)
_TIME = Rule(unit=Unit.SECONDS)
_LIFE = Rule(unit=Unit.SECONDS, low=1, high=604_800)  # of an upload's token: what SigV4 allows a link
_ROOM = Rule(unit=Unit.BYTES)
_SIZE_LIMIT = Rule(unit=Unit.BYTES, low=1)
_COUNT_LIMIT = Rule(unit=Unit.COUNT, low=1)
_RATE = Rule(unit=Unit.RATE)
_SIDES = Rule(unit=Unit.COUNT, low=1, high=8192)
_FREE_OPTIONS = (
    *("page", "trim", "crop", "enlarge", "g", "flip", "rot", "blur", "sharpen", "pixelate", "bri", "con", "sat", "hue"),
    *("gam", "grayscale", "sepia", "invert", "normalize", "duotone", "redact", "pad", "bg", "radius", "mask", "wm"),
    *("text", "q", "max_bytes", "lossless", "meta", "icc", "hdr"),
)

RULES: dict[str, Rule] = {
    "data.dir": Rule(filled=True),
    "server.host": Rule(filled=True),
    "server.port": Rule(unit=Unit.COUNT, low=0, high=65535),
    "server.processes": Rule(unit=Unit.COUNT, low=1, high=64),
    "server.public_url": Rule(unit=Unit.LINK),
    "server.api_url": Rule(unit=Unit.LINK),
    "server.trusted_proxies": Rule(unit=Unit.NETWORKS),
    "server.header_seconds": _TIME_LIMIT,
    "server.body_seconds": _TIME_LIMIT,
    "server.write_seconds": _TIME_LIMIT,
    "server.drain_seconds": _TIME,
    "originals.url": Rule(unit=Unit.STORE),
    "originals.replica_url": Rule(unit=Unit.STORE),
    "originals.recheck": _TIME,
    "originals.sweep": _TIME_LIMIT,
    "originals.eager": Rule(),
    "freshness.check": _TIME,
    "freshness.told": _TIME,
    "variants.url": Rule(unit=Unit.STORE),
    "variants.max_bytes": _ROOM,
    "variants.max_per_original": Rule(unit=Unit.COUNT, low=0),
    "engine.workers": Rule(unit=Unit.COUNT, low=0, high=256),
    "engine.wall_seconds": _TIME_LIMIT,
    "engine.cpu_seconds": _TIME_LIMIT,
    "engine.memory_bytes": _SIZE_LIMIT,
    "engine.rare_workers": Rule(unit=Unit.COUNT, low=0, high=256),
    "engine.drawing_cpu_seconds": _TIME_LIMIT,
    "engine.drawing_memory_bytes": _SIZE_LIMIT,
    "engine.recycle_jobs": _COUNT_LIMIT,
    "engine.recycle_bytes": _SIZE_LIMIT,
    "engine.quality": Rule(unit=Unit.COUNT, low=1, high=100),
    "limits.upload_bytes": _SIZE_LIMIT,
    "limits.pixels_streaming": _COUNT_LIMIT,
    "limits.pixels_whole": _COUNT_LIMIT,
    "limits.frames": _COUNT_LIMIT,
    "limits.pixels_frames": _COUNT_LIMIT,
    "limits.pixels_result": _COUNT_LIMIT,
    "limits.side_result": Rule(unit=Unit.COUNT, low=1, high=8192),  # the grammar of options knows no longer side
    "limits.scans": _COUNT_LIMIT,
    "limits.result_bytes": _SIZE_LIMIT,
    "limits.url_bytes": Rule(unit=Unit.BYTES, low=256),  # shorter, and no useful picture could be named
    "limits.queue": Rule(unit=Unit.COUNT, low=0),
    "limits.queue_seconds": _TIME_LIMIT,
    "limits.client_burst": _TIME_LIMIT,
    "limits.client_rate": _TIME_LIMIT,
    "limits.url": Rule(unit=Unit.SHARED),
    "throttle.account": _RATE,
    "throttle.delivery": _RATE,
    "throttle.control": _RATE,
    "throttle.uploads": _RATE,
    "throttle.delivery_client": _RATE,
    "throttle.control_client": _RATE,
    "throttle.uploads_client": _RATE,
    "throttle.wrong_keys": _RATE,
    "throttle.nodes": Rule(unit=Unit.COUNT, low=1, high=10_000),
    "delivery.allow": Rule(words=("lossless", "tiff", "text", "wm", "max_bytes", "best", "meta", "auto")),
    "signing.keys": Rule(secret=True),
    "signing.max_lifetime": _TIME,
    "delivery.formats": Rule(words=("jpeg", "png", "webp", "avif", "gif", "tiff", "jxl")),
    "delivery.max_age": _TIME,
    "delivery.stale_while_revalidate": _TIME,
    "delivery.stale_if_error": _TIME,
    "delivery.not_found_max_age": _TIME,
    "sizes.widths": _SIDES,
    "sizes.heights": _SIDES,
    "sizes.ratios": Rule(unit=Unit.RATIOS),
    "sizes.qualities": Rule(unit=Unit.COUNT, low=1, high=100),
    "sizes.options": Rule(words=_FREE_OPTIONS),
    "s3.endpoint": Rule(unit=Unit.SERVER),
    "s3.region": Rule(unit=Unit.REGION),
    "s3.secret_access_key": Rule(secret=True),
    "s3.session_token": Rule(secret=True),
    "s3.connect_seconds": _TIME_LIMIT,
    "s3.request_seconds": _TIME_LIMIT,
    "cdn.token": Rule(secret=True),
    "cdn.max_age": _TIME,
    "cache.memory_bytes": _ROOM,
    "uploads.max_bytes": _SIZE_LIMIT,
    "uploads.expires": _LIFE,
    "uploads.expires_resumable": _LIFE,
    "uploads.most_open": _COUNT_LIMIT,
    "uploads.quarantine_bytes": _ROOM,
    "uploads.remember": _TIME,
    "cache.disk_bytes": _ROOM,
    "log.format": Rule(words=("", "json", "text")),
    "log.level": Rule(words=("debug", "info", "warning", "error")),
}
"""By full name. Settings that are free text or a yes-or-no need no line here."""

NOT_BUILT: dict[str, str] = {
    "catalog": "a catalog in a database (capability C1)",
    "sites": "several sites (capability E4)",
    "rules": "firewall rules (capability E8)",
    "admin.listen": "a listening address of its own for the control API (capability G3)",
}
"""First part of a name (or the whole name) of the contract → what it would configure."""


def every_word(name: str) -> tuple[str, ...]:
    """Return all words that the setting `name` may hold."""
    return RULES[name].words


def not_built(name: str) -> str | None:
    """Return what the contract's setting `name` would configure, None when the contract knows no such name."""
    if name in NOT_BUILT:
        return NOT_BUILT[name]
    return NOT_BUILT.get(name.partition(".")[0])
