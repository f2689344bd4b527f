"""Further sources through the real server: a folder, a web server, whole addresses, and what is refused."""

from __future__ import annotations

import base64
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.servers.web import Web, answer, web_server
from tests.serving import RunningServer, environment, serving

from imagemill import demo

PHOTO = (demo.PHOTOS / "coffee.png").read_bytes()
OTHER = (demo.PHOTOS / "chelsea.png").read_bytes()


@dataclass
class Place:
    """A server with sources, and what stands behind them."""

    server: RunningServer
    web: Web
    folder: Path

    def whole(self, target: str) -> str:
        """Return the path of a picture that lies at a whole address of the web server."""
        return f"/img/w=40,fm=png/b64:{encoded(self.web.url + target)}"


def encoded(text: str) -> str:
    """Return `text` as a key after `b64:`."""
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """Three sources: a folder, a base on the web server, and that server's host for whole addresses."""
    home = tmp_path_factory.mktemp("sources")
    folder = home / "archive"
    (folder / "old").mkdir(parents=True)
    (folder / "old" / "cup.png").write_bytes(PHOTO)
    (folder / "admin.key").write_text("not yours")
    before = sorted(folder.rglob("*"))
    with web_server(home, {}) as web:
        config = home / "imagemill.toml"
        config.write_text(
            "[sources]\n"
            f"archive = 'file://{folder}'\n"
            "[sources.cdn]\n"
            f"url = '{web.url}/media/'\n"
            f"hosts = ['127.0.0.1:{web.port}']\n"
            "allow_private = ['127.0.0.1/32']\n"
            "ca_file = 'ca.pem'\n"
        )
        with serving(home / "data", "--config", str(config)) as server:
            yield Place(server, web, folder)
    assert sorted(folder.rglob("*")) == before, "something was written into a source"


def test_pictures_of_every_source_are_served(place: Place) -> None:
    """Under the source's name, with the rest of the key as its own; a variant is made once."""
    place.web.routes["/media/cats/tom.png"] = answer(PHOTO, etag='"1"')
    place.web.routes["/x/y.png"] = answer(OTHER)
    with place.server.client(admin=False) as client:
        for path in (
            "/img/w=40,fm=png/archive/old/cup.png",
            "/img/w=40,fm=png/cdn/cats/tom.png",
            place.whole("/x/y.png?size=1"),
        ):
            first = client.get(path)
            assert (first.status_code, first.headers["content-type"]) == (200, "image/png"), first.text
            assert client.get(path).headers["cache-status"].startswith("imagemill; hit")
        assert client.get("/info/cdn/cats/tom.png").json()["width"] > 0
    assert place.web.targets().count("/media/cats/tom.png") == 1
    assert place.web.targets().count("/x/y.png?size=1") == 1


def test_a_listing_has_what_can_be_listed(place: Place) -> None:
    """A folder's pictures stand among the others; a web server does not say what it has."""
    with place.server.client() as client:
        put = client.put("/v1/originals/own.png", content=PHOTO)
        assert put.status_code == 201
        items = client.get("/v1/originals").json()["items"]
        assert [item["key"] for item in items] == ["archive/old/cup.png", "own.png"]
        assert client.get("/v1/originals", params={"delimiter": "/"}).json()["prefixes"] == ["archive/"]


def test_a_source_is_read_only(place: Place) -> None:
    """403 `read_only` for PUT and DELETE, before a body is read; words about a picture are ours and may be changed."""
    place.web.routes["/media/cats/tom.png"] = answer(PHOTO, etag='"1"')
    with place.server.client() as client:
        for key in ("archive/old/cup.png", "archive/new.png", "cdn/cats/tom.png"):
            for refused in (client.put(f"/v1/originals/{key}", content=PHOTO), client.delete(f"/v1/originals/{key}")):
                assert (refused.status_code, refused.json()["code"]) == (403, "read_only"), key
        said = client.patch("/v1/originals/cdn/cats/tom.png", json={"alt": "a cat"})
        assert said.status_code == 200, said.text
        assert client.get("/v1/content/archive/admin.key").status_code == 404


def test_what_a_source_does_not_have_or_list(place: Place) -> None:
    """404 where its host says so, 403 for other hosts, 400 for what is no address, 502 in one wording for the rest."""
    place.web.routes["/media/broken.png"] = answer(b"", "500 Oops")
    with place.server.client(admin=False) as client:
        assert client.get("/img/w=40/cdn/absent.png").status_code == 404
        for address, status, code in (
            ("https://images.example.com/x.png", 403, "source_not_allowed"),
            ("http://169.254.169.254/latest/meta-data/", 403, "source_not_allowed"),
            (f"http://127.0.0.1:{place.web.port}/x/y.png", 403, "source_not_allowed"),
            ("http://2852039166/", 400, "bad_source_url"),
        ):
            refused = client.get(f"/img/w=40/b64:{encoded(address)}")
            assert (refused.status_code, refused.json()["code"]) == (status, code), address
        broken = client.get("/img/w=40/cdn/broken.png")
        assert (broken.status_code, broken.json()["code"]) == (502, "source_failed")
        assert broken.headers["cache-control"] == "no-store"
        assert str(place.web.port) not in broken.text


def test_a_page_is_no_picture(place: Place) -> None:
    """Whatever a host sends is looked at like an upload: 415."""
    place.web.routes["/media/page.png"] = answer(b"<html>" * 50, content_type="image/png")
    with place.server.client(admin=False) as client:
        assert client.get("/img/w=40/cdn/page.png").status_code == 415


def test_a_source_that_is_away_does_not_take_its_pictures_along(place: Place) -> None:
    """What was made is served on while its host fails; a picture that nobody saw is 502."""
    place.web.routes["/media/stays.png"] = answer(PHOTO)
    with place.server.client(admin=False) as client:
        assert client.get("/img/w=41,fm=png/cdn/stays.png").status_code == 200
        place.web.routes["/media/stays.png"] = answer(b"", "503 Away")
        assert client.get("/img/w=41,fm=png/cdn/stays.png").status_code == 200


def test_a_request_that_came_from_an_imagemill_is_not_asked_onwards(place: Place) -> None:
    """RFC 8586: a source that leads back to this server ends after one turn, not after all of them."""
    place.web.routes["/media/loop.png"] = answer(PHOTO)
    with place.server.client(admin=False) as client:
        looped = client.get("/img/w=40/cdn/loop.png", headers={"CDN-Loop": "imagemill"})
        assert (looped.status_code, looped.json()["code"]) == (502, "source_loop")
        looped = client.get(place.whole("/media/loop.png"), headers={"CDN-Loop": "other, imagemill; x=1"})
        assert looped.status_code == 502
        assert "/media/loop.png" not in place.web.targets()
        fine = client.get("/img/w=40/archive/old/cup.png", headers={"CDN-Loop": "imagemill"})
        assert fine.status_code == 200
        assert client.get("/img/w=40/cdn/loop.png", headers={"CDN-Loop": "another"}).status_code == 200


def test_without_a_web_source_no_http_client_is_imported(tmp_path: Path) -> None:
    """A server of a folder does not pay for what it does not use."""
    code = (
        "import sys, pathlib\n"
        "from imagemill.settings import Settings\n"
        "from imagemill.data_folder import open_data_folder\n"
        "from imagemill.assembly import platform\n"
        f"settings = Settings.load({{'data.dir': {str(tmp_path / 'd')!r}}}, {{}}, pathlib.Path({str(tmp_path)!r}))\n"
        "print([name for name in ('httpcore', 'httpx', 'anyio') if name in sys.modules])\n"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment(), check=True)
    assert run.stdout.strip() == "[]"


def test_no_packet_leaves_for_an_address_that_is_refused(place: Place) -> None:
    """Listeners on loopback, IPv6 loopback and a second local address count no connection."""
    listeners = []
    for family, host in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1"), (socket.AF_INET, "127.0.0.2")):
        listener = socket.socket(family)
        try:
            listener.bind((host, 0))
        except OSError:
            continue  # this machine has no IPv6
        listener.listen()
        listener.setblocking(False)
        listeners.append((listener, f"[{host}]" if ":" in host else host))
    with place.server.client(admin=False) as client:
        for listener, host in listeners:
            for scheme in ("http", "https"):
                address = f"{scheme}://{host}:{listener.getsockname()[1]}/x.png"
                assert client.get(f"/img/w=40/b64:{encoded(address)}").status_code in (400, 403)
    for listener, _ in listeners:
        with pytest.raises(BlockingIOError):
            listener.accept()
        listener.close()
