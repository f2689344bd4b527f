"""The harmless part of the corpus through the real program: a right picture or a clear refusal, known corners known."""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image
from tests.serving import RunningServer, serving
from tests.tools import need

from imagemill.engine.rare.decoder import readable

ROOT = Path(__file__).resolve().parents[2]
CORPUS = Path(os.environ.get("IMAGEMILL_CORPUS", ROOT.parent / "shared" / "images"))
READ_NOW = {".jpg", ".jpeg", ".png", ".gif", ".webp", ".avif", ".tif", ".tiff"}
RARE = {".svg", ".heic", ".heif", ".hif", ".jxl", ".bmp", ".ico"}
REFUSED = {".svgz", ".gz", *({".jp2", ".pdf"} - {f".{word}" for word in readable()})}
"""Never read, or not by the libvips that is installed."""


def _files() -> list[str]:
    found = [path.relative_to(CORPUS).as_posix() for path in CORPUS.rglob("*") if path.is_file()]
    ours = READ_NOW | RARE | REFUSED
    return sorted(name for name in found if not name.startswith("hostile/") and Path(name).suffix.lower() in ours)


FILES = _files() if CORPUS.is_dir() else []


@pytest.fixture(scope="module")
def pictures(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A server whose data folder is a copy of the corpus: an existing folder of pictures, nothing uploaded."""
    data = tmp_path_factory.mktemp("corpus") / "pictures"
    shutil.copytree(corpus, data, ignore=shutil.ignore_patterns("hostile"))
    # The corpus may be mounted read-only, and its modes come along with a copy.
    subprocess.run(["chmod", "-R", "u+w", str(data)], check=True)
    with serving(data, env={"IMAGEMILL_LIMITS__CLIENT_BURST": "100000"}) as running:
        yield running


def test_the_pictures_are_there(corpus: Path) -> None:
    """The table below is not empty by accident."""
    assert corpus.is_dir()
    assert len(FILES) > 400


@pytest.mark.parametrize("name", FILES)
def test_a_picture_is_right_or_clearly_refused(name: str, pictures: RunningServer) -> None:
    """200 with a picture that decodes and keeps its shape, else 415 or 422 in words; never a 5xx."""
    with pictures.client(admin=False) as client:
        answer = client.get(f"/img/w=64,h=64,fit=inside,fm=png/{name}")
    if answer.status_code == 200:
        made = Image.open(io.BytesIO(answer.content))
        made.load()
        assert made.format == "PNG"
        assert 1 <= max(made.size) <= 64
        return
    assert answer.status_code in (415, 422), answer.text
    problem = answer.json()
    assert problem["detail"]
    assert answer.headers["imagemill-error"] == problem["code"]
    assert str(ROOT) not in answer.text
    assert str(pictures.data) not in answer.text
    assert Path(name).suffix.lower() not in RARE, answer.text
    if Path(name).suffix.lower() in REFUSED:
        assert answer.status_code == 415, answer.text


READABLE_ALL = [
    name
    for name in FILES
    if name.startswith(("clean/", "photos/")) and Path(name).suffix in READ_NOW and "12000x2" not in name
]


@pytest.mark.parametrize("name", READABLE_ALL)
def test_every_clean_picture_of_our_formats_is_served(name: str, pictures: RunningServer) -> None:
    """Nothing in clean/ and photos/ that is JPEG, PNG, GIF, WebP, AVIF or TIFF is refused, as JPEG, WebP or AVIF."""
    with pictures.client(admin=False) as client:
        for fmt in ("jpeg", "webp", "avif"):
            answer = client.get(f"/img/w=120,fm={fmt}/{name}")
            assert answer.status_code == 200, answer.text
            assert answer.headers["content-type"] == f"image/{fmt}"


CHARTS = [
    name
    for name in FILES
    if name.startswith(("clean/chart", "clean/icc/", "clean/orientation/", "clean/webp/lossless", "clean/photo_like"))
    and "p3_wide" not in name
    and "srgb_red" not in name
    and "sgrey" not in name
]


def corner(made: Image.Image, right: bool, bottom: bool) -> tuple[int, int, int]:
    """Return the colour a little inside a corner."""
    width, height = made.size
    x = width - 3 if right else 2
    y = height - 3 if bottom else 2
    red, green, blue = made.convert("RGB").getpixel((x, y))  # type: ignore[misc]  # an RGB pixel is a triple
    return red, green, blue


@pytest.mark.parametrize("name", CHARTS)
def test_the_charts_have_their_corners(name: str, pictures: RunningServer) -> None:
    """Red, green, blue and yellow stand where they should after orientation and colour conversion."""
    with pictures.client(admin=False) as client:
        answer = client.get(f"/img/fm=png/{name}")
    assert answer.status_code == 200, answer.text
    made = Image.open(io.BytesIO(answer.content))
    # A lossy original is a few levels off before we touch it; a wrong profile or orientation is off by a hundred.
    near = 12 if name.endswith(".jpg") else 4
    if "prophoto" in name:
        # Blue in 8-bit ProPhoto is rounded: Little CMS itself makes (8, 0, 255) of the file's (86, 35, 235).
        near += 4
    expected = {
        (False, False): (255, 0, 0),
        (True, False): (0, 255, 0),
        (False, True): (0, 0, 255),
        (True, True): (255, 255, 0),
    }
    if "orientation" in name:
        assert made.size == (200, 120)
    for (right, bottom), colour in expected.items():
        found = corner(made, right, bottom)
        assert all(abs(a - b) <= near for a, b in zip(found, colour, strict=True)), (right, bottom, found)


def test_no_private_word_reaches_a_variant(corpus: Path, server: RunningServer, tmp_path: Path) -> None:
    """GPS, thumbnails, XMP, IPTC and comments are in no variant (threats P1, P2; exiftool is the judge)."""
    exiftool = need("exiftool", "libimage-exiftool-perl")
    made = tmp_path / "made"
    made.mkdir()
    with server.client() as client:
        for path in sorted((corpus / "hostile" / "privacy").iterdir()):
            if path.suffix not in READ_NOW:
                continue
            assert client.put(f"/v1/originals/privacy/{path.name}", content=path.read_bytes()).status_code in (
                200,
                201,
            )
            for fmt in ("jpeg", "png", "webp", "avif", "gif"):
                answer = client.get(f"/img/w=200,fm={fmt}/privacy/{path.name}")
                assert answer.status_code == 200, answer.text
                assert b"CANARY" not in answer.content
                (made / f"{path.stem}-{path.suffix[1:]}.{fmt}").write_bytes(answer.content)
    listed = subprocess.run([exiftool, "-j", "-G", "-a", str(made)], capture_output=True, check=True, text=True).stdout
    for picture in json.loads(listed):
        leaked = [tag for tag in picture if tag.split(":")[0] in ("EXIF", "XMP", "IPTC", "MakerNotes", "Photoshop")]
        assert not leaked, (picture["SourceFile"], leaked)
        assert not [tag for tag in picture if "GPS" in tag or "Thumbnail" in tag]
