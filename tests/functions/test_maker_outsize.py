"""Pictures longer than one answer of a function: kept, and fetched from where they are; never in circles."""

from __future__ import annotations

import json

import httpx
import pytest
from tests.functions.http_events import Answered, gateway_1
from tests.functions.makers import EDGE_SECRET, Maker, MakerOf, picture
from tests.servers.fault_proxy import Fault, fault_proxy
from tests.signing.signing_kit import SECRET

from imagemill.functions.bridge import MOST_BODY
from imagemill.signing.signature import image_text, signature_of

BOUND = 4_000
LONG = "/img/fm=png/a.png"
REFUSING = Fault(status=403, code="AccessDenied")


@pytest.fixture(name="maker")
def with_a_bound(maker_of: MakerOf) -> Maker:
    """A maker whose answers are bound to 4 kB, for which pictures of some kilobytes are long."""
    maker = maker_of(
        {"IMAGEMILL_DELIVERY__PRIVATE": "secret/", "IMAGEMILL_SIGNING__KEYS": f"w:{SECRET}"}, most_body=BOUND
    )
    for key in ("a.png", "secret/a.png", "odd $ key.png"):
        maker.put(key, picture(64))
    return maker


def follow(maker: Maker, answer: Answered, asked: str, *, at_most: int = 3) -> tuple[bytes, dict[str, str]]:
    """Follow redirects as a browser behind CloudFront does: the bucket first for a file's address, then the maker."""
    seen = [asked]
    while answer.status == 302:
        assert answer.headers["cache-control"] == "no-store"
        assert answer.body == b""
        target = answer.headers["location"]
        assert target not in seen, f"in circles: {seen}"
        seen.append(target)
        assert len(seen) <= at_most
        if target.startswith("http"):
            got = httpx.get(target, trust_env=False)
            assert got.status_code == 200, got.text
            return got.content, dict(got.headers)
        answer = maker.ask(target)
    assert answer.status == 200, answer.body
    return answer.body, answer.headers


def test_a_picture_of_six_megabytes_is_had_whole(maker_of: MakerOf) -> None:
    """With the real bound: made, kept, told where it is, and every byte of it is there."""
    maker = maker_of()
    maker.put("large.png", picture(1500))
    answer = maker.ask("/img/fm=png/large.png")
    assert answer.status == 302
    body, headers = follow(maker, answer, "/img/fm=png/large.png")
    assert len(body) > MOST_BODY
    assert body.startswith(b"\x89PNG")
    assert headers["content-type"] == "image/png"


def test_the_redirect_names_the_file_that_the_edge_finds(maker: Maker) -> None:
    """The address with the present version, in the canonical spelling: CloudFront takes it from the bucket."""
    answer = maker.ask("/img/fm=png,h=60,w=60/a.png")
    version = json.loads(maker.ask("/info/a.png").body)["version"]
    assert (answer.status, answer.headers["location"]) == (302, f"/img/w=60,h=60,fm=png/a.png?v={version}")
    assert maker.kept() == [f"default/a.png/~/{version}/w=60,h=60.png"]
    assert len(maker.file(maker.kept()[0]).body) > BOUND


@pytest.mark.parametrize(
    "options",
    ["fm=png", "fm=png,dl=mine", "fm=png,w=auto", "fm=png,crop=0:0:64:64,bri=1,con=1,sat=1"],
)
def test_every_picture_is_reached_without_circles(maker: Maker, options: str) -> None:
    """By the version's address or a link of the bucket: the bytes, under the name and type of our own answer."""
    asked = f"/img/{options}/a.png"
    body, headers = follow(maker, maker.ask(asked), asked)
    assert len(body) > BOUND
    assert headers["content-type"] == "image/png"
    name = "mine" if "dl" in options else "a"
    kind = "attachment" if "dl" in options else "inline"
    assert headers["content-disposition"] == f'{kind}; filename="{name}.png"'


def test_who_asked_the_files_own_address_is_sent_to_the_bucket(maker: Maker) -> None:
    """CloudFront did not find it there, or will not: the same address again would be a circle."""
    version = json.loads(maker.ask("/info/a.png").body)["version"]
    answer = maker.ask(f"{LONG}?v={version}")
    assert answer.status == 302
    assert answer.headers["location"].startswith(maker.server.url)
    body, headers = follow(maker, answer, f"{LONG}?v={version}")
    assert len(body) > BOUND
    assert headers["cache-control"] == "public, max-age=31536000, immutable"


def test_an_odd_key_is_sent_to_the_bucket(maker: Maker) -> None:
    """The edge does not name the file of a key that it would have to spell."""
    answer = maker.ask("/img/fm=png/odd%20$%20key.png")
    assert answer.headers["location"].startswith(maker.server.url)
    assert len(follow(maker, answer, "")[0]) > BOUND


def test_a_signed_picture_is_given_by_a_link_that_ends(maker: Maker) -> None:
    """No open address for what needs a signature: a link of some minutes, kept by the browser alone."""
    signature = signature_of(SECRET.encode(), image_text("fm=png", "secret/a.png", "", ""))
    answer = maker.ask(f"/img/fm=png/secret/a.png?s={signature}")
    assert answer.status == 302
    assert "access-control-allow-origin" not in answer.headers
    link = httpx.URL(answer.headers["location"])
    assert int(link.params["X-Amz-Expires"]) <= 300
    body, headers = follow(maker, answer, "")
    assert len(body) > BOUND
    assert headers["cache-control"].startswith("private")
    edge = maker.ask("/img/fm=png/secret/a.png", headers={"x-imagemill-edge": EDGE_SECRET})
    assert edge.headers["location"].startswith(maker.server.url)


def test_short_answers_about_a_long_picture_are_as_ever(maker: Maker) -> None:
    """A range that fits, 304, HEAD and `/info` are answered; a range that does not fit is redirected."""
    whole, _ = follow(maker, maker.ask(LONG), LONG)
    head = maker.ask(LONG, method="HEAD")
    assert (head.status, head.headers["content-length"]) == (200, str(len(whole)))
    part = maker.ask(LONG, headers={"range": "bytes=0-99"})
    assert (part.status, part.body) == (206, whole[:100])
    assert maker.ask(LONG, headers={"range": "bytes=1-"}).status == 302
    assert maker.ask(LONG, headers={"if-none-match": head.headers["etag"]}).status == 304
    assert maker.ask("/info/a.png").status == 200


def test_behind_an_api_without_a_cdn_it_is_a_link(maker: Maker) -> None:
    """Whoever asks through API Gateway gets the same."""
    answer = maker.ask("", event=gateway_1(LONG))
    assert answer.status == 302
    assert len(follow(maker, answer, LONG)[0]) > BOUND


def test_without_cloudfront_no_address_of_ours_is_told(maker_of: MakerOf) -> None:
    """Nobody would take the file from the bucket: the link is told at once."""
    maker = maker_of({"IMAGEMILL_CDN__KIND": ""}, most_body=BOUND)
    maker.put("a.png", picture(64))
    assert maker.ask(LONG).headers["location"].startswith(maker.server.url)


def too_long(answer: Answered) -> bool:
    """Whether this is the refusal of a picture that is nowhere to be had."""
    assert answer.status == 503, answer.body
    problem = json.loads(answer.body)
    assert problem["code"] == "too_long_to_send"
    assert "could not be kept" in problem["detail"]
    assert int(answer.headers["retry-after"]) > 0
    return "location" not in answer.headers


def test_a_bucket_that_refuses_writes_makes_an_error_not_a_circle(maker_of: MakerOf, maker: Maker) -> None:
    """503 in words while nothing can be kept, asked in any way; short pictures are answered all the while."""
    with fault_proxy(maker.server.url) as proxy:
        mute = maker_of(most_body=BOUND, beside=maker, variants_at=proxy.url)
        version = json.loads(mute.ask("/info/a.png").body)["version"]
        proxy.fail(lambda method, target: REFUSING if method == "PUT" else None)
        for target in (LONG, f"{LONG}?v={version}", LONG):
            assert too_long(mute.ask(target))
        assert mute.ask("/img/w=20,fm=jpeg/a.png").status == 200
        assert maker.kept() == []
        proxy.fail(None)
        assert mute.ask(LONG).status == 302
        mute.warm.close()


def test_beyond_its_originals_share_a_long_picture_is_an_error(maker_of: MakerOf) -> None:
    """Over the number of variants one is answered and not kept: a long one cannot be answered."""
    maker = maker_of({"IMAGEMILL_VARIANTS__MAX_PER_ORIGINAL": "1"}, most_body=BOUND)
    maker.put("a.png", picture(64))
    assert maker.ask("/img/w=20,fm=jpeg/a.png").status == 200
    assert too_long(maker.ask(LONG))
    assert maker.ask("/img/w=21,fm=jpeg/a.png").status == 200
    assert len(maker.kept()) == 1
