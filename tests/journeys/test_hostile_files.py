"""Every attack file of the corpus, through the real program: an allowed status, within bounds, others unhurt.

Each file is uploaded under its own name, as image/jpeg and as application/octet-stream, and dropped into the folder
behind the server's back and asked as a small JPEG, WebP and AVIF: a folder of pictures is served without an upload.
"""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

import pytest
from tests.serving import RunningServer

ROOT = Path(__file__).resolve().parents[2]
FORMATS = ("jpeg", "webp", "avif")


def _manifest() -> list[dict[str, Any]]:
    folder = Path(os.environ.get("IMAGEMILL_CORPUS", ROOT.parent / "shared" / "images"))
    path = folder / "hostile" / "manifest.json"
    if not path.is_file():
        return []
    files: list[dict[str, Any]] = json.loads(path.read_text())["files"]
    # The manifest names a dozen more than the folder holds (empty files and the like); see the test of cut files below.
    return [entry for entry in files if (path.parent / entry["path"]).is_file()]


FILES = _manifest()
CANARY = b"CANARY-"


def test_the_corpus_is_there(corpus: Path) -> None:
    """The table below is not empty by accident."""
    assert (corpus / "hostile" / "manifest.json").is_file()
    assert len(FILES) >= 273


@pytest.mark.parametrize("entry", FILES, ids=[entry["path"] for entry in FILES])
def test_a_hostile_file_ends_in_an_allowed_status(entry: dict[str, Any], server: RunningServer, corpus: Path) -> None:
    """Uploaded and behind our back, the answer is one the manifest allows, in time, and the server lives."""
    path = corpus / "hostile" / entry["path"]
    body = path.read_bytes()
    allowed = set(entry["allow"])
    key = f"hostile/{entry['path']}"
    pids = server.metric("imagemill_workers")
    with server.client() as client:
        for content_type in ("image/" + path.suffix.lstrip("."), "image/jpeg", "application/octet-stream"):
            came = time.monotonic()
            answer = client.put(f"/v1/originals/{key}", content=body, headers={"Content-Type": content_type})
            took = time.monotonic() - came
            assert answer.status_code in allowed, (answer.status_code, answer.text[:300])
            assert took <= entry["bounds"]["wall_s"] + 1, took
        stored = server.data / "behind" / entry["path"]
        stored.parent.mkdir(parents=True, exist_ok=True)
        stored.write_bytes(body)
        for fmt in FORMATS:
            came = time.monotonic()
            answer = client.get(f"/img/w=256,fm={fmt}/behind/{entry['path']}")
            took = time.monotonic() - came
            assert answer.status_code in allowed, (fmt, answer.status_code, answer.text[:300])
            assert took <= entry["bounds"]["wall_s"] + 1, took
            assert CANARY not in answer.content
            assert answer.headers["x-content-type-options"] == "nosniff"
        assert client.get("/healthz/ready").status_code == 200
    assert server.metric("imagemill_workers") >= min(pids, 1)


@pytest.mark.parametrize("length", [0, 1, 2, 3, 8, 12, 20, 33])
@pytest.mark.parametrize(
    "name", ["chart_640x480.jpg", "chart_640x480_progressive.jpg", "webp/lossless.webp", "anim/10f.png"]
)
def test_a_file_cut_to_nearly_nothing_is_refused(name: str, length: int, server: RunningServer, corpus: Path) -> None:
    """The first few bytes of a picture are no picture: 400 for nothing, 415 or 422 for the others, nothing stored."""
    body = (corpus / "clean" / name).read_bytes()[:length]
    with server.client() as client:
        answer = client.put(f"/v1/originals/cut/{length}/{name}", content=body)
        assert answer.status_code in ((400, 415, 422) if not length else (415, 422)), answer.text
        assert client.get(f"/v1/originals/cut/{length}/{name}").status_code == 404


def test_others_are_served_while_bombs_go_off(server: RunningServer, corpus: Path) -> None:
    """A plain picture is made in between, right and quickly."""
    photo = (corpus / "clean" / "chart_640x480.jpg").read_bytes()
    with server.client() as client:
        assert client.put("/v1/originals/plain.jpg", content=photo).status_code in (200, 201)
        answer = client.get("/img/w=100,fm=png/plain.jpg")
        assert answer.status_code == 200
        assert answer.content.startswith(b"\x89PNG")
