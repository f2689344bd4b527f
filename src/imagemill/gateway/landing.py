"""The landing page: what a browser sees at `/` of a loopback or control address (contract, last section).

Separate from the routes: these are a handful of files, read once, that never change while the server runs. The page
itself speaks only to the public API, plus `/samples.json` for the site's rules and the first few pictures, which the
gateway wires on loopback addresses only, because elsewhere a listing needs a key. Keys are written by strangers, so
the page puts them into the document as text and attributes only, and its policy forbids inline script and style
(threats L1).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

Answer = tuple[int, tuple[tuple[str, str], ...], bytes]
"""Status, header pairs, body."""

STATIC = Path(__file__).with_name("static")

MAX_SAMPLES = 12
"""Pictures the page shows to choose from: a strip, not a library."""

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""Nothing from elsewhere, nothing inline. `blob:` shows the very bytes whose size stands beside them."""

_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".ico": "image/x-icon",
    ".txt": "text/plain; charset=utf-8",
}

_AT_THE_ROOT = {"/": "landing.html", "/favicon.ico": "favicon.ico", "/robots.txt": "robots.txt"}


def landing_response(path: str, if_none_match: str = "") -> Answer | None:
    """Return the answer to a GET of `path` (decoded, no query), None where the page has no such file.

    `if_none_match` is the request's header of that name, if any; 304 where it names the present file.
    """
    found = _files().get(path)
    if found is None:
        return None
    headers, body = found
    etag = dict(headers)["ETag"]
    if etag in (tag.strip().removeprefix("W/") for tag in if_none_match.split(",")):
        return 304, tuple(pair for pair in headers if not pair[0].startswith("Content-T")), b""
    return 200, (*headers, ("Content-Length", str(len(body)))), body


async def samples_response(
    samples: Callable[[], Awaitable[Sequence[Mapping[str, Any]]]], site: Mapping[str, Any]
) -> Answer:
    """Return the answer to `GET /samples.json`: at most `MAX_SAMPLES` of what `samples` lists, and the site's rules.

    Each item has `key`, `width` and `height` in pixels as shown upright, `size` in bytes and `version`. `site` says
    what anyone may ask, so that the page offers no more.
    """
    listed = await samples()
    items = [
        {name: item[name] for name in ("key", "width", "height", "size", "version")} for item in listed[:MAX_SAMPLES]
    ]
    body = json.dumps({"items": items, "site": site}, ensure_ascii=False).encode("utf-8")
    headers = (
        ("Content-Type", "application/json"),
        ("Content-Length", str(len(body))),
        ("Cache-Control", "no-store"),
        ("X-Content-Type-Options", "nosniff"),
    )
    return 200, headers, body


@lru_cache(maxsize=1)
def _files() -> dict[str, tuple[tuple[tuple[str, str], ...], bytes]]:
    """Read every file once: URL path to headers and body."""
    by_name = {file.name: (_headers(file), file.read_bytes()) for file in STATIC.iterdir() if file.suffix in _TYPES}
    files = {f"/static/{name}": found for name, found in by_name.items()}
    files.update({path: by_name[name] for path, name in _AT_THE_ROOT.items()})
    return files


def _headers(file: Path) -> tuple[tuple[str, str], ...]:
    digest = hashlib.sha256(file.read_bytes()).hexdigest()[:32]
    return (
        ("Content-Type", _TYPES[file.suffix]),
        ("ETag", f'"{digest}"'),
        ("Cache-Control", "no-cache"),
        ("Content-Security-Policy", POLICY),
        ("X-Content-Type-Options", "nosniff"),
        ("Referrer-Policy", "same-origin"),
    )
