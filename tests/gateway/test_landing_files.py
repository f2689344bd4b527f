"""The files of the landing page: which there are, and what goes with them."""

from __future__ import annotations

import asyncio
import json
import re

import pytest

from imagemill.gateway.landing import MAX_SAMPLES, STATIC, landing_response, samples_response


def headers_of(path: str) -> dict[str, str]:
    """The headers of a file that must be there."""
    answer = landing_response(path)
    assert answer is not None
    return dict(answer[1])


@pytest.mark.parametrize(
    ("path", "content_type"),
    [
        ("/", "text/html; charset=utf-8"),
        ("/favicon.ico", "image/x-icon"),
        ("/robots.txt", "text/plain; charset=utf-8"),
        ("/static/landing.css", "text/css; charset=utf-8"),
        ("/static/landing.js", "text/javascript; charset=utf-8"),
        ("/static/favicon.svg", "image/svg+xml"),
    ],
)
def test_file_is_served_with_its_type(path: str, content_type: str) -> None:
    """Every file of the page has its own media type, its length, and may not be taken for another."""
    answer = landing_response(path)
    assert answer is not None
    status, headers, body = answer
    assert status == 200
    assert dict(headers)["Content-Type"] == content_type
    assert dict(headers)["Content-Length"] == str(len(body))
    assert dict(headers)["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize(
    "path", ["/static/", "/static/../landing.py", "/static/..%2flanding.py", "/landing.html", "/x", "", "//", "/static"]
)
def test_anything_else_is_not_there(path: str) -> None:
    """Only what was read at the start can be asked for; no path reaches the disk."""
    assert landing_response(path) is None


def test_known_file_is_not_sent_again() -> None:
    """A browser that has the present file gets 304 without a body; another ETag gets the file."""
    etag = headers_of("/")["ETag"]
    answer = landing_response("/", f'"other", W/{etag}')
    assert answer is not None
    assert answer[0] == 304
    assert answer[2] == b""
    assert dict(answer[1])["ETag"] == etag
    other = landing_response("/", '"other"')
    assert other is not None
    assert other[0] == 200


def test_policy_allows_nothing_from_elsewhere() -> None:
    """No other host, nothing inline, nobody may frame the page."""
    policy = headers_of("/")["Content-Security-Policy"]
    assert "unsafe" not in policy
    assert "*" not in policy
    assert "http" not in policy
    assert "frame-ancestors 'none'" in policy


def test_page_keeps_its_own_policy() -> None:
    """The document has no inline script, style or handler and names no other host."""
    page = (STATIC / "landing.html").read_text(encoding="utf-8")
    assert not re.search(r"<style|\sstyle=|\son[a-z]+=|javascript:", page)
    assert re.findall(r"<script[^>]*>([^<]*)</script>", page) == [""]
    assert not re.search(r"(?:src|href)=\"(?:https?:)?//", page)


def test_scripts_never_make_markup_of_text() -> None:
    """Keys are written by strangers, so no script uses the ways that turn text into elements (threat L1)."""
    for script in STATIC.glob("*.js"):
        source = script.read_text(encoding="utf-8")
        assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(", source), script.name


def test_every_id_that_scripts_ask_for_is_in_the_page() -> None:
    """A renamed element would break the page silently; here it breaks the test."""
    page = (STATIC / "landing.html").read_text(encoding="utf-8")
    present = set(re.findall(r'id="([^"]+)"', page))
    for script in STATIC.glob("*.js"):
        asked = set(re.findall(r'byId\("([^"]+)"\)', script.read_text(encoding="utf-8")))
        assert asked <= present, script.name


def test_samples_are_few_and_plain() -> None:
    """At most twelve items, five facts each; whatever else the server knows stays inside."""

    async def samples() -> list[dict[str, object]]:
        return [
            {"key": f"{number}.png", "width": 2, "height": 1, "size": 9, "version": "ab", "path": "/srv/secret"}
            for number in range(20)
        ]

    status, headers, body = asyncio.run(samples_response(samples, {"access": "open"}))
    assert status == 200
    assert dict(headers)["Cache-Control"] == "no-store"
    told = json.loads(body)
    assert told["site"] == {"access": "open"}
    items = told["items"]
    assert len(items) == MAX_SAMPLES
    assert items[0] == {"key": "0.png", "width": 2, "height": 1, "size": 9, "version": "ab"}
