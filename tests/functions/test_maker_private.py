"""Who may see what through the maker: short signatures, and the word of a CDN that has judged a signature itself."""

from __future__ import annotations

import json
import time

import pytest
from tests.functions.http_events import gateway_1
from tests.functions.makers import EDGE_SECRET, Maker, MakerOf, picture
from tests.signing.signing_kit import SECRET

from imagemill.recipe.wording import to_base64url
from imagemill.signing.signature import image_text, signature_of

URL = "/img/w=20,fm=png/secret/a.png"


@pytest.fixture(name="maker")
def with_a_secret(maker_of: MakerOf) -> Maker:
    """A maker with a private prefix."""
    maker = maker_of({"IMAGEMILL_DELIVERY__PRIVATE": "secret/", "IMAGEMILL_SIGNING__KEYS": f"web:{SECRET}"})
    for key in ("a.png", "secret/a.png", "secret/logo.png"):
        maker.put(key, picture(64))
    return maker


def signed(until: int) -> str:
    """Return the URL signed until a second."""
    text = image_text("w=20,fm=png", "secret/a.png", str(until), "")
    return f"{URL}?exp={until}&s={signature_of(SECRET.encode(), text)}"


def code(maker: Maker, target: str, **headers: str) -> str:
    """Return the code of a refusal."""
    answer = maker.ask(target, headers={name.replace("_", "-"): text for name, text in headers.items()})
    assert answer.status in (403, 404, 410), answer.status
    found: str = json.loads(answer.body)["code"]
    return found


def test_a_short_signature_opens_its_picture_until_it_ends(maker: Maker) -> None:
    """As in any home: private to its browser, 410 after its end, 403 for any other."""
    good = signed(int(time.time()) + 600)
    answer = maker.ask(good)
    assert answer.status == 200
    assert answer.headers["cache-control"].startswith("private, max-age=")
    assert code(maker, signed(1_000_000_000)) == "expired"
    assert code(maker, good.replace("w=20", "w=21")) == "needs_signature"
    assert code(maker, URL) == "needs_signature"


def test_a_signature_comes_through_the_edges_header_and_through_an_api(maker: Maker) -> None:
    """The edge passes on the parameters that mean something; an API has decoded them."""
    good = signed(int(time.time()) + 600)
    assert maker.ask(URL, headers={"x-imagemill-uri": good}).status == 200
    assert maker.ask("", event=gateway_1(good)).status == 200


def test_the_word_of_the_edge_opens_what_it_has_judged(maker: Maker) -> None:
    """CloudFront has taken the signature out of the request: its secret stands for it, for `/info` too."""
    answer = maker.ask(URL, headers={"x-imagemill-edge": EDGE_SECRET})
    assert answer.status == 200
    assert answer.headers["cache-control"].startswith("private, ")
    assert "access-control-allow-origin" not in answer.headers
    assert maker.ask("/info/secret/a.png", headers={"x-imagemill-edge": EDGE_SECRET}).status == 200
    assert code(maker, "/img/w=20/secret/none.png", x_imagemill_edge=EDGE_SECRET) == "no_such_original"


@pytest.mark.parametrize("word", ["", "x", EDGE_SECRET[:-1], EDGE_SECRET + "x", EDGE_SECRET.upper(), "é" * 9])
def test_any_other_word_opens_nothing(maker: Maker, word: str) -> None:
    """And nobody learns whether there is such a picture."""
    assert code(maker, URL, x_imagemill_edge=word) == "needs_signature"
    assert code(maker, "/img/w=20/secret/none.png", x_imagemill_edge=word) == "needs_signature"


def test_the_word_does_not_help_a_wrong_signature_nor_another_picture(maker: Maker) -> None:
    """A URL that shows a signature is judged by it; a private layer was not judged by the edge."""
    bad = f"{URL}?s={'A' * 43}"
    assert code(maker, bad, x_imagemill_edge=EDGE_SECRET) == "needs_signature"
    logo = to_base64url("secret/logo.png")
    for target in (f"/img/w=20,wm64={logo}/secret/a.png", f"/img/w=20,wm64={logo}/a.png"):
        assert code(maker, target, x_imagemill_edge=EDGE_SECRET) == "needs_signature"


def test_where_no_edge_judges_no_word_is_taken(maker_of: MakerOf) -> None:
    """Without a secret of ours even an empty word is none."""
    maker = maker_of({"IMAGEMILL_DELIVERY__PRIVATE": "secret/"}, edge_secret="")
    maker.put("secret/a.png", picture(32))
    assert code(maker, URL, x_imagemill_edge="") == "needs_signature"
    assert code(maker, URL, x_imagemill_edge=EDGE_SECRET) == "needs_signature"


def test_private_files_are_kept_apart(maker: Maker) -> None:
    """What is private has a folder that no open address leads to."""
    assert maker.ask(URL, headers={"x-imagemill-edge": EDGE_SECRET}).status == 200
    version = json.loads(maker.ask("/info/secret/a.png", headers={"x-imagemill-edge": EDGE_SECRET}).body)["version"]
    assert maker.kept() == [f"default/secret/a.png/~/{version}-private/w=20.png"]
