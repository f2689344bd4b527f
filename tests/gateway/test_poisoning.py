"""Sixty request headers that caches elsewhere were poisoned with: none of them reaches what the next visitor gets (C1).

Each is asked first, with a marked value, for a picture that nobody has asked before; then the same address is asked
without it. The second answer is what a visitor gets who comes after the attacker, so it is compared with the answer of
a server that never saw the header.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from tests.gateway.platforms import play

from imagemill import assembly

MARK = "zz9poison.example"

HEADERS: tuple[tuple[str, str], ...] = (
    # who is asked, and by which way
    ("X-Forwarded-Host", MARK),
    ("X-Forwarded-Server", MARK),
    ("X-Forwarded-Proto", MARK),
    ("X-Forwarded-Scheme", MARK),
    ("X-Forwarded-Port", "4443"),
    ("X-Forwarded-For", f"{MARK}, 203.0.113.9"),
    ("X-Forwarded-Prefix", f"/{MARK}"),
    ("X-Forwarded-Ssl", "on"),
    ("X-Forwarded-Path", f"/{MARK}"),
    ("X-Forwarded", f"for={MARK}"),
    ("Forwarded", f"for={MARK};host={MARK};proto=gopher"),
    ("Forwarded-For", MARK),
    ("X-Host", MARK),
    ("X-HTTP-Host-Override", MARK),
    ("X-Original-Host", MARK),
    ("X-Original-URL", f"/img/w=9/{MARK}.png"),
    ("X-Rewrite-URL", f"/img/w=9/{MARK}.png"),
    ("X-Override-URL", f"/img/w=9/{MARK}.png"),
    ("X-Accel-Redirect", f"/{MARK}"),
    ("X-Sendfile", f"/etc/{MARK}"),
    ("X-Real-IP", MARK),
    ("X-Client-IP", MARK),
    ("True-Client-IP", MARK),
    ("CF-Connecting-IP", MARK),
    ("X-Cluster-Client-IP", MARK),
    ("X-ProxyUser-Ip", MARK),
    ("Client-IP", MARK),
    ("X-WAP-Profile", f"http://{MARK}/wap.xml"),
    ("Front-End-Https", "on"),
    ("Via", f"1.1 {MARK}"),
    # another method or meaning
    ("X-HTTP-Method", "DELETE"),
    ("X-HTTP-Method-Override", "DELETE"),
    ("X-Method-Override", "POST"),
    ("X-Requested-With", MARK),
    ("X-Amz-Website-Redirect-Location", f"https://{MARK}/"),
    ("X-Amz-Server-Side-Encryption", MARK),
    ("X-Oss-Process", f"image/resize,w_{MARK}"),
    # what is negotiated, or looks as if it were
    ("Accept", f"image/{MARK}, */*;q=0.1"),
    ("Accept-Charset", MARK),
    ("Accept-Encoding", f"{MARK}, gzip"),
    ("Accept-Language", MARK),
    ("Accept-Datetime", MARK),
    ("Sec-CH-Width", "99"),
    ("Sec-CH-DPR", "4.0"),
    ("Save-Data", "on"),
    ("User-Agent", f"Mozilla/5.0 {MARK}"),
    ("Origin", f"https://{MARK}"),
    ("Referer", f"https://{MARK}/"),
    # who asks
    ("Cookie", f"session={MARK}; CloudFront-Policy={MARK}"),
    ("Authorization", f"Bearer imk_{MARK}"),
    ("X-Api-Key", f"imk_{MARK}"),
    ("Proxy-Authorization", f"Basic {MARK}"),
    # what is conditional, partial, or about caching
    ("Range", "bytes=1-3"),
    ("If-Range", f'"{MARK}"'),
    ("If-None-Match", f'"{MARK}", *'),
    ("If-Match", f'"{MARK}"'),
    ("If-Modified-Since", "Fri, 01 Jan 2038 00:00:00 GMT"),
    ("If-Unmodified-Since", "Thu, 01 Jan 1970 00:00:00 GMT"),
    ("Cache-Control", f"only-if-cached, max-age=0, {MARK}"),
    ("Pragma", f"no-cache, {MARK}"),
    ("TE", f"trailers, {MARK}"),
    ("Upgrade", MARK),
    ("Expect", MARK),
    ("Max-Forwards", "0"),
    ("X-Request-Id", MARK.replace(".", "-")),
    ("Traceparent", f"00-{MARK}-01"),
    ("X-Timer", MARK),
    ("X-Forwarded-Range", "bytes=1-3"),
)
"""Name and marked value; the marks that are numbers or methods show by what they would change."""

PER_REQUEST = frozenset({"x-request-id", "server-timing", "cache-status", "date"})
"""What each answer has of its own; nothing of a request may be in the others."""


@dataclass(frozen=True, slots=True)
class Seen:
    """An answer as a cache would keep it."""

    status: int
    headers: dict[str, str]
    body: bytes

    @classmethod
    def of(cls, answer: httpx.Response) -> Seen:
        """Return what is kept of an answer."""
        headers = {name: value for name, value in answer.headers.items() if name not in PER_REQUEST}
        return cls(answer.status_code, headers, answer.content)


def test_the_matrix_is_as_large_as_the_model_asks() -> None:
    """Sixty different headers at least."""
    assert len({name.lower() for name, _ in HEADERS}) >= 60


@pytest.mark.parametrize("options", ["w={width},fm=png", "w={width}", "w=auto,h={width},fm=png"])
def test_no_header_changes_what_the_next_visitor_gets(tmp_path: Path, options: str) -> None:
    """From a stated format, a negotiated one, and one that reads hints: the clean answer is that of a clean server."""

    async def scene(client: httpx.AsyncClient, platform: assembly.Platform) -> None:
        for number, (name, value) in enumerate(HEADERS):
            url = f"/img/{options.format(width=20 + number)}/a.png"
            marked = await client.get(url, headers={name: value})
            assert marked.status_code in (200, 206, 304, 412, 416), (name, marked.status_code)
            assert MARK not in _kept(marked), name
            from_memory = Seen.of(await client.get(url))
            await platform.maker.drain()
            platform.cache.forget("default", "a.png")
            from_store = Seen.of(await client.get(url))
            await client.delete(
                "/v1/variants/a.png", headers={"x-api-key": (tmp_path / "admin.key").read_text().strip()}
            )
            clean = Seen.of(await client.get(url))
            assert from_memory.status == clean.status == 200, name
            for seen in (from_memory, from_store):
                assert _without_validators(seen) == _without_validators(clean), name

    play(tmp_path, scene)


@pytest.mark.parametrize(
    "path", ["/img/w=64/none.png", "/img/nonsense=1/a.png", "/info/a.png", "/robots.txt", "/nothing"]
)
def test_errors_and_pages_are_no_door_either(tmp_path: Path, path: str) -> None:
    """What is not a picture repeats no header, and is the same with and without one."""

    async def scene(client: httpx.AsyncClient, _: assembly.Platform) -> None:
        clean = Seen.of(await client.get(path))
        for name, value in HEADERS:
            marked = await client.get(path, headers={name: value})
            assert MARK not in _kept(marked), name
            again = Seen.of(await client.get(path))
            assert (again.status, again.headers.keys()) == (clean.status, clean.headers.keys()), name
            assert _anonymous(again) == _anonymous(clean), name

    play(tmp_path, scene)


def _kept(answer: httpx.Response) -> str:
    """Return everything of an answer that a cache would keep, as text."""
    return f"{Seen.of(answer).headers} {answer.content.decode('latin-1')}"


def _without_validators(seen: Seen) -> Seen:
    """Return an answer without the moment at which its bytes were made, which ETag and Last-Modified tell."""
    headers = {name: value for name, value in seen.headers.items() if name not in ("etag", "last-modified")}
    return Seen(seen.status, headers, seen.body)


def _anonymous(seen: Seen) -> bytes:
    """Return a body without the id of its request."""
    head, found, tail = seen.body.partition(b'"request_id": "')
    return head + tail.partition(b'"')[2] if found else seen.body
