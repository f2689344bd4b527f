"""What stands in front through a day: Imagemill stops, pictures are replaced and purged, many ask at once."""

from __future__ import annotations

import asyncio
import io
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
import pytest
from PIL import Image
from tests.edge_config.conftest import EDGES, ELSEWHERE, SECRET, SETTINGS
from tests.servers.edges import SECONDS, Edge
from tests.servers.nginx import nginx
from tests.servers.varnish import varnish
from tests.serving import RunningServer, free_port, serving

from imagemill import demo
from imagemill.signing.sign import signed_url

WEBP = {"accept": "image/webp,*/*"}


def flat(shade: int, size: tuple[int, int] = (64, 48)) -> bytes:
    """Return a PNG of one grey."""
    out = io.BytesIO()
    Image.new("RGB", size, (shade,) * 3).save(out, "PNG")
    return out.getvalue()


def shade_of(answer: httpx.Response) -> int:
    """Return the grey of an answer."""
    with Image.open(io.BytesIO(answer.content)) as picture:
        return int(picture.convert("L").getpixel((2, 2)))  # type: ignore[arg-type]  # L has one number per pixel


def until(check: Callable[[], bool], seconds: float = SECONDS) -> bool:
    """Whether `check` becomes true in time."""
    deadline = time.monotonic() + seconds
    while not check():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def signed(options: str, key: str, query: str = "") -> str:
    """Return the signed address of a picture."""
    return signed_url(f"/img/{options}/{key}{query}", f"img\n{options}/{key}\n\n", SECRET, exp=None, kid=None)


@contextmanager
def in_front(
    name: str,
    server: RunningServer,
    folder: Path,
    settings: Mapping[str, str] | None = None,
    *,
    port: int | None = None,
    rewrite: Callable[[str], str] = str,
) -> Iterator[Edge]:
    """Run one of the three, configured with `settings`; `port` is Varnish's."""
    env = (ELSEWHERE if name == "cache" else SETTINGS) | dict(settings or {})
    with ExitStack() as stack:
        if name == "varnish":
            yield stack.enter_context(varnish(server, folder, env=env, port=port, rewrite=rewrite))
        else:
            yield stack.enter_context(nginx(server, folder, env=env, rewrite=rewrite))


def patient(text: str) -> str:
    """Return nginx's configuration that looks again after an hour, not after ten seconds: what changes was purged."""
    found = text.replace("proxy_cache_valid 200 10s;", "proxy_cache_valid 200 1h;")
    assert found != text
    return found


def impatient(text: str) -> str:
    """Return a configuration that looks again after a second instead of ten."""
    found = re.sub(r"(proxy_cache_valid 200|beresp\.ttl =|req\.grace =) 10s;", r"\1 1s;", text)
    assert found != text
    return found


def test_public_hits_outlive_imagemill_private_ones_do_not(tmp_path: Path) -> None:
    """With our process stopped: a public hit answers, old or not; a private one and a miss do not (threats F3, G8)."""
    data = tmp_path / "data"
    demo.prepare(data)
    (data / "users").mkdir()
    (data / "users" / "face.jpg").write_bytes((data / "astronaut.jpg").read_bytes())
    with ExitStack() as stack:
        server = stack.enter_context(serving(data, env=SETTINGS))
        edges = [stack.enter_context(in_front(name, server, tmp_path / name)) for name in EDGES]
        with server.client() as control:
            version = control.get("/v1/originals/users/face.jpg").json()["version"]
        private = signed_url(
            f"/img/w=90/users/face.jpg?v={version}",
            f"img\nw=90/users/face.jpg\n\n{version}",
            SECRET,
            exp=None,
            kid=None,
        )
        pictures = {}
        for edge in edges:
            hit = edge.hit("/img/w=90/astronaut.jpg", **WEBP)
            assert edge.is_hit(hit)
            pictures[edge.port] = hit.content
            assert edge.get(private, **WEBP).status_code == 200
        files = edges[0]
        assert files.is_hit(files.hit(private, **WEBP))  # from its file, with a permission of this very request
        assert files.get(private, **WEBP).headers["cache-control"].startswith("private")
        assert files.get(private.replace("s=", "s=x"), **WEBP).status_code == 403
        assert server.stop() == 0
        for edge in edges:
            public = edge.get("/img/w=90/astronaut.jpg", **WEBP)
            assert (public.status_code, public.content) == (200, pictures[edge.port])
            for path in (private, "/img/w=90/users/face.jpg", "/img/w=91/astronaut.jpg"):
                refused = edge.get(path, **WEBP)
                assert refused.status_code == 503, path
                assert refused.headers["retry-after"]
                assert refused.headers["cache-control"] == "no-store"
                assert refused.headers["imagemill-error"] == "origin_away"
                assert refused.json()["code"] == "origin_away"


def test_a_site_of_signed_links_is_served_from_files(tmp_path: Path) -> None:
    """`delivery.access = "signed"`: nginx asks for each request, then sends its file; no link, an old link: refused."""
    data = tmp_path / "data"
    demo.prepare(data)
    env = {"IMAGEMILL_DELIVERY__ACCESS": "signed"}
    with serving(data, env=SETTINGS | env) as server, in_front("files", server, tmp_path / "files", env) as edge:
        path = signed("w=70", "astronaut.jpg")
        hit = edge.hit(path, **WEBP)
        assert edge.is_hit(hit)
        own = httpx.get(server.url + path, headers=WEBP, trust_env=False)
        different = {"cache-status", "x-request-id", "server-timing", "date", "server", "connection"}
        assert hit.content == own.content
        assert {k: v for k, v in hit.headers.items() if k not in different} == {
            k: v for k, v in own.headers.items() if k not in different
        }
        bare = "/img/w=70/astronaut.jpg"
        for wrong in (bare, bare + "?s=x", path + "&s=x", path.replace("w=70", "w=71"), path + "&exp=1"):
            for headers in ({}, {"if-none-match": hit.headers["etag"]}, {"range": "bytes=0-9"}):
                refused = edge.get(wrong, **WEBP, **headers)
                assert refused.status_code in (400, 403), wrong
                assert refused.headers["imagemill-error"]
        soon = int(time.time()) - 1
        old = signed_url(bare, f"img\nw=70/astronaut.jpg\n{soon}\n", SECRET, exp=soon, kid=None)
        assert edge.get(old, **WEBP).status_code == 410
        assert server.stop() == 0
        assert edge.get(path, **WEBP).status_code == 503


def test_replaced_and_deleted_at_once_through_files(tmp_path: Path) -> None:
    """While readers ask all the time, nothing older than the last answer to a PUT is sent; after DELETE nothing."""
    data = tmp_path / "data"
    data.mkdir()
    turns = 60
    with serving(data, env=SETTINGS) as server, in_front("files", server, tmp_path / "files") as edge:
        answered, over = [0], threading.Event()
        seen: list[tuple[int, int, bool]] = []

        def read() -> None:
            with httpx.Client(trust_env=False) as client:
                while not over.is_set():
                    at_least = answered[0]
                    answer = client.get(edge.url + "/img/w=16,fm=png/a.png")
                    if answer.status_code == 200:
                        seen.append((at_least, shade_of(answer), edge.is_hit(answer)))

        with server.client() as control:
            control.put("/v1/originals/a.png", content=flat(1)).raise_for_status()
            answered[0] = 1
            readers = [threading.Thread(target=read) for _ in range(2)]
            for reader in readers:
                reader.start()
            for turn in range(2, turns + 2):
                control.put("/v1/originals/a.png", content=flat(turn)).raise_for_status()
                answered[0] = turn
                answer = edge.get("/img/w=16,fm=png/a.png")
                assert shade_of(answer) == turn
                if turn % 4 == 0:
                    assert edge.is_hit(edge.hit("/img/w=16,fm=png/a.png"))
            assert until(lambda: sum(hit for _, _, hit in seen) > 10)
            over.set()
            for reader in readers:
                reader.join()
            assert [one for one in seen if one[1] < one[0]] == []
            assert control.delete("/v1/originals/a.png").status_code == 204
        assert edge.get("/img/w=16,fm=png/a.png").status_code == 404


@pytest.mark.parametrize("name", ["cache", "varnish"])
def test_a_purged_picture_is_fresh_at_once(name: str, tmp_path: Path) -> None:
    """With `cdn.kind` set, a replacement and a purge by prefix empty the cache in front, and nothing else of it."""
    data = tmp_path / "data"
    data.mkdir()
    port = free_port()
    cache = tmp_path / "cache" / "cache"
    cdn = {
        "cache": {"IMAGEMILL_CDN__KIND": "nginx", "IMAGEMILL_CDN__URL": f"file://{cache}"},
        "varnish": {
            "IMAGEMILL_CDN__KIND": "varnish",
            "IMAGEMILL_CDN__URL": f"http://127.0.0.1:{port}",
            "IMAGEMILL_CDN__TOKEN": "a-secret-between-us",
        },
    }[name]
    lasting: Callable[[str], str] = patient if name == "cache" else str  # Varnish keeps it for `cdn.max_age`
    cache.mkdir(parents=True)
    keys = ("a/one", "a/two", "ab/three")
    for key in keys:  # not uploaded: a purge comes once more some seconds later
        (data / key).parent.mkdir(exist_ok=True)
        (data / f"{key}.png").write_bytes(flat(10))
    with (
        serving(data, env=SETTINGS | cdn) as server,
        in_front(name, server, tmp_path / name, cdn, port=port, rewrite=lasting) as edge,
    ):
        paths = {key: f"/img/w=16,fm=png/{key}.png" for key in keys}
        with server.client() as control:
            for path in paths.values():
                assert edge.is_hit(edge.hit(path))
            control.put("/v1/originals/a/one.png", content=flat(200)).raise_for_status()
            assert until(lambda: shade_of(edge.get(paths["a/one"])) == 200)
            assert edge.is_hit(edge.get(paths["a/two"]))
            purge = control.post("/v1/purges", json={"prefix": "a/"})
            assert purge.status_code == 202
            assert until(lambda: not edge.is_hit(edge.get(paths["a/two"])))
            assert edge.is_hit(edge.get(paths["ab/three"]))
            assert control.delete("/v1/originals/ab/three.png").status_code == 204
            assert until(lambda: edge.get(paths["ab/three"]).status_code == 404)
        if name == "varnish":
            for headers in ({}, {"imagemill-purge": "wrong"}):
                banned = edge.get("/", "BAN", imagemill_ban="default/", **headers)
                assert banned.status_code == 403
            odd = edge.get("/", "BAN", imagemill_ban="a && b", imagemill_purge="a-secret-between-us")
            assert odd.status_code == 400
            assert "a-secret-between-us" not in server.logged()


@pytest.mark.parametrize("name", ["cache", "varnish"])
def test_without_a_purge_it_looks_again_soon(name: str, tmp_path: Path) -> None:
    """Whatever a browser is told, an entry is asked for again; the same bytes are not sent twice."""
    data = tmp_path / "data"
    data.mkdir()
    with (
        serving(data, env=SETTINGS) as server,
        in_front(name, server, tmp_path / name, rewrite=impatient) as edge,
        server.client() as control,
    ):
        path = "/img/w=16,fm=png/a.png"
        control.put("/v1/originals/a.png", content=flat(10)).raise_for_status()
        first = edge.hit(path)
        assert edge.is_hit(first)
        assert "max-age=600" in first.headers["cache-control"]
        unchanged = server.metric("imagemill_requests_total", '{outcome="304",surface="delivery"}')
        assert until(
            lambda: (
                edge.get(path).status_code == 200
                and server.metric("imagemill_requests_total", '{outcome="304",surface="delivery"}') > unchanged
            )
        )
        control.put("/v1/originals/a.png", content=flat(200)).raise_for_status()
        assert until(lambda: shade_of(edge.get(path)) == 200)
        assert control.delete("/v1/originals/a.png").status_code == 204
        assert until(lambda: edge.get(path).status_code == 404)


def test_a_thousand_cold_askers_cause_one_transcode(tmp_path: Path) -> None:
    """Through each server in front: all get the picture, and it was made once (E1, C6)."""
    data = tmp_path / "data"
    demo.prepare(data)
    with ExitStack() as stack:
        server = stack.enter_context(serving(data, env=SETTINGS))
        for number, name in enumerate(EDGES):
            edge = stack.enter_context(in_front(name, server, tmp_path / name))
            made = server.metric("imagemill_variants_made_total", '{format="webp"}')
            answers = asyncio.run(_crowd(edge.port, f"/img/w={500 + number},fm=webp/astronaut.jpg", 1000))
            assert {status for status, _ in answers} == {200}, name
            assert len({body for _, body in answers}) == 1, name
            assert server.metric("imagemill_variants_made_total", '{format="webp"}') - made == 1, name


async def _crowd(port: int, path: str, count: int) -> list[tuple[int, int]]:
    """Ask `count` times at once on connections of their own; return statuses and hashes of the bodies."""

    async def one() -> tuple[int, int]:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
        async with asyncio.timeout(60):
            received = await reader.read(-1)
        writer.close()
        await writer.wait_closed()
        head, _, body = received.partition(b"\r\n\r\n")
        return int(head[9:12]), hash(body)

    return await asyncio.gather(*(one() for _ in range(count)))
