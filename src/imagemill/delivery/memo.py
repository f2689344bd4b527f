"""Which plan a raw URL led to before, so that a hit in memory parses and decides nothing again.

An entry is a shortcut, never a truth of its own: it holds the very `Original`s it was planned for, and counts only
while `Originals.peek` still returns those objects. Requests that read client hints are not remembered; those that read
Accept are remembered by its bucket, of which there are four. A signed URL is remembered with what was verified: it
counts until its end, with the Host it was judged with, and is forgotten with every other when a key changes. What only
cookies or an address open is never remembered.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from imagemill.cache.memory import MemoryCache
from imagemill.delivery.cache_status import FROM_DISK, FROM_MEMORY
from imagemill.delivery.caching_headers import private_cache_control
from imagemill.delivery.respond import stable_headers
from imagemill.delivery.values import Headers, HttpRequest, Plan
from imagemill.observability.access_log import quoted
from imagemill.observability.metrics import Metrics
from imagemill.originals.library import Originals
from imagemill.recipe.negotiation import bucket_of, webp_named
from imagemill.signing.grant import Grant
from imagemill.signing.keys import KeyRing
from imagemill.signing.policy import SKEW
from imagemill.variants.port import Kept

if TYPE_CHECKING:  # it reads through ctypes; a platform on a local disk has none
    from imagemill.cache.disk import DiskCache

MAX_URLS = 50_000
"""URLs remembered (about 1 kB each); when they are full all are forgotten, which costs one parse each."""
MAX_BYTES = 32 * 1024 * 1024
"""Bytes of all URLs remembered: anybody can make one longer with a query that means nothing (threats A5, O6)."""
MAX_ACCEPTS = 1000
LONGEST_ACCEPT = 1024
"""Spellings of Accept remembered, and their length; browsers have some dozens, an attacker any number."""
CONDITIONS = (b"range", b"if-none-match", b"if-modified-since", b"if-match", b"if-unmodified-since")


@dataclass(slots=True)
class Shortcut:
    """A plan with its headers for the bytes with one etag and time, and its path ready for the log.

    `tier` is where the bytes come from: the same shortcut has other headers when they come from the disk (`on_disk`).
    Of a signed URL: `grant` is what was verified, `lifetime` where Cache-Control stands among the headers, which grows
    shorter, and `second` the one for which it was written.
    """

    plan: Plan
    etag: str
    modified: float
    headers: Headers
    logged_path: str
    grant: Grant | None = None
    lifetime: int = -1
    second: int = 0
    tier: str = "memory"
    on_disk: Shortcut | None = None


class Memo:
    """Shortcuts by (path, query, class of Accept)."""

    def __init__(
        self,
        originals: Originals,
        cache: MemoryCache,
        metrics: Metrics,
        ring: Callable[[], KeyRing] = KeyRing,
        clock: Callable[[], float] = time.time,
        disk: DiskCache | None = None,
    ) -> None:
        """`originals` and `cache` are asked on every use; `ring` returns the signing keys that count now."""
        self._ring = ring
        self._clock = clock
        self._originals = originals
        self._cache = cache
        self._disk = disk
        self._metrics = metrics
        self._fixed: dict[tuple[bytes, bytes], Shortcut] = {}
        self._negotiated: dict[tuple[bytes, bytes, str], Shortcut] = {}
        self._accepts: dict[bytes | None, str] = {}
        self._bytes = 0

    @property
    def remembered_bytes(self) -> int:
        """How long the URLs that are remembered are in all."""
        return self._bytes

    def forget(self) -> None:
        """Forget every URL: what some of them mean has changed (a preset), or opens (a signing key)."""
        self._fixed.clear()
        self._negotiated.clear()
        self._bytes = 0

    def learn(self, request: HttpRequest, plan: Plan, kept: Kept) -> None:
        """Remember where this URL led."""
        if request.method != "GET" or any(name != "Accept" for name in plan.vary):
            return
        grant = plan.grant
        if grant is not None and not (grant.is_of_the_url and grant.ring is self._ring()):
            return
        headers = stable_headers(plan, kept)
        headers += [(b"cache-status", FROM_MEMORY), (b"content-length", b"%d" % len(kept.data))]
        shortcut = Shortcut(plan, kept.etag, kept.modified, headers, quoted(request.path.decode("ascii", "replace")))
        if grant is not None:
            shortcut.grant = grant
            shortcut.lifetime = [name for name, _ in headers].index(b"cache-control")
        if plan.vary:
            accept = self._class_of(request.headers.get(b"accept"))
            self._make_room(request, known=(request.path, request.query, accept) in self._negotiated)
            self._negotiated[request.path, request.query, accept] = shortcut
        else:
            self._make_room(request, known=(request.path, request.query) in self._fixed)
            self._fixed[request.path, request.query] = shortcut

    def _make_room(self, request: HttpRequest, *, known: bool) -> None:
        """Forget everything where one more URL would be too much."""
        if known:
            return
        if len(self._fixed) + len(self._negotiated) >= MAX_URLS or self._bytes >= MAX_BYTES:
            self.forget()
        self._bytes += 2 * len(request.path) + len(request.query)  # the path is there as text for the log too

    def recall(self, path: bytes, query: bytes, headers: dict[bytes, bytes]) -> tuple[Shortcut, Kept] | None:
        """Return the shortcut and the bytes when nothing has changed and nothing special is asked."""
        shortcut = self._fixed.get((path, query))
        if shortcut is None:
            accept = self._class_of(headers.get(b"accept"))
            shortcut = self._negotiated.get((path, query, accept))
            if shortcut is None:
                return None
        plan = shortcut.plan
        if self._originals.peek(plan.original.key) is not plan.original:
            return None
        for layer in plan.layers:
            if self._originals.peek(layer.key) is not layer:
                return None
        kept = self._cache.get(plan.name)
        if kept is None and self._disk is not None:
            kept = self._disk.near(plan.name)
            shortcut = _on_disk(shortcut)
            if kept is not None:
                self._cache.put(plan.name, kept)
        if kept is None or kept.etag != shortcut.etag or kept.modified != shortcut.modified:
            return None
        for name in CONDITIONS:
            if name in headers:
                return None
        if shortcut.grant is not None and not self._still_open(shortcut, shortcut.grant, headers):
            return None
        self._metrics.results[shortcut.tier,] += 1
        self._metrics.sent(len(kept.data), plan.original.info.size)
        return shortcut, kept

    def _still_open(self, shortcut: Shortcut, grant: Grant, headers: dict[bytes, bytes]) -> bool:
        """Whether a signed URL is good now, as it was when verified; its Cache-Control is that of this second."""
        now = self._clock()
        if grant.until is not None and now >= grant.until:
            return False
        if grant.host and headers.get(b"host", b"").decode("latin-1").lower() != grant.host:
            return False
        second = int(now)
        if second != shortcut.second:
            if grant.policy is not None and grant.policy.since is not None and now < grant.policy.since - SKEW:
                return False
            fresh = private_cache_control(shortcut.plan.private_age, grant.until, second + 1)  # never longer than it is
            shortcut.headers[shortcut.lifetime] = (b"cache-control", fresh)
            shortcut.second = second
        return True

    def _class_of(self, accept: bytes | None) -> str:
        known = self._accepts.get(accept)
        if known is None:
            text = None if accept is None else accept.decode("latin-1")
            known = f"{bucket_of(text)} {webp_named(text)}"
            if accept is None or len(accept) <= LONGEST_ACCEPT:
                if len(self._accepts) >= MAX_ACCEPTS:
                    self._accepts.clear()
                self._accepts[accept] = known
        return known


def _on_disk(shortcut: Shortcut) -> Shortcut:
    """Return the same shortcut for bytes that come from the disk."""
    if shortcut.on_disk is None:
        headers = [(name, FROM_DISK if name == b"cache-status" else text) for name, text in shortcut.headers]
        shortcut.on_disk = replace(shortcut, headers=headers, tier="disk")
    return shortcut.on_disk
