"""What a server in front shows of a picture that was closed or deleted since it was kept (threats C7, G8)."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest
from tests.edge_config.conftest import ELSEWHERE, SETTINGS
from tests.servers.edges import Edge
from tests.servers.nginx import nginx
from tests.servers.varnish import varnish
from tests.serving import RunningServer, serving

from imagemill import demo

URL = "/img/w=90/astronaut.jpg"
OTHER = "/img/w=90/coffee.png"
FRESH = 1.0
"""Seconds that an entry counts in these configurations, for the ten of the written ones."""


def impatient(text: str) -> str:
    """Return a configuration that looks again after a second instead of ten."""
    found = re.sub(r"(proxy_cache_valid 200|beresp\.ttl =|req\.grace =) 10s;", r"\1 1s;", text)
    assert found != text
    return found


def statuses(edge: Edge, url: str, seconds: float) -> list[int]:
    """Return the statuses of asking again and again."""
    end = time.monotonic() + seconds
    found = []
    while time.monotonic() < end:
        found.append(edge.get(url).status_code)
        time.sleep(0.1)
    return found


@pytest.mark.parametrize("name", ["cache", "varnish"])
def test_what_was_closed_stays_closed(name: str, tmp_path: Path) -> None:
    """Made private: refused soon, to everybody, and for good, also when Imagemill is away. Deleted: not shown once."""
    data = tmp_path / "data"
    demo.prepare(data)
    front, env = (nginx, ELSEWHERE) if name == "cache" else (varnish, SETTINGS)
    with serving(data, env=SETTINGS) as server, front(server, tmp_path / name, env=env, rewrite=impatient) as edge:
        assert edge.is_hit(edge.hit(URL))
        assert edge.is_hit(edge.hit(OTHER))
        close(server)
        deadline = time.monotonic() + 60
        while edge.get(URL).status_code == 200:
            assert time.monotonic() < deadline, "still shown"
        assert set(statuses(edge, URL, 2 * FRESH)) == {403}
        for headers in ({"range": "bytes=0-9"}, {"if-none-match": "*"}, {"cookie": "CloudFront-Policy=x"}):
            assert edge.get(URL, **headers).status_code == 403
        # Nobody has asked for this one since: long after its time the first asker must not get what was there.
        assert edge.get(OTHER).status_code == 404
        assert server.stop() == 0
        assert 200 not in statuses(edge, URL, 2 * FRESH)


@pytest.mark.parametrize("name", ["cache", "varnish"])
def test_what_was_deleted_stays_away_where_no_404_is_kept(name: str, tmp_path: Path) -> None:
    """With `delivery.not_found_max_age = 0` a 404 tells nobody to keep it, and still ends the picture in the cache."""
    data = tmp_path / "data"
    demo.prepare(data)
    none = {"IMAGEMILL_DELIVERY__NOT_FOUND_MAX_AGE": "0"}
    front, env = (nginx, ELSEWHERE) if name == "cache" else (varnish, SETTINGS)
    with (
        serving(data, env=SETTINGS | none) as server,
        front(server, tmp_path / name, env=env | none, rewrite=impatient) as edge,
    ):
        assert edge.is_hit(edge.hit(OTHER))
        close(server)
        deadline = time.monotonic() + 60
        while (gone := edge.get(OTHER)).status_code == 200:
            assert time.monotonic() < deadline, "still shown"
        assert (gone.status_code, gone.headers["cache-control"]) == (404, "no-store")
        nothing = edge.get("/nothing")
        assert (nothing.status_code, nothing.headers["cache-control"]) == (404, "no-store")
        assert server.stop() == 0
        assert 200 not in statuses(edge, OTHER, 2 * FRESH)


def close(server: RunningServer) -> None:
    """Make one picture private and delete the other."""
    with server.client() as client:
        assert client.patch("/v1/originals/astronaut.jpg", json={"private": True}).status_code == 200
        assert client.delete("/v1/originals/coffee.png").status_code == 204


def test_who_brings_cookies_is_judged_by_us(edges: dict[str, Edge]) -> None:
    """A refusal that nginx keeps for a moment is not told to who may see the picture."""
    answer = edges["cache"].get(URL, cookie="a=b; CloudFront-Key-Pair-Id=x")
    assert answer.status_code == 200
    assert "nginx" not in answer.headers["cache-status"]
