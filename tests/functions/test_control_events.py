"""The control function by API Gateway's events: the same API as on one machine, with the same refusals."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from tests.functions.aws_secrets import SECRET_TEXT, SecretOf, secret_of
from tests.functions.http_events import Answered, Context, gateway_1
from tests.object_store.s3_servers import S3Server
from tests.originals.library_kit import picture
from tests.serving import RunningServer, serving

from imagemill.functions import control
from imagemill.functions.bridge import MOST_BODY
from imagemill.functions.http_function import HttpFunction
from imagemill.functions.warm import Warm

__all__ = ["secret_of"]

RED = picture("red")
Ask = Callable[..., Answered]
KEY = {"x-api-key": SECRET_TEXT}


@pytest.fixture
def ask(buckets: S3Server, tmp_path: Path, secret_of: SecretOf, monkeypatch: pytest.MonkeyPatch) -> Iterator[Ask]:
    """Ask a control function over fresh buckets, whose key is a secret."""
    secret_of()
    variables = {
        "IMAGEMILL_ORIGINALS__URL": f"s3://{buckets.bucket()}?endpoint={buckets.url}",
        "IMAGEMILL_VARIANTS__URL": f"s3://{buckets.bucket()}?endpoint={buckets.url}",
        "IMAGEMILL_SERVER__PUBLIC_URL": "https://img.example.com",
    }
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    function = HttpFunction(Warm(control.start), control.admitted)

    def asked(
        target: str, method: str = "GET", headers: Mapping[str, str] | None = None, body: bytes = b"", **more: Any
    ) -> Answered:
        event = gateway_1(target, method, KEY if headers is None else headers, body=body) | more
        return Answered(function(event, Context()))

    yield asked
    function.warm.close()


@pytest.fixture(scope="module")
def one_machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A server that takes the same key."""
    folder = tmp_path_factory.mktemp("one-machine")
    file = folder / "a.key"
    file.write_text(SECRET_TEXT + "\n")
    file.chmod(0o600)
    with serving(folder / "data", env={"IMAGEMILL_ADMIN__KEY_FILE": str(file)}) as server:
        yield server


def test_a_picture_comes_and_goes_untouched(ask: Ask) -> None:
    """Bytes are bytes on both ways, whatever type they call themselves."""
    put = ask("/v1/originals/a/cat%20one.png", "PUT", {**KEY, "content-type": "text/plain"}, RED)
    assert (put.status, json.loads(put.body)["key"]) == (201, "a/cat one.png")
    assert json.loads(put.body)["url"].startswith("https://img.example.com/img/")
    got = ask("/v1/content/a/cat%20one.png")
    assert (got.status, got.body, got.headers["content-type"]) == (200, RED, "image/png")
    assert ask("/v1/originals/a/cat%20one.png", "DELETE").status == 204
    assert ask("/v1/content/a/cat%20one.png").status == 404


def test_a_form_comes_whole(ask: Ask) -> None:
    """A multipart body is bytes too."""
    built = httpx.Request("POST", "http://x", files={"file": ("b.png", RED, "image/png")})
    body = built.read()
    answer = ask("/v1/originals?prefix=forms%2F", "POST", {**KEY, "content-type": built.headers["content-type"]}, body)
    assert answer.status == 201, answer.body
    assert ask("/v1/content/forms/b.png").body == RED


def test_who_has_no_key_is_told_where_it_is_here(ask: Ask) -> None:
    """In a secret that the stack's outputs name; no file of ours, and no number of the account."""
    answer = ask("/v1/originals", headers={})
    detail = json.loads(answer.body)["detail"]
    assert answer.status == 401
    assert "AdminKeySecret" in detail
    assert "admin.key" not in detail
    assert "arn:" not in detail


REFUSALS: list[tuple[str, str, Mapping[str, str], bytes]] = [
    ("GET", "/v1/originals", {}, b""),
    ("GET", "/v1/originals", {"x-api-key": "wrong"}, b""),
    ("GET", f"/v1/originals?api_key={SECRET_TEXT}", {}, b""),
    ("GET", "/v1/originals/none.png", KEY, b""),
    ("HEAD", "/v1/originals/none.png", KEY, b""),
    ("POST", "/v1/originals/none.png", KEY, b"x"),
    ("PUT", "/v1/originals/a//b.png", KEY, RED),
    ("PUT", "/v1/originals/a%2Fb.png", KEY, RED),
    ("PUT", "/v1/originals/a/%E4.png", KEY, RED),
    ("PUT", "/v1/originals/../b.png", KEY, RED),
    ("PUT", "/v1/originals/text.png", KEY, b"this is text"),
    ("PUT", "/v1/originals/empty.png", KEY, b""),
    ("PUT", "/v1/originals/half.png", KEY, RED[: len(RED) - 20]),
    ("PUT", "/v1/originals/c.png", {**KEY, "content-digest": "sha-256=:AAAA:"}, RED),
    ("PUT", "/v1/originals/c.png", {**KEY, "if-match": '"none"'}, RED),
    ("PUT", "/v1/originals/c.png", {**KEY, "content-encoding": "gzip"}, RED),
    ("GET", "/v1/originals?limit=0", KEY, b""),
    ("GET", "/v1/originals?limit=many&cursor=%00", KEY, b""),
    ("GET", "/v1/explain", KEY, b""),
    ("POST", "/v1/purges", {**KEY, "content-type": "application/json"}, b"{"),
    ("POST", "/v1/purges", {**KEY, "content-type": "application/json"}, b'{"what": 1}'),
    ("POST", "/v1/purges", {**KEY, "content-type": "text/html"}, b"{}"),
    ("PUT", "/v1/presets/card", {**KEY, "content-type": "application/json"}, b'{"options": "w=0"}'),
    ("GET", "/v1/versions/a.png", KEY, b""),
    ("GET", "/v1/nothing", KEY, b""),
    ("GET", "/v1/uploads/imu_unknown", {}, b""),
    ("GET", "/v1/uploads/0123456789abcdef01234567", KEY, b""),
]


@pytest.mark.parametrize(("method", "target", "headers", "body"), REFUSALS, ids=range(len(REFUSALS)))
def test_every_refusal_is_that_of_one_machine(
    ask: Ask, one_machine: RunningServer, method: str, target: str, headers: Mapping[str, str], body: bytes
) -> None:
    """Status, problem and headers are the same; only the request's id and the time taken differ."""
    status, fields, problem = _raw(one_machine, method, target, headers, body)
    here = ask(target, method, headers, body)
    assert (here.status, here.status >= 400) == (status, True)
    told, wanted = _problem(here.body), _problem(problem)
    if status == 401 and not headers:  # where the key is: another place in each home
        assert told.pop("detail").startswith("The control API wants a key")
        wanted.pop("detail")
    assert told == wanted
    own = {"x-request-id", "server-timing", "content-length", "date", "server", "connection", "transfer-encoding"}
    rates = {"ratelimit", "ratelimit-policy"}
    assert {n: v for n, v in here.headers.items() if n not in own | rates} == {
        n: v for n, v in fields.items() if n not in own | rates
    }


def test_a_longer_body_is_sent_to_the_bucket(ask: Ask) -> None:
    """What cannot come through is 413, and the sentence names the way that it can take."""
    for more in ({"headers": {**KEY, "content-length": "30000000"}}, {"body": bytes(MOST_BODY + 1)}):
        answer = ask("/v1/originals/big.png", "PUT", **more)
        problem = json.loads(answer.body)
        assert (answer.status, problem["code"]) == (413, "too_large")
        assert "/v1/uploads" in problem["detail"]


@pytest.fixture
def long(ask: Ask, buckets: S3Server) -> bytes:
    """What lies under `trips/long one.bin` in the bucket of originals, longer than one answer of a function."""
    data = b"".join(number.to_bytes(4, "big") for number in range(MOST_BODY // 4 + 1000))
    bucket = urlsplit(os.environ["IMAGEMILL_ORIGINALS__URL"]).netloc
    buckets.boto().put_object(Bucket=bucket, Key="trips/long one.bin", Body=data, ContentType="text/html")
    return data


LONG = "/v1/content/trips/long%20one.bin"


def test_a_long_original_is_fetched_from_its_bucket(ask: Ask, long: bytes) -> None:
    """302 that nobody keeps, to a link of minutes: every byte, as a download under its own name."""
    answer = ask(LONG)
    assert (answer.status, answer.body, answer.headers["cache-control"]) == (302, b"", "no-store")
    link = httpx.URL(answer.headers["location"])
    assert 0 < int(link.params["X-Amz-Expires"]) <= 300
    got = httpx.get(link, trust_env=False)
    assert (got.status_code, got.content) == (200, long)
    assert got.headers["content-disposition"] == 'attachment; filename="long one.bin"'
    assert got.headers["cache-control"] == "private, no-cache"
    part = httpx.get(link, headers={"range": "bytes=4-7"}, trust_env=False)
    assert (part.status_code, part.content) == (206, long[4:8])


def test_short_answers_about_a_long_original_are_as_ever(ask: Ask, long: bytes) -> None:
    """HEAD, 304, 412, 416 and a range that fits are answered; a range that does not fit is redirected."""
    head = ask(LONG, "HEAD")
    assert (head.status, head.headers["content-length"]) == (200, str(len(long)))
    tag = head.headers["etag"]
    assert ask(LONG, headers={**KEY, "if-none-match": tag}).status == 304
    assert ask(LONG, headers={**KEY, "if-match": '"other"'}).status == 412
    assert ask(LONG, headers={**KEY, "range": f"bytes={len(long)}-"}).status == 416
    part = ask(LONG, headers={**KEY, "range": "bytes=8-11"})
    assert (part.status, part.body) == (206, long[8:12])
    assert ask(LONG, headers={**KEY, "range": "bytes=1-"}).status == 302
    assert ask(LONG, headers={}).status == 401
    assert ask("/v1/content/trips/none.bin").status == 404


def test_a_long_original_of_no_bucket_is_refused_in_words(
    secret_of: SecretOf, buckets: S3Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A folder signs no links: the sentence says what can be had instead."""
    secret_of()
    (tmp_path / "originals").mkdir()
    (tmp_path / "originals" / "long.bin").write_bytes(bytes(MOST_BODY + 1))
    monkeypatch.setenv("IMAGEMILL_ORIGINALS__URL", f"file://{tmp_path / 'originals'}")
    function = HttpFunction(Warm(control.start), control.admitted)
    answer = Answered(function(gateway_1("/v1/content/long.bin", "GET", KEY), Context()))
    function.warm.close()
    problem = json.loads(answer.body)
    assert (answer.status, problem["code"]) == (503, "too_long_to_send")
    assert "Range" in problem["detail"]


def test_uploads_are_by_links_alone(ask: Ask) -> None:
    """A put and a form go to the bucket; a resumable one is refused with what is possible."""
    wanted = {**KEY, "content-type": "application/json"}
    for method in ("put", "post"):
        told = ask("/v1/uploads", "POST", wanted, json.dumps({"key": f"{method}.png", "method": method}).encode())
        assert told.status == 201, told.body
        view = json.loads(told.body)
        assert "127.0.0.1" in view["url"]  # moto's, where on AWS the bucket's stands
        assert view["complete_url"].startswith("/v1/uploads/imu_")  # of this API, whatever stands before it
    refused = ask("/v1/uploads", "POST", wanted, b'{"key": "a.png", "method": "tus"}')
    assert (refused.status, json.loads(refused.body)["code"]) == (400, "invalid_upload")
    assert "put and post" in json.loads(refused.body)["detail"]


def test_its_description_needs_no_key(ask: Ask) -> None:
    """The document and its page are for everyone, as on one machine."""
    assert "/v1/originals/{key}" in json.loads(ask("/openapi.json", headers={}).body)["paths"]
    assert ask("/docs", headers={}).headers["content-type"].startswith("text/html")


@pytest.mark.parametrize("target", ["/img/w=10/a.png", "/info/a.png", "/metrics", "/", "/v1"])
def test_nothing_else_is_answered_here(ask: Ask, target: str) -> None:
    """Pictures are another function's; the rest is no function's."""
    assert ask(target).status == 404


def test_an_original_outlives_the_environment(ask: Ask, buckets: S3Server) -> None:
    """Nothing is left for later: after the answer the record lies in the bucket."""
    assert ask("/v1/originals/a.png", "PUT", body=RED).status == 201
    assert json.loads(ask("/v1/info/a.png").body)["width"] == 40


def _raw(
    server: RunningServer, method: str, target: str, headers: Mapping[str, str], body: bytes
) -> tuple[int, dict[str, str], bytes]:
    """Ask with the very target; most HTTP clients would tidy it up."""
    connection = HTTPConnection("127.0.0.1", server.port, timeout=60)
    try:
        connection.request(method, target, body or None, dict(headers))
        response = connection.getresponse()
        return response.status, {name.lower(): value for name, value in response.getheaders()}, response.read()
    finally:
        connection.close()


def _problem(body: bytes) -> Any:
    if not body:
        return None
    document = json.loads(body)
    assert document.pop("request_id")
    return document
