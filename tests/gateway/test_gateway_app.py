"""The front door by itself: real parts, memory adapters, no socket."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.gateway.platforms import picture, play

from imagemill import assembly


def test_every_tier_answers_with_the_same_headers(tmp_path: Path) -> None:
    """Made, from the store and from memory differ in Cache-Status and nothing else that a cache looks at."""
    per_request = ("cache-status", "x-request-id", "server-timing", "date")

    async def scene(client: httpx.AsyncClient, platform: assembly.Platform) -> None:
        seen: dict[str, dict[str, str]] = {}
        url = "/img/w=64/a.png"
        for name in ("made", "memory", "again"):
            answer = await client.get(url, headers={"accept": "image/webp"})
            assert answer.status_code == 200
            seen[name] = {k: v for k, v in answer.headers.items() if k not in per_request}
            assert ("hit" in answer.headers["cache-status"]) is (name != "made")
        await platform.maker.drain()
        platform.cache.forget("default", "a.png")
        answer = await client.get(url, headers={"accept": "image/webp"})
        assert answer.headers["cache-status"] == "imagemill; hit; detail=store"
        seen["store"] = {k: v for k, v in answer.headers.items() if k not in per_request}
        assert seen["made"] == seen["memory"] == seen["again"] == seen["store"]

    play(tmp_path, scene)


def test_the_format_follows_accept_in_three_buckets(tmp_path: Path) -> None:
    """AVIF and WebP only when named with q above 0; Vary says what was read; a stated format does not vary."""
    accepts = {
        "image/avif,image/webp,*/*;q=0.8": "image/avif",
        "image/webp,*/*": "image/webp",
        "image/avif;q=0,image/webp": "image/webp",
        "IMAGE/AVIF": "image/avif",
        "*/*": "image/jpeg",
        "image/*": "image/jpeg",
        "": "image/jpeg",
        "text/html": "image/jpeg",
    }

    async def scene(client: httpx.AsyncClient, _: assembly.Platform) -> None:
        for _round in range(2):  # the second is answered from the memo
            for accept, expected in accepts.items():
                answer = await client.get("/img/w=64/a.png", headers={"accept": accept})
                assert answer.headers["content-type"] == expected, accept
                assert answer.headers["vary"] == "Accept"
                stated = await client.get("/img/w=64,fm=png/a.png", headers={"accept": accept})
                assert stated.headers["content-type"] == "image/png"
                assert "vary" not in stated.headers

    play(tmp_path, scene)


def test_conditional_requests_and_ranges_work_from_every_tier(tmp_path: Path) -> None:
    """304 with the headers of a 200, 206, 416, 412 and HEAD, for a fresh variant and for one in memory."""

    async def scene(client: httpx.AsyncClient, _: assembly.Platform) -> None:
        url = "/img/w=64,fm=png/a.png"
        head = await client.head(url)
        whole = await client.get(url)
        assert head.status_code == 200
        assert head.content == b""
        assert head.headers["content-length"] == str(len(whole.content))
        same = await client.get(url, headers={"if-none-match": whole.headers["etag"]})
        assert (same.status_code, same.content) == (304, b"")
        for name in ("etag", "cache-control", "last-modified", "content-security-policy"):
            assert same.headers[name] == whole.headers[name]
        part = await client.get(url, headers={"range": "bytes=2-5"})
        assert (part.status_code, part.content) == (206, whole.content[2:6])
        assert part.headers["content-range"] == f"bytes 2-5/{len(whole.content)}"
        beyond = await client.get(url, headers={"range": "bytes=9999999-"})
        assert beyond.status_code == 416
        assert beyond.headers["content-range"] == f"bytes */{len(whole.content)}"
        other = await client.get(url, headers={"if-match": '"other"'})
        assert other.status_code == 412

    play(tmp_path, scene)


def test_a_date_does_not_pass_a_replaced_picture_for_the_present_one(tmp_path: Path) -> None:
    """If-Modified-Since is believed until the picture is replaced within the second of the date."""

    async def scene(client: httpx.AsyncClient, _: assembly.Platform) -> None:
        url = "/img/w=64,fm=png/a.png"
        first = await client.get(url)
        since = {"if-modified-since": first.headers["last-modified"]}
        assert (await client.get(url, headers=since)).status_code == 304
        key = (tmp_path / "admin.key").read_text().strip()
        put = await client.put("/v1/originals/a.png", content=picture((40, 40, 200)), headers={"x-api-key": key})
        assert put.status_code == 200
        second = await client.get(url, headers=since)
        assert second.status_code == 200
        assert second.content != first.content

    play(tmp_path, scene)


def test_pictures_of_one_size_within_one_second_have_different_tags(tmp_path: Path) -> None:
    """Flat pictures of equal length, replaced at once: no tag and no date of one passes for another (threat C10)."""

    async def scene(client: httpx.AsyncClient, _: assembly.Platform) -> None:
        url = "/img/w=64,fm=png/a.png"
        key = (tmp_path / "admin.key").read_text().strip()
        seen: dict[str, bytes] = {}
        dates: dict[str, bytes] = {}
        sizes = set()
        for shade in range(30, 60):
            put = await client.put("/v1/originals/a.png", content=picture((shade,) * 3), headers={"x-api-key": key})
            assert put.status_code == 200
            answer = await client.get(url, headers={"if-none-match": ", ".join(seen)})
            assert answer.status_code == 200
            for date in dates:
                dated = await client.get(url, headers={"if-modified-since": date})
                assert dated.status_code == 200
                glued = await client.get(url, headers={"if-range": date, "range": "bytes=0-9"})
                assert glued.status_code == 200
            tag, date = answer.headers["etag"], answer.headers["last-modified"]
            assert tag not in seen
            assert date not in dates
            assert (await client.get(url, headers={"if-modified-since": date})).status_code == 304
            seen[tag] = dates[date] = answer.content
            sizes.add(len(answer.content))
        assert len(sizes) < len(seen)

    play(tmp_path, scene)


def test_formats_of_one_address_have_different_tags(tmp_path: Path) -> None:
    """Tag and date of a negotiated answer are of one format, even if two formats had the same length."""

    async def scene(client: httpx.AsyncClient, _: assembly.Platform) -> None:
        answers = [
            await client.get("/img/w=64/a.png", headers={"accept": accept})
            for accept in ("image/avif", "image/webp", "*/*")
        ]
        assert len({answer.headers["last-modified"] for answer in answers}) == 3

    play(tmp_path, scene)


def test_an_address_that_can_lead_elsewhere_has_a_tag_of_the_bytes(tmp_path: Path) -> None:
    """What a preset means and what a hint asks can change without the original: the tag is SHA-256 there."""

    async def scene(client: httpx.AsyncClient, _: assembly.Platform) -> None:
        for url in ("/img/p=card/a.png", "/img/w=auto,fm=png/a.png"):
            answer = await client.get(url)
            assert answer.headers["etag"] == f'"{hashlib.sha256(answer.content).hexdigest()}"'
        plain = await client.get("/img/w=64/a.png")
        assert len(plain.headers["etag"]) < 30

    (tmp_path / "imagemill.toml").write_text('[presets]\ncard = "w=40"\n')
    play(tmp_path, scene, config=str(tmp_path / "imagemill.toml"))


@pytest.mark.parametrize(
    ("spelling", "same"),
    [("w=64,h=48", "64x48"), ("w=64", "64x"), ("h=48,w=64", "w=64&h=48"), ("w=32,dpr=2", "w=64"), ("width=64", "w=64")],
)
def test_equal_recipes_are_one_variant(spelling: str, same: str, tmp_path: Path) -> None:
    """Another spelling of the same recipe is a hit (threat A5)."""

    async def scene(client: httpx.AsyncClient, _: assembly.Platform) -> None:
        first = await client.get(f"/img/{spelling}/a.png")
        second = await client.get(f"/img/{same}/a.png?utm=1&x={spelling}")
        assert first.headers["etag"] == second.headers["etag"]
        assert second.headers["cache-status"] == "imagemill; hit; detail=memory"

    play(tmp_path, scene)


REQUEST_HEADERS = [
    "x-forwarded-host",
    "x-forwarded-for",
    "x-forwarded-proto",
    "x-forwarded-port",
    "x-forwarded-server",
    "x-forwarded-scheme",
    "forwarded",
    "x-host",
    "x-original-url",
    "x-rewrite-url",
    "x-original-host",
    "x-http-method-override",
    "x-http-method",
    "x-method-override",
    "accept-language",
    "accept-encoding",
    "accept-charset",
    "origin",
    "referer",
    "cookie",
    "user-agent",
    "via",
    "from",
    "max-forwards",
    "pragma",
    "cache-control",
    "expect-ct",
    "te",
    "trailer",
    "upgrade-insecure-requests",
    "dnt",
    "sec-fetch-dest",
    "sec-fetch-mode",
    "sec-fetch-site",
    "x-real-ip",
    "x-client-ip",
    "client-ip",
    "true-client-ip",
    "cf-connecting-ip",
    "x-cluster-client-ip",
    "x-amz-website-redirect-location",
    "x-wap-profile",
    "x-requested-with",
    "x-csrf-token",
    "x-api-version",
    "x-correlation-id",
    "x-timer",
    "x-oversized",
    "content-type",
    "range-x",
    "sec-ch-ua",
    "sec-ch-dpr",
    "sec-ch-width",
    "dpr",
    "width",
    "viewport-width",
    "save-data",
    "early-data",
    "if-unmodified-since",
    "x-cache-key",
    "x-forwarded-prefix",
    "x-accel-redirect",
]


def test_no_request_header_poisons_a_key(tmp_path: Path) -> None:
    """A marked value in each of sixty headers changes nothing for the next, clean asker (threat C1)."""
    assert len(REQUEST_HEADERS) >= 60

    async def scene(client: httpx.AsyncClient, _: assembly.Platform) -> None:
        clean = await client.get("/img/w=31,fm=jpeg/a.png")
        for number, name in enumerate(REQUEST_HEADERS):
            url = f"/img/w={100 + number},fm=jpeg/a.png"
            marked = await client.get(url, headers={name: "poison-7f3a"})
            after = await client.get(url)
            assert marked.status_code == after.status_code == 200, name
            assert "poison-7f3a" not in str(after.headers)
            assert b"poison-7f3a" not in after.content
            assert after.headers["content-type"] == clean.headers["content-type"]
            assert set(after.headers) == set(clean.headers), name

    play(tmp_path, scene)


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/nothing", 404, "not_found"),
        ("/img/a.png", 400, "missing_options"),
        ("/img/w=1/none.png", 404, "no_such_original"),
        ("/img/w=0/a.png", 400, "bad_option"),
        ("/img/redact=blur:faces/a.png", 501, "not_built"),
        ("/img/w=9,lossless=1,fm=png/a.png", 200, ""),
        ("/img/w=9,lossless=1,fm=webp/a.png", 403, "needs_signature"),
        ("/img/w=9/" + "a" * 9000, 414, "url_too_long"),
        ("/srcset/_/a.png", 501, "not_built"),
        ("/srcset/w=9/a.png", 501, "not_built"),
        ("/v1/originals", 401, "unauthenticated"),
    ],
)
def test_errors_are_problems_with_a_stable_code(path: str, status: int, code: str, tmp_path: Path) -> None:
    """Status, code, request id and the header that a broken <img> can be debugged with; no cache keeps a failure."""

    async def scene(client: httpx.AsyncClient, _: assembly.Platform) -> None:
        answer = await client.get(path, headers={"x-request-id": "abc-1"})
        assert answer.status_code == status, answer.text
        if status == 200:
            return
        problem: dict[str, Any] = answer.json()
        assert problem["code"] == code == answer.headers["imagemill-error"]
        assert problem["request_id"] == "abc-1" == answer.headers["x-request-id"]
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.headers["access-control-allow-origin"] == "*"
        assert answer.headers["cache-control"] == ("public, max-age=5" if status == 404 else "no-store")

    play(tmp_path, scene)


@pytest.mark.parametrize(("seconds", "kept"), [("30", "public, max-age=30"), ("0", "no-store")])
def test_the_site_says_for_how_long_a_404_may_be_kept(seconds: str, kept: str, tmp_path: Path) -> None:
    """`delivery.not_found_max_age` is what delivery answers; a 404 of `/v1` was for the holder of a key (C5)."""

    async def scene(client: httpx.AsyncClient, _: assembly.Platform) -> None:
        for path in ("/img/w=9/none.png", "/info/none.png"):
            missing = await client.get(path)
            assert (missing.status_code, missing.headers["cache-control"]) == (404, kept), path
        key = (tmp_path / "admin.key").read_text().strip()
        for path in ("/v1/originals/none.png", "/v1/content/none.png", "/v1/nothing"):
            missing = await client.get(path, headers={"x-api-key": key})
            assert (missing.status_code, missing.headers["cache-control"]) == (404, "no-store"), path

    play(tmp_path, scene, **{"delivery.not_found_max_age": seconds})


@pytest.mark.parametrize("given", ["a b", "x" * 65, 'a"b', "é", ""])
def test_a_strange_request_id_is_replaced(given: str, tmp_path: Path) -> None:
    """Only letters, digits, _ and - up to 64 are taken over (threat L3)."""

    async def scene(client: httpx.AsyncClient, _: assembly.Platform) -> None:
        answer = await client.get("/healthz/live", headers={b"x-request-id": given.encode("utf-8")})
        assert answer.headers["x-request-id"] != given
        assert answer.headers["x-request-id"].isalnum()

    play(tmp_path, scene)


def test_other_methods_are_refused_with_allow(tmp_path: Path) -> None:
    """405 names what works; OPTIONS answers a browser's preflight."""

    async def scene(client: httpx.AsyncClient, _: assembly.Platform) -> None:
        for method in ("POST", "PUT", "DELETE", "PATCH", "TRACE"):
            answer = await client.request(method, "/img/w=9/a.png")
            assert answer.status_code == 405
            assert answer.headers["allow"] == "GET, HEAD, OPTIONS"
        preflight = await client.options("/img/w=9/a.png")
        assert preflight.status_code == 204
        assert preflight.headers["access-control-allow-origin"] == "*"

    play(tmp_path, scene)


def test_pages_and_metrics_are_for_the_person_at_the_machine(tmp_path: Path) -> None:
    """Through a proxy or at a delivery host `/` and the samples are 404 and `/metrics` wants the key."""

    async def scene(client: httpx.AsyncClient, _: assembly.Platform) -> None:
        assert (await client.get("/")).status_code == 200
        assert (await client.get("/samples.json")).status_code == 200
        assert (await client.get("/metrics")).status_code == 200
        far = {"x-forwarded-for": "192.0.2.1"}
        assert (await client.get("/", headers=far)).status_code == 404
        assert (await client.get("/metrics", headers=far)).status_code == 401
        rebound = {"host": "evil.example"}
        assert (await client.get("/samples.json", headers=rebound)).status_code == 404
        assert (await client.get("/metrics", headers=rebound)).status_code == 401
        assert (await client.get("/", headers={"host": "img.example.com"})).status_code == 404
        key = (tmp_path / "admin.key").read_text().strip()
        allowed = await client.get("/metrics", headers=far | {"authorization": f"Bearer {key}"})
        assert allowed.status_code == 200
        assert "a.png" not in allowed.text
        for path in ("/robots.txt", "/favicon.ico"):
            assert (await client.get(path, headers=far)).status_code == 200

    play(tmp_path, scene, **{"server.public_url": "https://img.example.com"})


def test_a_forwarded_address_counts_only_behind_a_trusted_proxy(tmp_path: Path) -> None:
    """Budgets follow the socket's peer, or the right-most hop that no trusted proxy is (threat H10)."""

    async def scene(client: httpx.AsyncClient, platform: assembly.Platform) -> None:
        clients = platform.app._clients
        scope = {"client": ("127.0.0.1", 1)}
        headers = {b"x-forwarded-for": b"6.6.6.6, 192.0.2.9, 10.1.2.3"}
        assert clients.address(scope, headers) == "192.0.2.9"
        assert clients.address({"client": ("203.0.113.5", 1)}, headers) == "203.0.113.5"
        assert clients.address(scope, {b"x-forwarded-for": b"not an address"}) == "unknown"

    play(tmp_path, scene, **{"server.trusted_proxies": "127.0.0.1,10.0.0.0/8"})


def test_ready_says_what_is_missing(tmp_path: Path) -> None:
    """A stopping server is alive but not ready."""

    async def scene(client: httpx.AsyncClient, platform: assembly.Platform) -> None:
        assert (await client.get("/healthz/ready")).json()["status"] == "ready"
        platform.app.drain()
        answer = await client.get("/healthz/ready")
        assert answer.status_code == 503
        assert answer.json()["checks"]["server"] == "is stopping"
        assert (await client.get("/healthz/live")).status_code == 200

    play(tmp_path, scene)


def test_an_upload_that_outlasts_the_server_is_the_last_request_of_its_connection(tmp_path: Path) -> None:
    """Its answer begins after the word to hand over, and says so: the next request goes to whoever serves on."""

    async def scene(client: httpx.AsyncClient, platform: assembly.Platform) -> None:
        key = (tmp_path / "admin.key").read_text().strip()
        whole = picture()

        async def body() -> AsyncIterator[bytes]:
            yield whole[:100]
            platform.app.hand_over()
            yield whole[100:]

        answer = await client.put("/v1/originals/b.png", content=body(), headers={"x-api-key": key})
        assert (answer.status_code, answer.headers.get("connection")) == (201, "close")

    play(tmp_path, scene)
