"""SVG, HEIC, BMP, ICO and JPEG XL from the outside: uploaded, served in every form, refused in words."""

from __future__ import annotations

import io
from collections.abc import Iterator

import numpy as np
import pillow_heif
import pytest
from PIL import Image
from tests.serving import RunningServer, serving

ICON = b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24"><circle cx="12" cy="12" r="10" fill="#c00"/></svg>'
WORDS = (
    b'<svg xmlns="http://www.w3.org/2000/svg" width="200" height="100"><text x="5" y="40" font-size="40">Hello</text>'
    b'<text x="5" y="90" font-size="40" font-family="Nowhere" font-weight="bold">Hello</text></svg>'
)


def _pictures() -> dict[str, bytes]:
    photo = Image.fromarray(np.random.default_rng(5).integers(0, 255, (12, 16, 3), dtype=np.uint8)).resize((320, 240))
    files = {"icon.svg": ICON, "words.svg": WORDS}
    for name, kind in (("photo.bmp", "BMP"), ("photo.ico", "ICO"), ("photo.png", "PNG")):
        file = io.BytesIO()
        photo.save(file, kind)
        files[name] = file.getvalue()
    file = io.BytesIO()
    pillow_heif.from_pillow(photo).save(file, quality=80)
    return files | {"photo.heic": file.getvalue()}


@pytest.fixture(scope="module")
def rare(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A server with one picture of each kind."""
    with serving(tmp_path_factory.mktemp("rare") / "data") as running, running.client() as client:
        for name, data in _pictures().items():
            answer = client.put(f"/v1/originals/{name}", content=data)
            assert answer.status_code == 201, answer.text
        yield running


@pytest.mark.parametrize(
    ("name", "media_type"),
    [
        ("icon.svg", "image/svg+xml"),
        ("photo.heic", "image/heic"),
        ("photo.bmp", "image/bmp"),
        ("photo.ico", "image/vnd.microsoft.icon"),
    ],
)
def test_an_original_has_its_own_type(name: str, media_type: str, rare: RunningServer) -> None:
    """Told by its bytes, whatever was declared."""
    with rare.client() as client:
        assert client.get(f"/v1/originals/{name}").json()["content_type"] == media_type
        kept = client.get(f"/v1/content/{name}")
    assert kept.headers["content-type"] == media_type
    assert kept.headers["content-disposition"].startswith("attachment")


@pytest.mark.parametrize(
    ("name", "accept", "served"),
    [
        ("icon.svg", "*/*", "image/png"),
        ("icon.svg", "image/webp,*/*", "image/webp"),
        ("icon.svg", "image/avif,image/webp,*/*", "image/avif"),
        ("photo.heic", "*/*", "image/jpeg"),
        ("photo.heic", "image/avif,*/*", "image/avif"),
        ("photo.bmp", "*/*", "image/jpeg"),
        ("photo.ico", "*/*", "image/png"),
        ("photo.png", "image/jxl,*/*", "image/jxl"),
        ("photo.png", "image/jxl,image/avif,*/*", "image/avif"),
    ],
)
def test_a_browser_gets_what_it_reads(name: str, accept: str, served: str, rare: RunningServer) -> None:
    """Never a JPEG where something may be clear; JPEG XL only where it is named and nothing better is."""
    with rare.client(admin=False) as client:
        answer = client.get(f"/img/w=64/{name}", headers={"Accept": accept})
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == served
    assert answer.headers["vary"] == "Accept"


def _grey(data: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGBA"))[..., 3].astype(int)


def test_an_icon_is_crisp_at_any_size(rare: RunningServer) -> None:
    """24 pixels at 600: between clear and full there is one pixel, not twenty."""
    with rare.client(admin=False) as client:
        answer = client.get("/img/w=600,fm=png/icon.svg")
    alpha = _grey(answer.content)
    assert alpha.shape == (600, 600)
    row = alpha[300]
    assert np.count_nonzero((row > 0) & (row < 255)) <= 4


def test_words_are_set_without_the_machines_fonts(rare: RunningServer) -> None:
    """In a confined worker the built-in font stands in, and bold is bold."""
    with rare.client(admin=False) as client:
        alpha = _grey(client.get("/img/fm=png/words.svg").content)
    plain, bold = alpha[:50].sum(), alpha[50:].sum()
    assert plain > 50_000
    assert bold > 1.15 * plain


def test_a_vector_may_be_a_watermark(rare: RunningServer) -> None:
    """A picture of an everyday format with a rare layer is made as well, the layer crisp."""
    with rare.client() as client:
        answer = client.get("/img/w=300,fm=png,wm=icon.svg,wmpos=center,wmscale=50p/photo.png")
    assert answer.status_code == 200, answer.text
    pixel = np.asarray(Image.open(io.BytesIO(answer.content)).convert("RGB"))[112, 150]
    assert tuple(int(value) for value in pixel) == (204, 0, 0)


def test_info_is_told_of_rare_formats_too(rare: RunningServer) -> None:
    """Size, alpha and placeholders."""
    with rare.client(admin=False) as client:
        told = client.get("/info/icon.svg").json()
    assert (told["format"], told["width"], told["height"], told["alpha"]) == ("svg", 24, 24, True)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"\x1f\x8b\x08\x00" + bytes(40), "svgz"),
        (b"\x00\x00\x02\x00\x01\x00" + bytes(40), "CUR"),
        (b"8BPS\x00\x01" + bytes(40), "SVG"),
    ],
)
def test_what_is_not_read_is_refused_with_advice(data: bytes, words: str, rare: RunningServer) -> None:
    """415 names what it looks like and what is read here."""
    with rare.client() as client:
        answer = client.put("/v1/originals/refused", content=data)
    assert answer.status_code == 415
    assert words in answer.json()["detail"]
