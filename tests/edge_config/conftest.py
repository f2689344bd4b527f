"""One Imagemill with a private prefix, and in front of it each server with the configuration written for it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.servers.edges import Edge
from tests.servers.nginx import nginx
from tests.servers.varnish import varnish
from tests.serving import RunningServer, serving

from imagemill import demo

SECRET = "a-secret-of-a-test-of-edges"
SETTINGS = {
    "IMAGEMILL_SERVER__TRUSTED_PROXIES": "127.0.0.1",
    "IMAGEMILL_LIMITS__CLIENT_BURST": "100000",
    "IMAGEMILL_DELIVERY__PRIVATE": "users/",
    "IMAGEMILL_SIGNING__KEYS": f"k1:{SECRET}",
    "IMAGEMILL_PRESETS__CARD": "w=120",
}
ELSEWHERE = SETTINGS | {"IMAGEMILL_VARIANTS__URL": "memory://"}
"""What makes nginx keep answers in a cache of its own: no variants on its disk."""
EDGES = ("files", "cache", "varnish")


@pytest.fixture(scope="session")
def origin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A server with the sample photos, some of them under names that try a server in front."""
    data: Path = tmp_path_factory.mktemp("edges") / "data"
    demo.prepare(data)
    for name in ("a/b/c/ph oto@2x.jpeg", "a/p (1).jpg", "a/é.jpg", "users/u1/face.jpg", "1/2/3/4/5/6/7/8/9/deep.jpg"):
        (data / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(data / "astronaut.jpg", data / name)
    with serving(data, env=SETTINGS) as running:
        yield running


@pytest.fixture(scope="session")
def edges(origin: RunningServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Edge]]:
    """All three: nginx with files, nginx with a cache, Varnish; the control API is let through."""
    folder = tmp_path_factory.mktemp("fronts")
    with (
        nginx(origin, folder / "files", "--control", env=SETTINGS) as files,
        nginx(origin, folder / "cache", "--control", env=ELSEWHERE) as cache,
        varnish(origin, folder / "varnish", "--control", env=SETTINGS) as front,
    ):
        yield {"files": files, "cache": cache, "varnish": front}


@pytest.fixture(params=EDGES)
def edge(request: pytest.FixtureRequest, edges: dict[str, Edge]) -> Edge:
    """One of the three after the other."""
    return edges[request.param]
