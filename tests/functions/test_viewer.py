"""What the viewer asked, when CloudFront's function has rewritten it, and who the viewer is."""

from __future__ import annotations

import pytest
from tests.functions.http_events import CLIENT, function_url, gateway_1, gateway_2

from imagemill.errors import InvalidRequest
from imagemill.functions.http_event import HttpEvent, read_event
from imagemill.functions.viewer import as_asked


def asked(path: str, uri: str | None = None, address: str | None = None, make: object = function_url) -> HttpEvent:
    """Return the request that counts."""
    headers = {name: text for name, text in (("X-Imagemill-Uri", uri), ("CloudFront-Viewer-Address", address)) if text}
    return as_asked(read_event(make(path, headers=headers)), site="default")  # type: ignore[operator]  # one of three


def test_a_files_name_is_the_viewers_address_again() -> None:
    """The edge has named the file; the maker answers what the viewer wrote, version and all."""
    request = asked("/default/a.png/~/0123456789ab/w=300.webp", "/img/w=300,fm=webp/a.png?v=0123456789ab")
    assert (request.path, request.query) == (b"/img/w=300,fm=webp/a.png", b"v=0123456789ab")
    assert request.header(b"x-imagemill-uri") is None


def test_the_viewers_spelling_is_kept() -> None:
    """The same path in other escapes: the one that the viewer wrote counts, with its parameters."""
    request = asked("/img/_/caf%c3%a9.jpg", "/img/_/caf%C3%A9.jpg?s=abc")
    assert (request.path, request.query) == (b"/img/_/caf%C3%A9.jpg", b"s=abc")


@pytest.mark.parametrize(
    ("path", "uri"),
    [("/img/_/%41", "/img/_/%2541"), ("/img/_/caf\u00e9", "/img/_/caf%C3%A9"), ("/img/_/a%2Fb", "/img/_/a%252Fb")],
)
def test_a_path_that_was_decoded_on_the_way_is_the_same(path: str, uri: str) -> None:
    """Should a service decode what it hands over, the viewer's own spelling still counts."""
    assert asked(path, uri).path == uri.encode()


@pytest.mark.parametrize(
    ("path", "uri"),
    [
        ("/info/a.png", "/info/b.png"),
        ("/info/a.png", "/img/_/a.png"),
        ("/img/_/a.png?v=1", "/img/_/b.png"),
        ("/img/_/b.png", "/img/_/a/../b.png"),
        ("/img/_/a.png?v=1", "no path"),
    ],
)
def test_a_word_for_another_address_is_refused(path: str, uri: str) -> None:
    """Neither is answered: a cache would keep the one under the other (threat C1)."""
    with pytest.raises(InvalidRequest, match="two forms"):
        asked(path, uri)


def test_no_word_is_no_word() -> None:
    """Without the header, or with an empty one, the path is what came."""
    assert asked("/img/_/a.png?v=1", "").path == b"/img/_/a.png"


@pytest.mark.parametrize("make", [gateway_1, gateway_2])
def test_only_the_functions_own_url_is_cloudfronts(make: object) -> None:
    """Anyone may call an API, and write any header."""
    request = asked("/default/x/~/0123456789ab/_.png", "/img/_/x", "192.0.2.7:1", make)
    assert request.path == b"/default/x/~/0123456789ab/_.png"
    assert request.client == CLIENT
    assert request.header(b"x-imagemill-uri") is None


@pytest.mark.parametrize(
    ("text", "client"),
    [
        ("198.51.100.10:46532", "198.51.100.10"),
        ("2001:db8::7:46532", "2001:db8::7"),
        ("2001:0db8:0000:0000:0000:0000:0000:0007:443", "2001:db8::7"),
        ("[2001:db8::7]:443", "2001:db8::7"),
        ("nobody:80", CLIENT),
        ("198.51.100.10", CLIENT),
        ("", CLIENT),
    ],
)
def test_the_viewers_address_is_the_clients(text: str, client: str) -> None:
    """CloudFront writes address and port; what is no address counts for nothing."""
    assert asked("/img/_/x", address=text).client == client


def test_the_edge_tells_of_an_imagemill_that_asks() -> None:
    """Its word becomes RFC 8586's, which the gateway knows; through API Gateway anybody could write it."""
    for make, marked in ((function_url, True), (gateway_1, False), (gateway_2, False)):
        event = make("/img/_/a.png", headers={"x-imagemill-loop": "1"})
        request = as_asked(read_event(event), site="default")
        assert (request.header(b"cdn-loop") == "imagemill") is marked
        assert request.header(b"x-imagemill-loop") is None
    assert asked("/img/_/a.png").header(b"cdn-loop") is None
