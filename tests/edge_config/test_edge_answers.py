"""Through nginx and Varnish as straight: headers, negotiation, conditions, ranges, names (E1, E9, E10; C1, C2, C10)."""

from __future__ import annotations

import json
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest
from tests.edge_config.conftest import SECRET
from tests.servers.edges import Edge
from tests.serving import RunningServer

from imagemill.signing.sign import signed_url

ALL = {"Accept": "image/avif,image/webp,*/*"}
CLIENT = httpx.Client(trust_env=False, timeout=60)
PER_ANSWER = frozenset(
    {
        *("date", "server", "server-timing", "x-request-id", "age", "via", "x-varnish", "cache-status"),
        *("connection", "keep-alive", "transfer-encoding"),
    }
)


def straight(origin: RunningServer, path: str, method: str = "GET", **headers: str) -> httpx.Response:
    """Ask Imagemill itself."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return CLIENT.request(method, origin.url + path, headers=named)


def fields(answer: httpx.Response, *without: str) -> dict[str, str]:
    """Return the headers that must be the same from every tier."""
    return {name: value for name, value in answer.headers.items() if name not in PER_ANSWER and name not in without}


PATHS = [
    "/img/w=200/astronaut.jpg",
    "/img/_/astronaut.jpg",
    "/img/w=200,fm=jpeg,q=60/a/b/c/ph%20oto@2x.jpeg",
    "/img/fm=webp/a/b/c/ph%20oto@2x.jpeg",
    "/img/w=100/a/p%20(1).jpg",
    "/img/w=100,fm=png/astronaut.jpg?utm_source=mail&x",
]


@pytest.mark.parametrize("path", PATHS)
def test_every_tier_answers_with_the_same_headers(path: str, edge: Edge, origin: RunningServer) -> None:
    """A hit of the server in front and one of Imagemill's memory: the same bytes, the same headers, on HEAD too."""
    own = straight(origin, path, **ALL)
    hit = edge.hit(path, **ALL)
    assert edge.is_hit(hit), hit.headers
    assert hit.content == own.content
    assert fields(hit) == fields(own)
    assert hit.headers["x-request-id"]
    assert fields(edge.get(path, "HEAD", **ALL)) == fields(own)


@pytest.mark.parametrize("word", ["jpg", "source", "jpeg"])
def test_a_stated_format_is_not_answered_with_a_negotiated_file(word: str, edge: Edge) -> None:
    """`fm=jpg` and `fm=source` are no endings of a file: what lies there for a client of WebP is not what they ask."""
    assert edge.hit("/img/w=222/astronaut.jpg", accept="image/webp").headers["content-type"] == "image/webp"
    stated = edge.get(f"/img/w=222,fm={word}/astronaut.jpg", accept="image/webp")
    assert stated.headers["content-type"] == "image/jpeg"


def test_the_present_version_lives_for_ever_another_is_asked_each_time(edge: Edge, origin: RunningServer) -> None:
    """`?v=` of the present version is immutable and found by itself, any other is Imagemill's to answer."""
    with origin.client() as client:
        version = client.get("/v1/originals/astronaut.jpg").json()["version"]
    path = f"/img/w=210/astronaut.jpg?v={version}&utm=1"
    own = straight(origin, path, **ALL)
    hit = edge.hit(path, **ALL)
    assert edge.is_hit(hit)
    assert fields(hit) == fields(own)
    assert "immutable" in hit.headers["cache-control"]
    for query in ("v=000000000000", "v=x", f"v={version}&v={version}", f"%76={version}", f"v={version}&s=x"):
        other = edge.get(f"/img/w=210/astronaut.jpg?{query}", **ALL)
        expected = straight(origin, f"/img/w=210/astronaut.jpg?{query}", **ALL)
        assert other.status_code == expected.status_code, query
        assert other.headers["cache-control"] == expected.headers["cache-control"], query
        assert not edge.is_hit(other), query


ACCEPTS = [
    None,
    "",
    "*/*",
    "image/*",
    "image/avif",
    "image/webp",
    "IMAGE/AVIF",
    "image/avif,image/webp,*/*;q=0.8",
    "image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8",
    "image/webp,image/png,image/svg+xml,image/*;q=0.8,video/*;q=0.8,*/*;q=0.5",
    "image/avif;q=0,image/webp",
    "image/avif;q=0.5,image/webp;q=0.9",
    "image/avif;q=0.5, image/webp ;q=0.5",
    "image/webp;q=0.1,image/jpeg",
    "image/webp;q=0.1,image/jpeg;q=0.05",
    "image/avif;level=1",
    "image/avifs,image/webpx",
    "text/html,ximage/avif",
    "image/webp\timage/avif",
    "image/webp , image/avif",
    "image/jxl,image/webp",
    "image/jpeg,image/webp",
    ",".join(f"image/x{number}" for number in range(400)) + ",image/webp",
]


@pytest.mark.parametrize("accept", ACCEPTS, ids=lambda accept: str(accept)[:40])
def test_negotiation_is_that_of_imagemill(accept: str | None, edge: Edge, origin: RunningServer) -> None:
    """Each Accept gets the bytes through a server in front that it gets straight, first and again."""
    with httpx.Client(trust_env=False) as client:
        del client.headers["accept"]
        headers = {} if accept is None else {"accept": accept}
        for path in ("/img/w=90/astronaut.jpg", "/img/w=90/windmill.png"):
            expected = client.get(origin.url + path, headers=headers)
            for _ in range(2):
                answer = client.get(edge.url + path, headers=headers)
                assert answer.headers["content-type"] == expected.headers["content-type"]
                assert answer.content == expected.content
                assert answer.headers["vary"] == "Accept"


def test_many_kinds_of_accept_are_few_entries(edge: Edge, origin: RunningServer) -> None:
    """Strangers cannot have one picture made or kept in as many copies as there are spellings of Accept."""
    path = "/img/w=77/rocket.jpg"
    made = origin.metric("imagemill_variants_made_total", '{format="webp"}')
    tags = {
        edge.get(path, Accept=f"image/webp, image/x-{number}, text/{'a' * number}").headers["etag"]
        for number in range(40)
    }
    assert len(tags) == 1
    assert origin.metric("imagemill_variants_made_total", '{format="webp"}') - made <= 1
    assert edge.is_hit(edge.hit(path, Accept="image/webp,image/x-41"))


def conditions(tag: str, date: str) -> list[dict[str, str]]:
    """Return conditional and partial requests for a picture with this tag and date."""
    old = "Thu, 01 Jan 1970 00:00:00 GMT"
    return [
        {"if-none-match": tag},
        {"if-none-match": f"W/{tag}"},
        {"if-none-match": f'"x", {tag}'},
        {"if-none-match": "*"},
        {"if-none-match": '"x"'},
        {"if-none-match": '"x"', "if-modified-since": date},
        {"if-modified-since": date},
        {"if-modified-since": old},
        {"if-match": tag},
        {"if-match": '"x"'},
        {"if-unmodified-since": date},
        {"if-unmodified-since": old},
        {"range": "bytes=0-9"},
        {"range": "bytes=5-9"},
        {"range": "bytes=-5"},
        {"range": "bytes=0-"},
        {"range": "bytes=9999999-"},
        {"range": "bytes=-0"},
        {"range": "bytes=9-5"},
        {"range": "bytes=0-1,5-6"},
        {"range": "bytes=x"},
        {"range": "items=0-1"},
        {"range": "bytes=0-9", "if-range": tag},
        {"range": "bytes=0-9", "if-range": f"W/{tag}"},
        {"range": "bytes=0-9", "if-range": '"x"'},
        {"range": "bytes=0-9", "if-range": date},
        {"range": "bytes=0-9", "if-range": old},
        {"range": "bytes=0-9", "if-none-match": tag},
    ]


def test_conditions_and_ranges_are_those_of_imagemill(edge: Edge, origin: RunningServer) -> None:
    """304, 206, 412, 416 and 200 as straight, with the same bytes and headers; 304 carries those of the picture."""
    path = "/img/w=200/astronaut.jpg"
    picture = edge.hit(path, **ALL)
    for asked in conditions(picture.headers["etag"], picture.headers["last-modified"]):
        for method in ("GET", "HEAD"):
            if method == "HEAD" and "range" in asked:
                continue  # RFC 9110 section 14.2: a range is for GET alone
            own = straight(origin, path, method, **ALL, **asked)
            answer = edge.get(path, method, **ALL, **asked)
            if edge.word == "varnish" and asked == {"range": "bytes=-0"}:
                assert answer.content == picture.content  # RFC 9110 section 14.2: a range may be ignored
                continue
            assert answer.status_code == own.status_code, (asked, method)
            if own.status_code < 400:
                assert answer.content == own.content, asked
                # RFC 9110 section 15.4.5 wants neither in a 304, and section 14.3 not the second in a 206.
                without = {200: (), 206: ("accept-ranges",), 304: ("accept-ranges", "content-type")}[own.status_code]
                assert fields(answer, *without) == fields(own, *without), asked
            else:
                assert answer.headers["cache-control"] == "no-store", asked


REQUEST_HEADERS = [
    *("x-forwarded-host", "x-forwarded-for", "x-forwarded-proto", "x-forwarded-port", "x-forwarded-prefix"),
    *("x-original-url", "x-rewrite-url", "x-original-uri", "x-http-method-override", "x-method-override"),
    *("x-host", "x-forwarded-server", "forwarded", "via", "x-real-ip", "true-client-ip", "cf-connecting-ip"),
    *("accept-language", "accept-charset", "accept-encoding", "origin", "referer", "cookie", "user-agent"),
    *("dpr", "width", "viewport-width", "save-data", "sec-ch-dpr", "sec-ch-width", "sec-fetch-dest", "downlink"),
    *("te", "upgrade-insecure-requests", "pragma", "cache-control", "x-cache", "surrogate-capability", "from"),
    *("authorization", "proxy-authorization", "x-api-key", "x-amz-date", "x-csrf-token", "x-requested-with"),
    *("if-modified-since", "if-none-match", "if-match", "if-range", "range", "expect-ct", "max-forwards"),
    *("x-imagemill-class", "x-imagemill-stale", "imagemill-purge", "imagemill-ban", "x-accel-redirect", "accept"),
    *("x-accel-expires", "content-type", "x-varnish", "x-request-id"),
]


def test_no_header_of_a_stranger_stays_in_what_is_kept(edge: Edge, origin: RunningServer) -> None:
    """With each header and a mark first, then clean: no mark, and the clean answer is Imagemill's own (C1)."""
    assert len(REQUEST_HEADERS) >= 60
    for number, name in enumerate(REQUEST_HEADERS):
        path = f"/img/w={300 + number},fm=jpeg/rocket.jpg"
        marked = edge.get(path, **{name: "marked-by-a-stranger"})
        assert marked.status_code in (200, 400, 412), (name, marked.status_code)
        clean = edge.get(path)
        own = straight(origin, path)
        assert (clean.status_code, clean.content) == (200, own.content), name
        assert fields(clean) == fields(own), name
        assert "marked-by-a-stranger" not in str(clean.headers), name


def test_what_is_not_a_picture_is_not_kept(edge: Edge, origin: RunningServer) -> None:
    """400, 403 and 405 are kept nowhere, a 404 for some seconds (C4)."""
    for path, status in (
        ("/img/w=0/astronaut.jpg", 400),
        ("/img/w=20,lossless=1/astronaut.jpg", 403),
        ("/img/w=20/a//b.jpg", 400),
    ):
        for _ in range(2):
            answer = edge.get(path)
            assert (answer.status_code, answer.headers["cache-control"]) == (status, "no-store"), path
            assert answer.headers["imagemill-error"]
            assert not edge.is_hit(answer)
    assert edge.get("/img/w=20/astronaut.jpg", "DELETE").status_code == 405
    missing = edge.get("/img/w=20/nothing.jpg")
    assert (missing.status_code, missing.headers["cache-control"]) == (404, "public, max-age=5")


def test_only_delivery_is_for_the_public(edge: Edge) -> None:
    """Health, metrics, the landing page and what servers in front ask are not reached through one of them."""
    for path in ("/", "/metrics", "/healthz/ready", "/internal/authorize", "/imagemill-authorize", "/samples.json"):
        answer = edge.get(path, x_original_uri="/img/w=200/astronaut.jpg")
        assert answer.status_code == 404, path
        assert answer.headers["content-type"].startswith("application/problem+json")
        assert answer.json()["request_id"] == answer.headers.get("x-request-id", answer.json()["request_id"])
    assert edge.get("/robots.txt").status_code == 200
    assert edge.get("/info/astronaut.jpg").json()["format"] == "jpeg"
    assert edge.get("/v1/originals").status_code == 401  # --control


def test_whoever_is_not_told_of_purges_takes_none(edge: Edge) -> None:
    """A BAN with an empty secret is refused, from this machine too: whoever ends TLS here passes strangers on."""
    path = "/img/w=212,fm=png/rocket.jpg"
    assert edge.is_hit(edge.hit(path))
    for asked in ("/", path):
        assert edge.get(asked, "BAN", imagemill_ban=".", imagemill_purge="").status_code in (404, 405), asked
    assert edge.is_hit(edge.get(path))


def test_private_pictures_are_judged_on_each_request(edge: Edge, origin: RunningServer) -> None:
    """Without a signature 403, with one 200 and private, without one again 403; nobody else may read or keep it."""
    for options in ("w=80", "w=80,fm=jpeg"):
        path = f"/img/{options}/users/u1/face.jpg"
        signed = signed_url(path, f"img\n{options}/users/u1/face.jpg\n\n", SECRET, exp=None, kid=None)
        for _ in range(3):
            assert edge.get(path, **ALL).status_code == 403
            assert edge.get(path + "?s=" + "a" * 43, **ALL).status_code == 403
            own = straight(origin, signed, **ALL)
            good = edge.get(signed, **ALL)
            assert good.status_code == own.status_code == 200
            assert good.content == own.content
            assert fields(good) == fields(own)
            assert good.headers["cache-control"].startswith("private")
            assert "access-control-allow-origin" not in good.headers
            assert not edge.is_hit(good)
            again = edge.get(path, **ALL, if_none_match=good.headers["etag"])
            assert again.status_code == 403
            assert edge.get(path, **ALL, range="bytes=0-9").status_code == 403
    for spelling in ("/img/w=80//users/u1/face.jpg", "/img/w=80/%75sers/u1/face.jpg", "/img/w=80/users/./u1/face.jpg"):
        assert edge.get(spelling).status_code in (400, 403), spelling


def test_the_names_of_the_corpus(corpus: Path, edge: Edge, origin: RunningServer) -> None:
    """Each name as a key, percent-encoded: the status and the bytes that Imagemill gives itself (K1)."""
    texts: list[str] = json.loads((corpus / "hostile" / "vectors" / "names_latin1_of_utf8.json").read_text())
    for text in texts:
        path = f"/img/w=8,fm=png/{quote(text.encode('latin-1', 'surrogatepass'), safe='')}"
        if httpx.URL(origin.url + path).raw_path.decode() != path:
            continue  # the client mends it; the raw requests send such as they are
        own = straight(origin, path)
        for _ in range(2):
            answer = edge.get(path)
            # nginx cleans a path before it looks whose it is: what leaves /img/ by that is nothing.
            assert answer.status_code == own.status_code or (answer.status_code, own.status_code) == (404, 400), path
            assert answer.content == own.content or answer.status_code >= 400
            assert b"root:" not in answer.content


@pytest.mark.parametrize("path", ["/img/w=60/a/%C3%A9.jpg", "/img/w=60/1/2/3/4/5/6/7/8/9/deep.jpg", "/img/60x/a/é.jpg"])
def test_what_nginx_cannot_spell_is_passed_on(path: str, edge: Edge, origin: RunningServer) -> None:
    """Letters beyond ASCII, very deep keys, another spelling of options: the same answer all the same."""
    for _ in range(2):
        own, answer = straight(origin, path), edge.get(path)
        assert answer.status_code == 200
        assert answer.content == own.content
        assert fields(answer) == fields(own)
