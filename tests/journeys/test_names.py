"""The names of the corpus as keys, in the path and as raw bytes (threats K1, K2)."""

from __future__ import annotations

import io
import json
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest
from PIL import Image
from tests.journeys.test_raw_requests import send
from tests.serving import RunningServer


def picture() -> bytes:
    """Return a small PNG."""
    out = io.BytesIO()
    Image.new("RGB", (32, 24), (200, 30, 30)).save(out, "PNG")
    return out.getvalue()


@pytest.fixture(scope="module")
def names(corpus: Path) -> list[bytes]:
    """Each name as bytes: the file holds a Latin-1 reading of UTF-8."""
    texts: list[str] = json.loads((corpus / "hostile" / "vectors" / "names_latin1_of_utf8.json").read_text())
    assert len(texts) > 50
    return [text.encode("latin-1", "surrogatepass") for text in texts]


def outside(server: RunningServer) -> set[str]:
    """Return what lies beside the data folder."""
    return {path.name for path in server.data.parent.iterdir()}


def test_a_name_is_stored_and_found_again_or_refused(names: list[bytes], server: RunningServer) -> None:
    """PUT, list, GET and DELETE of every name: 400, or it comes back byte for byte; nothing leaves the folder."""
    before = outside(server)
    stored = 0
    with server.client() as client:
        for name in names:
            path = f"/v1/originals/names/{quote(name, safe='')}".replace("%2F", "/")
            if httpx.URL(server.url + path).raw_path.decode() != path:
                continue  # the HTTP client resolves dot segments; the raw test below sends them as they are
            answer = client.put(path, content=picture())
            assert answer.status_code in (200, 201, 400), (name, answer.status_code, answer.text)
            if answer.status_code == 400:
                continue
            stored += 1
            key = answer.json()["key"]
            assert key.encode("utf-8").endswith(name.lstrip(b"/"))
            listed = client.get("/v1/originals", params={"prefix": "names/", "limit": 1000}).json()["items"]
            assert key in [item["key"] for item in listed]
            made = client.get(f"/img/w=8,fm=png/{quote(key)}")
            assert made.status_code == 200, (name, made.text)
            assert client.delete(path).status_code == 204
            assert client.get(f"/img/w=8,fm=png/{quote(key)}").status_code == 404
    assert stored >= 25
    assert outside(server) == before


def test_raw_bytes_of_a_name_never_break_the_server(names: list[bytes], server: RunningServer) -> None:
    """The same names unescaped on the socket: an answer below 500 or a close."""
    for name in names:
        request = b"GET /img/w=8/" + name + b" HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
        statuses, closed, received = send(server, request)
        assert closed or statuses, name
        assert all(status < 500 for status in statuses), (name, received[:200])
    assert httpx.get(server.url + "/healthz/ready", trust_env=False).status_code == 200


@pytest.mark.parametrize(
    "path",
    [
        "/img/w=8/../../etc/passwd",
        "/img/w=8/..%2f..%2fetc%2fpasswd",
        "/img/w=8/%2e%2e/%2e%2e/etc/passwd",
        "/img/w=8/%c0%ae%c0%ae/etc/passwd",
        "/img/w=8/admin.key",
        "/img/w=8/.imagemill/lock",
        "/img/w=8/a%00.jpg",
        "/img/w=8/a%5Cb.jpg",
        "/img/w=8/a//b.jpg",
        "/img/w=8/a/./b.jpg",
        "/img/w=8/a/~/b.jpg",
        "/img/w=8/a.jpg/",
        "/img/w=8/%zz.jpg",
        "/img/w=8/a%2Fb.jpg",
        "/img/w=8/b64:Li4vLi4vZXRjL3Bhc3N3ZA",
        "/img/w=8/b64:YWRtaW4ua2V5",
    ],
)
def test_no_spelling_leaves_the_folder(path: str, server: RunningServer) -> None:
    """Traversal, our own files and odd escapes are 400; nothing of the machine comes back."""
    statuses, _, received = send(
        server, f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode()
    )
    assert statuses[:1] == [400], received[:300]
    assert b"root:" not in received
    assert b"imk_" not in received
