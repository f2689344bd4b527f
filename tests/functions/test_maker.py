"""The maker by its events: made, kept before the answer, and answered as any home of the platform answers."""

from __future__ import annotations

import json

import pytest
from tests.functions.http_events import SHAPES, function_url
from tests.functions.makers import Maker, MakerOf, picture

from imagemill.edge_config.maker_headers import URI_HEADER
from imagemill.functions.http_event import NotHttp

WEBP = "/img/w=100,fm=webp/trips/sea.png"


@pytest.fixture(name="maker")
def with_a_picture(maker_of: MakerOf) -> Maker:
    """A maker whose bucket has one picture."""
    maker = maker_of()
    maker.put("trips/sea.png", picture())
    return maker


def version_of(maker: Maker, key: str = "trips/sea.png") -> str:
    """Return the present version of an original."""
    version: str = json.loads(maker.ask(f"/info/{key}").body)["version"]
    return version


def test_the_variant_is_in_the_bucket_before_the_answer(maker: Maker) -> None:
    """By the name that the edge asks, with the bytes that were answered; asked again it comes from there."""
    answer = maker.ask(WEBP)
    assert answer.status == 200
    assert answer.headers["cache-status"] == "imagemill; fwd=uri-miss; detail=made"
    name = f"default/trips/sea.png/~/{version_of(maker)}/w=100.webp"
    assert maker.kept() == [name]
    assert maker.file(name).body == answer.body
    again = maker.ask(WEBP)
    assert again.headers["cache-status"] == "imagemill; hit; detail=store"
    assert again.body == answer.body
    assert again.headers["etag"] == answer.headers["etag"]


def test_the_file_says_what_the_answer_says(maker: Maker) -> None:
    """Type, name, lifetime and tags are the same from the bucket as from the maker, asked by the version."""
    answer = maker.ask(f"{WEBP}?v={version_of(maker)}")
    file = maker.file(maker.kept()[0])
    for name in ("content-type", "content-disposition", "cache-control", "x-amz-meta-cache-tag"):
        assert file.headers[name] == answer.headers[name], name
    assert file.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert file.headers["x-amz-meta-cache-tag"] == "default/trips/sea.png,default/trips/,default/"
    assert file.headers["content-disposition"] == 'inline; filename="sea.webp"'


def test_another_environment_finds_what_one_has_kept(maker: Maker, maker_of: MakerOf) -> None:
    """Two environments, one bucket; and the same event twice makes one object."""
    answer = maker.ask(WEBP)
    other = maker_of(beside=maker)
    assert other.ask(WEBP).headers["cache-status"] == "imagemill; hit; detail=store"
    assert other.ask(WEBP).body == maker.ask(WEBP).body == answer.body
    assert len(maker.kept()) == 1


@pytest.mark.parametrize("shape", SHAPES)
def test_every_shape_of_event_is_answered(maker: Maker, shape: str) -> None:
    """The same picture, its bytes whole, whichever service asked."""
    answer = maker.ask("", event=SHAPES[shape](WEBP, headers={"accept": "image/avif"}))
    assert answer.status == 200
    assert answer.body[:4] == b"RIFF"
    assert answer.headers["content-length"] == str(len(answer.body))
    assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("shape", SHAPES)
def test_ranges_conditions_head_and_options(maker: Maker, shape: str) -> None:
    """206, 416, 304, 412, HEAD and OPTIONS, through every shape of event."""
    whole = maker.ask(WEBP)
    part = maker.ask("", event=SHAPES[shape](WEBP, headers={"range": "bytes=2-5"}))
    assert (part.status, part.body) == (206, whole.body[2:6])
    assert part.headers["content-range"] == f"bytes 2-5/{len(whole.body)}"
    beyond = maker.ask("", event=SHAPES[shape](WEBP, headers={"range": "bytes=9999999-"}))
    assert (beyond.status, beyond.headers["content-range"]) == (416, f"bytes */{len(whole.body)}")
    same = maker.ask("", event=SHAPES[shape](WEBP, headers={"if-none-match": whole.headers["etag"]}))
    assert (same.status, same.body) == (304, b"")
    assert "content-type" not in same.headers
    other = maker.ask("", event=SHAPES[shape](WEBP, headers={"if-match": '"x"'}))
    assert other.status == 412
    head = maker.ask("", event=SHAPES[shape](WEBP, "HEAD"))
    assert (head.status, head.body) == (200, b"")
    assert head.headers["content-length"] == str(len(whole.body))
    options = maker.ask("", event=SHAPES[shape](WEBP, "OPTIONS"))
    assert options.status == 204
    assert "content-type" not in options.headers


def test_an_address_that_the_edge_has_turned_into_a_file_is_answered(maker: Maker) -> None:
    """The bucket had no such file: the maker reads what the viewer wrote, not the name."""
    version = version_of(maker)
    name = f"default/trips/sea.png/~/{version}/w=50@webp.webp"
    headers = {URI_HEADER: f"/img/w=50/trips/sea.png?v={version}", "accept": "image/webp"}
    answer = maker.ask(f"/{name}", headers=headers)
    assert answer.status == 200
    assert answer.headers["cache-control"].endswith("immutable")
    assert maker.kept() == [name]
    assert maker.ask(f"/{name}").status == 404
    other = maker.ask(WEBP, headers={URI_HEADER: "/img/w=50/trips/land.png"})
    assert (other.status, json.loads(other.body)["code"]) == (400, "bad_address")
    assert other.headers["cache-control"] == "no-store"


def test_what_is_not_the_makers_is_not_there(maker: Maker) -> None:
    """Control, metrics, pages and the questions of web servers have no address here; health has."""
    for path in ("/", "/v1/originals/a.png", "/metrics", "/openapi.json", "/internal/authorize", "/static/x"):
        answer = maker.ask(path)
        assert (answer.status, json.loads(answer.body)["code"]) == (404, "not_found"), path
    assert maker.ask("/healthz/ready").status == 200


def test_an_event_of_another_kind_is_an_error_of_the_invocation(maker: Maker) -> None:
    """Whoever wired the wrong thing to this function reads what it is for."""
    with pytest.raises(NotHttp, match="function URL"):
        maker.ask("", event={"Records": [{"eventSource": "aws:sqs"}]})


def test_the_viewer_is_the_client(maker_of: MakerOf) -> None:
    """Each viewer behind CloudFront has a budget of its own."""
    maker = maker_of({"IMAGEMILL_THROTTLE__DELIVERY_CLIENT": "2/m"})
    maker.put("a.png", picture(32))

    def ask(address: str) -> int:
        event = function_url("/img/w=16/a.png", headers={"cloudfront-viewer-address": f"{address}:1"})
        return maker.ask("", event=event).status

    assert [ask("192.0.2.1") for _ in range(3)] == [200, 200, 429]
    assert ask("192.0.2.2") == 200
