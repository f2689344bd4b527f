"""Every attack file of the corpus, through the real program: an allowed status, within bounds, others unhurt.

Each file is uploaded under its own name, as image/jpeg and as application/octet-stream, and dropped into the folder
behind the server's back and asked as a small JPEG, WebP and AVIF, and for its information with a key and without: a
folder of pictures is served without an upload.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
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
    workers = server.metric("imagemill_workers")
    with server.client() as client:
        for content_type in ("image/" + path.suffix.lstrip("."), "image/jpeg", "application/octet-stream"):
            key = f"/v1/originals/hostile/{entry['path']}"
            with _in_time(entry):
                answer = client.put(key, content=body, headers={"Content-Type": content_type})
            assert answer.status_code in set(entry["allow"]), (answer.status_code, answer.text[:300])
        stored = server.data / "behind" / entry["path"]
        stored.parent.mkdir(parents=True, exist_ok=True)
        stored.write_bytes(body)
        told = _asked(client, f"/v1/info/behind/{entry['path']}", entry)
        assert told.headers["content-type"].startswith("application/")
        assert client.get("/healthz/ready").status_code == 200
    with server.client(admin=False) as public:
        answers = {fmt: _asked(public, f"/img/w=256,fm={fmt}/behind/{entry['path']}", entry) for fmt in FORMATS}
        answers["info"] = _asked(public, f"/info/behind/{entry['path']}", entry)
    for name, answer in answers.items():
        assert CANARY not in answer.content, name
        if answer.status_code == 200:
            assert answer.headers["content-type"] == {"info": "application/json"}.get(name, f"image/{name}")
    assert told.status_code == answers["info"].status_code
    assert server.metric("imagemill_workers") >= min(workers, 1)


def _asked(client: httpx.Client, path: str, entry: dict[str, Any]) -> httpx.Response:
    """The answer to a GET, which is allowed, in time, and not to be sniffed at."""
    with _in_time(entry):
        answer = client.get(path)
    assert answer.status_code in set(entry["allow"]), (path, answer.status_code, answer.text[:300])
    assert answer.headers["x-content-type-options"] == "nosniff"
    return answer


@contextlib.contextmanager
def _in_time(entry: dict[str, Any]) -> Iterator[None]:
    """What is inside takes no longer than the manifest allows, and a second for a loaded machine."""
    came = time.monotonic()
    yield
    assert time.monotonic() - came <= entry["bounds"]["wall_s"] + 1


def test_no_secret_of_a_picture_is_in_the_log(server: RunningServer) -> None:
    """What the pictures of the tests above hide is nowhere in what the server wrote of them."""
    assert CANARY.decode() not in server.logged()


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
