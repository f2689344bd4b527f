"""Every refusal of the one-machine home keeps its status, its problem document and its headers through Lambda."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.functions.http_events import SHAPES, Answered
from tests.functions.makers import SITE, Maker, MakerOf, makers, picture
from tests.object_store.s3_servers import S3Server
from tests.signing.signing_kit import SECRET

from imagemill import assembly
from imagemill.data_folder import open_data_folder
from imagemill.gateway.asgi import AsgiApp
from imagemill.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
OWN_ID = "asked-twice"
RULES = {
    **SITE,
    "IMAGEMILL_DELIVERY__PRIVATE": "secret/",
    "IMAGEMILL_SIGNING__KEYS": f"web:{SECRET}",
    "IMAGEMILL_LIMITS__PIXELS_STREAMING": "1000000",
}
PER_REQUEST = ("server-timing", "date", "cache-status")

CASES: tuple[tuple[str, str, dict[str, str]], ...] = (
    ("GET", "/img/w=0/a.png", {}),
    ("GET", "/img/w=10,w=20/a.png", {}),
    ("GET", "/img/w=9999,h=,fm=bmp,nope=1/a.png", {}),
    ("GET", "/img/w=10%2Ch=0/a.png", {}),
    ("GET", "/img/w=8192,h=8192/a.png", {}),
    ("GET", "/img/w=%D9%A1/a.png", {}),
    ("GET", "/img/p=none/a.png", {}),
    ("GET", "/img/a.png", {}),
    ("GET", "/img/_/", {}),
    ("GET", "/img/_/a//b.png", {}),
    ("GET", "/img/_/a/../b.png", {}),
    ("GET", "/img/_/a/%2e%2e/b.png", {}),
    ("GET", "/img/_/a/~/b.png", {}),
    ("GET", "/img/_/a%00b.png", {}),
    ("GET", "/img/_/a%ff.png", {}),
    ("GET", "/img/_/a%5Cb.png", {}),
    ("GET", "/img/_/b64:!!", {}),
    ("GET", "/img/_/cafe%CC%81.png", {}),
    ("GET", f"/img/_/{'k' * 1100}.png", {}),
    ("GET", f"/img/_/{'u' * 9000}.png", {}),
    ("GET", "/img/w=10/missing.png", {}),
    ("HEAD", "/img/w=10/missing.png", {}),
    ("GET", "/info/missing.png", {}),
    ("GET", "/img/w=10/notes.txt", {}),
    ("GET", "/info/notes.txt", {}),
    ("GET", "/img/w=10/broken.png", {}),
    ("GET", "/img/w=10/large.png", {}),
    ("GET", "/img/crop=500:500:10:10/a.png", {}),
    ("GET", "/img/meta=all/a.png", {}),
    ("GET", "/img/text=hi/a.png", {}),
    ("GET", "/img/lossless=1/a.png", {}),
    ("GET", "/img/fm=tiff/a.png", {}),
    ("GET", "/img/w=10/secret/a.png", {}),
    ("HEAD", "/img/w=10/secret/a.png", {}),
    ("GET", "/info/secret/a.png", {}),
    ("GET", "/img/w=10/secret/missing.png", {}),
    ("GET", "/img/w=10/secret/a.png?s=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", {}),
    ("GET", "/img/w=10/secret/a.png?Expires=1&Signature=x&Key-Pair-Id=K", {}),
    ("GET", "/img/w=10/secret/a.png", {"cookie": "CloudFront-Policy=x; CloudFront-Signature=y"}),
    ("GET", "/img/w=10/secret/a.png", {"x-imagemill-edge": "a guess"}),
    ("GET", "/img/w=10,wm=secret/a.png/a.png", {}),
    ("POST", "/img/w=10/a.png", {}),
    ("PUT", "/img/w=10/a.png", {}),
    ("DELETE", "/info/a.png", {}),
    ("TRACE", "/img/w=10/a.png", {}),
    ("POST", "/healthz/live", {}),
    ("GET", "/img/w=10/a.png", {"range": "bytes=99999999-"}),
    ("GET", "/img/w=10/a.png", {"if-match": '"x"'}),
    ("GET", "/img/w=10/a.png", {"if-unmodified-since": "Thu, 01 Jan 1970 00:00:00 GMT"}),
    ("GET", "/img/w=10/a.png", {"transfer-encoding": "chunked"}),
    ("GET", "/healthz/nothing", {}),
    ("GET", "/img", {}),
)


Ordinary = tuple[int, dict[str, str], bytes]
"""Status, headers, body."""


def fill(server: S3Server, bucket: str) -> None:
    """Put pictures, and what is none, into a bucket."""
    whole = picture(64)
    originals = {
        "a.png": whole,
        "secret/a.png": whole,
        "notes.txt": b"no picture at all, only words of somebody",
        "broken.png": whole[: len(whole) // 2],
        "large.png": picture(1100),
    }
    for key, data in originals.items():
        server.boto().put_object(Bucket=bucket, Key=key, Body=data)


@pytest.fixture(scope="module")
def ordinary(buckets: S3Server, tmp_path_factory: pytest.TempPathFactory) -> dict[int, Ordinary]:
    """What the one-machine home answers to each case, from a bucket with the same originals."""
    bucket = buckets.bucket()
    fill(buckets, bucket)
    folder = tmp_path_factory.mktemp("ordinary")
    environ = {
        "IMAGEMILL_DATA__DIR": str(folder),
        "IMAGEMILL_ORIGINALS__URL": f"s3://{bucket}?endpoint={buckets.url}",
        "IMAGEMILL_VARIANTS__URL": "memory://",
        "IMAGEMILL_S3__ACCESS_KEY_ID": buckets.access,
        "IMAGEMILL_S3__SECRET_ACCESS_KEY": buckets.secret,
        "IMAGEMILL_ENGINE__WORKERS": "1",
        "IMAGEMILL_CDN__ZONE": "E1",
        **RULES,
    }

    async def run() -> dict[int, Ordinary]:
        settings = Settings.load(environ=environ)
        held = open_data_folder(settings.data)
        platform = await assembly.build(settings, held)
        await platform.start()
        try:
            return {number: await _sent(platform.app, *case) for number, case in enumerate(CASES)}
        finally:
            await platform.close()
            held.close()

    return asyncio.run(run())


async def _sent(app: AsgiApp, method: str, target: str, headers: dict[str, str]) -> tuple[int, dict[str, str], bytes]:
    """Ask the application as its server does, with a target that nobody tidies."""
    path, _, query = target.partition("?")
    named = {"host": "pictures.test", **headers, "x-request-id": OWN_ID}
    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": method,
        "raw_path": path.encode(),
        "path": path,
        "query_string": query.encode(),
        "headers": [(name.encode(), text.encode()) for name, text in named.items()],
        "client": ("203.0.113.9", 0),
    }
    sent: list[Any] = []

    given: list[bool] = []

    async def receive() -> Any:
        if given:
            await asyncio.Event().wait()  # as a server does while the client is there
        given.append(True)
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    await app(scope, receive, send)
    found = {name.decode(): text.decode("latin-1") for name, text in sent[0]["headers"]}
    return sent[0]["status"], found, b"".join(message["body"] for message in sent[1:])


@pytest.fixture(scope="module")
def refusing(buckets: S3Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Maker]:
    """A maker on the same originals under the same rules."""
    with makers(buckets, tmp_path_factory.mktemp("refusing")) as make:
        maker = make(RULES)
        fill(buckets, maker.originals)
        yield maker


@pytest.mark.parametrize("number", range(len(CASES)), ids=[f"{one[0]} {one[1][:40]}" for one in CASES])
def test_a_refusal_is_the_same_in_both_homes(number: int, ordinary: dict[int, Ordinary], refusing: Maker) -> None:
    """Status, every field of the problem and every header that does not name the very request."""
    method, target, headers = CASES[number]
    status, fields, body = ordinary[number]
    assert status >= 400, body
    answer = refusing.ask(target, method=method, headers=headers | {"x-request-id": OWN_ID})
    assert answer.status == status
    assert kept(answer.headers) == kept(fields)
    assert answer.body == body
    if method != "HEAD":
        problem = json.loads(answer.body)
        assert answer.headers["content-type"] == "application/problem+json"
        assert problem["status"] == answer.status
        assert problem["request_id"] == OWN_ID


@pytest.mark.parametrize("shape", SHAPES)
def test_a_refusal_is_the_same_in_every_shape(shape: str, refusing: Maker) -> None:
    """The document is readable text, not base64, and no service adds to its headers."""
    answer = refusing.ask("", event=SHAPES[shape]("/img/w=0,nope=1/a.png"))
    assert answer.status == 400
    assert [fault["option"] for fault in json.loads(answer.body)["errors"]] == ["w", "nope"]
    assert answer.headers["imagemill-error"] == "bad_option"
    assert answer.headers["cache-control"] == "no-store"


def kept(headers: dict[str, str]) -> dict[str, str]:
    """Return the headers that must be equal."""
    return {name: text for name, text in headers.items() if name not in PER_REQUEST}


def _raw_cases() -> list[dict[str, Any]]:
    folder = Path(os.environ.get("IMAGEMILL_CORPUS", ROOT.parent / "shared" / "images"))
    index = folder / "hostile" / "raw_http" / "index.json"
    return json.loads(index.read_text()) if index.is_file() else []


SPOKEN = (
    *("chunk_trailer", "uri_100k", "range_5000", "range_overlap", "accept_100k", "inm_5000", "cookie_dup"),
    *("xff_spoof", "trace", "connect", "host_none", "host_two", "nul", "ws_upgrade_origin"),
    *("multipart_parts", "multipart_boundary", "multipart_cd", "json_deep", "json_bigint", "gzip_body"),
)
"""Those of the corpus's raw requests that are whole requests, as a service that passes on anything would hand them on;
the others are refused by whoever speaks HTTP, which is never a function, or are longer than any event."""
RAW = [case for case in _raw_cases() if case["file"].removesuffix(".bin") in SPOKEN]


def test_the_raw_requests_are_there(corpus: Path) -> None:
    """The table below is not empty by accident."""
    assert (corpus / "hostile" / "raw_http").is_dir()
    assert len(RAW) == len(SPOKEN)


@pytest.mark.parametrize("case", RAW, ids=[case["file"] for case in RAW])
def test_a_hostile_request_is_answered_as_the_index_allows(case: dict[str, Any], refusing: Maker, corpus: Path) -> None:
    """Through the event of an API that checks nothing: an allowed status, and the next one is answered."""
    data = (corpus / "hostile" / "raw_http" / case["file"]).read_bytes()
    head, _, body = data.partition(b"\r\n\r\n")
    line, *fields = head.decode("latin-1").split("\r\n")
    method, target, _ = line.split(" ", 2)
    target = target.replace("/RANGE_TARGET", "/img/w=10/a.png")
    event = SHAPES["API Gateway 1.0"](target, method, body=body)
    event["multiValueHeaders"] = {}
    for field in fields:
        name, _, text = field.partition(":")
        event["multiValueHeaders"].setdefault(name, []).append(text.strip())
    answer: Answered = refusing.ask("", event=event)
    words = case["allow"]
    closes = any(word.startswith("close") for word in words) and answer.status >= 400
    allowed = any(
        word == str(answer.status) or (word[1:] == "xx" and word[0] == str(answer.status)[0]) for word in words
    )
    assert allowed or closes, (answer.status, words, answer.body[:200])
    assert len(answer.body) < 100_000
    assert refusing.ask("/healthz/live").status == 200


def test_a_source_that_leads_back_to_us_ends_after_one_turn(maker_of: MakerOf) -> None:
    """The edge tells that an Imagemill asks: a web source is not asked onwards, a picture of the bucket is answered."""
    maker = maker_of({"IMAGEMILL_SOURCES__SHOP__URL": "https://shop.example.com/media/"})
    maker.put("a.png", picture(64))
    headers = {"x-imagemill-loop": "1"}
    looped = maker.ask("/img/w=20/shop/a.png", headers=headers)
    assert (looped.status, json.loads(looped.body)["code"]) == (502, "source_loop")
    assert maker.ask("/img/w=20/a.png", headers=headers).status == 200
