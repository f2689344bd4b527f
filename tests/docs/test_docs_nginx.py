"""The nginx lines of the README and of the delivery page, in a real nginx in front of a real server."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from tests.docs.pages import ROOT, blocks_of
from tests.serving import RunningServer, free_port, serving
from tests.tools import need

from imagemill import demo

SECONDS = 20.0
AVIF = {"Accept": "image/avif,image/webp,*/*;q=0.8"}
WEBP = {"Accept": "image/webp,*/*"}
FRAME = """
{user}
error_log {folder}/error.log; pid {folder}/nginx.pid; daemon off; worker_processes 1;
events {{ worker_connections 64; }}
http {{
  access_log off; include /etc/nginx/mime.types; default_type application/octet-stream;
  client_body_temp_path {folder}/t1; proxy_temp_path {folder}/t2; fastcgi_temp_path {folder}/t3;
  uwsgi_temp_path {folder}/t4; scgi_temp_path {folder}/t5;
{lines}
}}
"""
"""What Debian's nginx.conf has around a site; everything of ours in a folder of the test."""


@dataclass
class Front:
    """nginx before a running server."""

    url: str
    server: RunningServer

    def get(self, path: str, **headers: str) -> httpx.Response:
        """Ask nginx."""
        return httpx.get(self.url + path, headers=headers, trust_env=False)

    def get_kept(self, path: str, **headers: str) -> httpx.Response:
        """Ask nginx until it answers without Imagemill: a variant is kept after its first answer went out."""
        deadline = time.monotonic() + SECONDS
        while True:
            answer = self.get(path, **headers)
            if "x-request-id" not in answer.headers or time.monotonic() > deadline:
                return answer
            time.sleep(0.02)


@contextmanager
def nginx(lines: str, server: RunningServer, folder: Path) -> Iterator[Front]:
    """Run nginx with a page's `lines`, whose ports and folder become the test's."""
    binary = need("nginx", "nginx-light")
    port = free_port()
    for page, test in {
        "listen 80;": f"listen 127.0.0.1:{port};",
        "listen 8081;": f"listen 127.0.0.1:{port};",
        "127.0.0.1:8080": f"127.0.0.1:{server.port}",
        "/home/me/Pictures": str(server.data),
    }.items():
        lines = lines.replace(page, test)
    user = "user root;" if os.getuid() == 0 else ""  # a test's folder is open to its owner only
    (folder / "nginx.conf").write_text(FRAME.format(user=user, folder=folder, lines=lines))
    process = subprocess.Popen([binary, "-c", str(folder / "nginx.conf")], stderr=subprocess.PIPE)
    try:
        deadline = time.monotonic() + SECONDS
        while True:
            try:
                httpx.get(f"http://127.0.0.1:{port}/robots.txt", trust_env=False)
                break
            except httpx.TransportError:
                assert process.poll() is None, process.communicate()[1].decode()
                assert time.monotonic() < deadline
                time.sleep(0.02)
        yield Front(f"http://127.0.0.1:{port}", server)
    finally:
        process.terminate()
        process.communicate()


def lines_of(page: str) -> str:
    """The first nginx block of a page."""
    return blocks_of(ROOT / page, "nginx")[0]


@pytest.fixture(params=["README.md", "docs/delivery.md"])
def front(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Front]:
    """An nginx with the lines of one of the pages."""
    data = tmp_path / "Pictures"
    demo.prepare(data)
    with serving(data) as server, nginx(lines_of(request.param), server, tmp_path) as running:
        yield running


def test_readme_says_six_lines() -> None:
    """The README promises six lines, and six they are."""
    assert len(lines_of("README.md").splitlines()) == 6


def test_second_asker_is_served_by_nginx_alone(front: Front) -> None:
    """Each bucket is made once by Imagemill; after that nginx has it, typed, also when Imagemill is gone."""
    for accept, media_type in ((AVIF, "image/avif"), (WEBP, "image/webp"), ({}, "image/jpeg")):
        first = front.get("/img/w=200/astronaut.jpg", **accept)
        assert (first.status_code, first.headers["content-type"]) == (200, media_type)
        kept = front.get_kept("/img/w=200/astronaut.jpg", **accept)
        assert kept.content == first.content
        assert kept.headers["content-type"] == media_type
        assert kept.headers["vary"] == "Accept"
        assert "max-age=600" in kept.headers["cache-control"]
    assert front.server.stop() == 0
    assert front.get("/img/w=200/astronaut.jpg", **AVIF).headers["content-type"] == "image/avif"
    assert front.get("/img/w=201/astronaut.jpg", **AVIF).status_code == 502


def test_replaced_and_deleted_at_once(front: Front) -> None:
    """After the answer to a PUT nginx shows the new picture, after that to a DELETE none."""
    front.get("/img/w=200/astronaut.jpg")
    old = front.get_kept("/img/w=200/astronaut.jpg").content
    with front.server.client() as client:
        rocket = (demo.PHOTOS / "rocket.jpg").read_bytes()
        assert client.put("/v1/originals/astronaut.jpg", content=rocket).status_code == 200
        new = front.get("/img/w=200/astronaut.jpg")
        assert new.status_code == 200
        assert new.content != old
        assert front.get_kept("/img/w=200/astronaut.jpg").content == new.content
        assert client.delete("/v1/originals/astronaut.jpg").status_code == 204
    assert front.get("/img/w=200/astronaut.jpg").status_code == 404


def test_what_nginx_cannot_name_is_passed_on(front: Front) -> None:
    """Another spelling, transparency for an old browser, a wrong option, a key outside: Imagemill answers each."""
    assert front.get("/img/120x80/astronaut.jpg").status_code == 200
    for _ in range(2):
        assert front.get("/img/w=100/windmill.png").headers["content-type"] == "image/png"
    assert front.get("/img/w=0/astronaut.jpg").status_code == 400
    assert front.get("/img/w=200/astronaut.jpg/~/current/x").status_code == 400
    assert front.get("/img/w=200/admin.key").status_code == 400


def test_named_formats_and_versions_are_static_too(tmp_path: Path) -> None:
    """The full lines also find `fm=` and `?v=`; a version that is not the present one is asked of Imagemill."""
    data = tmp_path / "Pictures"
    demo.prepare(data)
    with serving(data) as server, nginx(lines_of("docs/delivery.md"), server, tmp_path) as front:
        with server.client() as client:
            version = client.get("/v1/originals/astronaut.jpg").json()["version"]
        for form in ("avif", "webp", "jpeg"):
            path = f"/img/w=200,fm={form}/astronaut.jpg?v={version}"
            first = front.get(path)
            kept = front.get_kept(path)
            assert kept.content == first.content
            assert kept.headers["content-type"] == f"image/{form}"
            assert kept.headers["cache-control"] == "public, max-age=31536000, immutable"
            assert "vary" not in kept.headers
        other = front.get("/img/w=200,fm=avif/astronaut.jpg?v=000000000000")
        assert other.headers["cache-control"] == "no-cache"
        assert other.status_code == 200


def test_refused_formats_are_not_taken_for_wanted(tmp_path: Path) -> None:
    """`image/avif;q=0` is a refusal; the full lines know that."""
    data = tmp_path / "Pictures"
    demo.prepare(data)
    with serving(data) as server, nginx(lines_of("docs/delivery.md"), server, tmp_path) as front:
        front.get("/img/w=200/astronaut.jpg", **AVIF)
        front.get_kept("/img/w=200/astronaut.jpg", **AVIF)
        refused = front.get("/img/w=200/astronaut.jpg", Accept="image/avif;q=0, image/webp")
        assert refused.headers["content-type"] == "image/webp"
