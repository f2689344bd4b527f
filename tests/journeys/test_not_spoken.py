"""What attacks elsewhere live on and is not here: tokens that say who signs them, WebSocket, HTTP/2, places, rules.

Not having something is an answer only while nobody can make us do it, so each is asked for, on a socket.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import socket

import httpx
import pytest
from tests.serving import RunningServer

from imagemill import demo

PHOTO = (demo.PHOTOS / "astronaut.jpg").read_bytes()
URL = "/img/w=40,fm=jpeg/spoken/a.jpg"


def spoken(server: RunningServer, data: bytes) -> bytes:
    """Send exactly this and return all that comes until the server closes."""
    received = b""
    with socket.create_connection(("127.0.0.1", server.port), 10) as connection:
        connection.sendall(data)
        while chunk := connection.recv(65536):
            received += chunk
    return received


@pytest.fixture(scope="module")
def photo(server: RunningServer) -> str:
    """The path of a picture that is there, and was asked for."""
    with server.client() as client:
        assert client.put("/v1/originals/spoken/a.jpg", content=PHOTO).status_code in (200, 201)
        assert client.get(URL).status_code == 200
    return URL


def token(head: dict[str, str], key: bytes = b"") -> str:
    """Return a JWT for an administrator, signed with `key`."""
    said = {"sub": "admin", "aud": "imagemill", "exp": 4_000_000_000, "scope": "*"}
    parts = [base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in (head, said)]
    digest = hmac.digest(key or b"x", ".".join(parts).encode(), hashlib.sha256)
    return ".".join([*parts, base64.urlsafe_b64encode(digest).decode().rstrip("=") if key else ""])


@pytest.mark.parametrize(
    "head",
    [
        {"alg": "none"},
        {"alg": "HS256", "kid": "../../dev/null"},
        {"alg": "HS256", "jku": "http://127.0.0.1:1/keys.json"},
        {"alg": "HS256", "jwk": "{}", "x5u": "http://127.0.0.1:1/", "crit": "b64"},
    ],
)
def test_a_token_that_names_its_own_key_opens_nothing(head: dict[str, str], server: RunningServer) -> None:
    """There are no JWTs: one is a wrong key like any other, even one that is signed with the admin key (threat J1)."""
    for text in (token(head), token(head, b"secret"), token(head, server.key.encode())):
        answer = httpx.get(server.url + "/v1/originals", headers={"authorization": f"Bearer {text}"}, trust_env=False)
        assert (answer.status_code, answer.json()["code"]) == (401, "bad_api_key")


@pytest.mark.parametrize("path", [URL, "/", "/v1/originals", "/metrics", "/v1/uploads/imu_x"])
def test_no_websocket_is_opened(path: str, server: RunningServer, photo: str) -> None:
    """A request for an upgrade is a plain request, from whatever origin: never 101 (threat H7)."""
    asked = (
        f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade, close\r\nUpgrade: websocket\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nOrigin: https://evil.example\r\n"
        "\r\n"
    )
    answer = spoken(server, asked.encode())
    assert answer.startswith(b"HTTP/1.1 ")
    assert b" 101 " not in answer.split(b"\r\n", 1)[0]
    assert b"sec-websocket-accept" not in answer.lower()


def test_no_http2_is_spoken(server: RunningServer, photo: str) -> None:
    """The preface of HTTP/2 ends the connection, an upgrade to it (h2c) is not taken up (threat H8)."""
    preface = spoken(server, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0\4\0\0\0\0\0")
    assert not preface.startswith(b"\0")
    assert b" 200 " not in preface.split(b"\r\n", 1)[0]
    upgrade = spoken(
        server,
        f"GET {photo} HTTP/1.1\r\nHost: localhost\r\nConnection: close, Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"
        "HTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n".encode(),
    )
    assert upgrade.startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize("host", ["evil.example", "evil.example:99", "127.0.0.1@evil.example", "a" * 200, "[::1]"])
def test_host_is_in_no_answer(host: str, server: RunningServer, photo: str) -> None:
    """Any name may point at us: what is answered does not depend on it, and repeats it nowhere (threat H9)."""
    for path in (photo, photo.replace("a.jpg", "none.jpg"), "/img/w=0/a.jpg", "/info/spoken/a.jpg", "/v1/originals"):
        usual = httpx.get(server.url + path, trust_env=False)
        answer = httpx.get(server.url + path, headers={"host": host}, trust_env=False)
        assert answer.status_code == usual.status_code
        assert host not in answer.text
        assert host not in str(answer.headers)


def test_every_answer_is_sealed(server: RunningServer, photo: str) -> None:
    """Nothing in it runs, nobody guesses its type, no version is told; HEAD is GET without the body (threat H11)."""
    with server.client(admin=False) as client:
        etag = client.get(photo).headers["etag"]
        asked: tuple[tuple[str, dict[str, str], int], ...] = (
            (photo, {}, 200),
            (photo, {"if-none-match": etag}, 304),
            (photo, {"range": "bytes=0-9"}, 206),
            (photo, {"range": "bytes=99999999-"}, 416),
            ("/img/w=40/spoken/none.jpg", {}, 404),
            ("/img/w=0/spoken/a.jpg", {}, 400),
            ("/info/spoken/a.jpg", {}, 200),
            ("/v1/originals", {}, 401),
            ("/nothing", {}, 404),
        )
        for path, headers, status in asked:
            got = client.get(path, headers=headers)
            assert got.status_code == status, path
            assert got.headers["x-content-type-options"] == "nosniff", path
            assert "default-src 'none'" in got.headers["content-security-policy"], path
            assert got.headers["server"] == "imagemill"
            assert "traceback" not in got.text.lower()
            assert int(got.headers.get("content-length", 0)) == len(got.content)
            if path == photo and status == 200:
                head = client.head(path, headers=headers)
                assert not head.content
                changing = ("date", "x-request-id", "server-timing", "cache-status")
                told = [{k: v for k, v in one.headers.items() if k not in changing} for one in (got, head)]
                assert told[0] == told[1]
            assert status != 304 or not got.content


@pytest.mark.parametrize(
    "headers",
    [
        {"cf-ipcountry": "T1", "cloudfront-viewer-country": "KP", "x-geo-country": "XX", "x-appengine-country": "ZZ"},
        {"x-forwarded-for": "2002:7f00:1::, ::ffff:127.0.0.1, 127.0.0.1", "true-client-ip": "127.0.0.1"},
    ],
)
def test_no_place_is_read_off_a_request(headers: dict[str, str], server: RunningServer, photo: str) -> None:
    """No answer depends on where somebody says to be, so none can be cached for elsewhere (threat H12)."""
    usual = httpx.get(server.url + photo, trust_env=False)
    answer = httpx.get(server.url + photo, headers=headers, trust_env=False)
    assert (answer.status_code, answer.content) == (200, usual.content)
    assert answer.headers.get("vary") == usual.headers.get("vary")
    closed = httpx.get(server.url + "/samples.json", headers=headers, trust_env=False)
    assert (closed.status_code == 200) is ("x-forwarded-for" not in headers)


@pytest.mark.parametrize("name", ["%2561.jpg", "..%252f..%252fadmin.key", "%255c..%255cadmin.key", "%25%36%31.jpg"])
def test_nothing_is_decoded_twice(name: str, server: RunningServer, photo: str) -> None:
    """No rules look for bad words in a request, so there is nothing to slip past: a name is read once (threat H13)."""
    answer = httpx.get(f"{server.url}/img/w=40/spoken/{name}", trust_env=False)
    assert (answer.status_code, answer.json()["code"]) in ((404, "no_such_original"), (400, "bad_key"))
