"""CloudFront's function of the viewer's response, run in node as it is deployed: whose pages may read a picture."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.servers.cloudfront_function import EdgeFunction, edge_function
from tests.tools import need

from imagemill.delivery.plan import PRIVATE, SECURITY
from imagemill.edge_config.cloudfront import MAX_BYTES, opening_function

NAME = "access-control-allow-origin"


@pytest.fixture(scope="module")
def opening(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EdgeFunction]:
    """The function, in a node of its own."""
    with edge_function(opening_function(), tmp_path_factory.mktemp("opening")) as running:
        yield running


@pytest.mark.parametrize(
    "said",
    [
        {"cache-control": "public, max-age=31536000, immutable"},
        {"cache-control": "public, max-age=600, stale-while-revalidate=3600", "vary": "Accept"},
        {"x-note": "private"},
        {},
    ],
)
@pytest.mark.parametrize("status", [200, 206, 304])
def test_every_page_may_read_an_open_picture(opening: EdgeFunction, said: dict[str, str], status: int) -> None:
    """The header that S3 does not say is the one that the maker says; nothing else is touched."""
    assert opening.answered(status, said) == said | {NAME: dict(SECURITY)[NAME.encode()].decode()}


@pytest.mark.parametrize("lifetime", ["private, no-cache", "private", "max-age=60, private", "private=x, max-age=1"])
def test_what_a_signature_opened_is_no_other_pages_to_read(opening: EdgeFunction, lifetime: str) -> None:
    """The maker leaves the header out of signed answers, and the edge does not put it back."""
    assert NAME.encode() not in dict(PRIVATE)
    said = {"cache-control": lifetime, "content-type": "image/webp"}
    assert opening.answered(200, said) == said


def test_what_the_maker_says_stays(opening: EdgeFunction) -> None:
    """A site may name pages one day."""
    said = {"cache-control": "public, max-age=60", NAME: "https://www.example.com"}
    assert opening.answered(200, said) == said


def test_it_is_small_and_of_that_runtime(tmp_path: Path) -> None:
    """CloudFront takes 10 KB; node reads it as it is."""
    text = opening_function()
    assert len(text.encode()) <= MAX_BYTES
    assert text.isascii()
    path = tmp_path / "opening.mjs"
    path.write_text(text)
    subprocess.run([need("node", "nodejs"), "--check", str(path)], check=True, capture_output=True, timeout=30)
