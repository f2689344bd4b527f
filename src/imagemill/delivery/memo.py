"""Which plan a raw URL led to before, so that a hit in memory parses and decides nothing again.

An entry is a shortcut, never a truth of its own: it holds the very `Original`s it was planned for, and counts only
while `Originals.peek` still returns those objects. Requests that read client hints are not remembered; those that read
Accept are remembered by its bucket, of which there are four.
"""

from __future__ import annotations

from dataclasses import dataclass

from imagemill.cache.memory import MemoryCache
from imagemill.delivery.cache_status import FROM_MEMORY
from imagemill.delivery.respond import stable_headers
from imagemill.delivery.values import Headers, HttpRequest, Plan
from imagemill.observability.access_log import quoted
from imagemill.observability.metrics import Metrics
from imagemill.originals.library import Originals
from imagemill.recipe.negotiation import bucket_of, webp_named
from imagemill.variants.port import Kept

MAX_URLS = 50_000
"""URLs remembered (about 1 kB each); when they are full all are forgotten, which costs one parse each."""
MAX_ACCEPTS = 1000
"""Spellings of Accept remembered; browsers have some dozens, an attacker any number."""
CONDITIONS = (b"range", b"if-none-match", b"if-modified-since", b"if-match", b"if-unmodified-since")


@dataclass(slots=True)
class Shortcut:
    """A plan with its headers for the bytes with one etag and time, and its path ready for the log."""

    plan: Plan
    etag: str
    modified: float
    headers: Headers
    logged_path: str


class Memo:
    """Shortcuts by (path, query, class of Accept)."""

    def __init__(self, originals: Originals, cache: MemoryCache, metrics: Metrics) -> None:
        """`originals` and `cache` are asked on every use."""
        self._originals = originals
        self._cache = cache
        self._metrics = metrics
        self._fixed: dict[tuple[bytes, bytes], Shortcut] = {}
        self._negotiated: dict[tuple[bytes, bytes, str], Shortcut] = {}
        self._accepts: dict[bytes | None, str] = {}

    def forget(self) -> None:
        """Forget every URL: what some of them mean has changed (a preset)."""
        self._fixed.clear()
        self._negotiated.clear()

    def learn(self, request: HttpRequest, plan: Plan, kept: Kept) -> None:
        """Remember where this URL led."""
        if request.method != "GET" or any(name != "Accept" for name in plan.vary):
            return
        headers = stable_headers(plan, kept)
        headers += [(b"cache-status", FROM_MEMORY), (b"content-length", b"%d" % len(kept.data))]
        shortcut = Shortcut(plan, kept.etag, kept.modified, headers, quoted(request.path.decode("ascii", "replace")))
        if len(self._fixed) + len(self._negotiated) >= MAX_URLS:
            self.forget()
        if plan.vary:
            accept = self._class_of(request.headers.get(b"accept"))
            self._negotiated[request.path, request.query, accept] = shortcut
        else:
            self._fixed[request.path, request.query] = shortcut

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
        if kept is None or kept.etag != shortcut.etag or kept.modified != shortcut.modified:
            return None
        for name in CONDITIONS:
            if name in headers:
                return None
        self._metrics.results["memory",] += 1
        self._metrics.sent(len(kept.data), plan.original.info.size)
        return shortcut, kept

    def _class_of(self, accept: bytes | None) -> str:
        known = self._accepts.get(accept)
        if known is None:
            text = None if accept is None else accept.decode("latin-1")
            known = f"{bucket_of(text)} {webp_named(text)}"
            if len(self._accepts) >= MAX_ACCEPTS:
                self._accepts.clear()
            self._accepts[accept] = known
        return known
