"""Replacement and deletion take effect at once, also against a slow transcode that finishes later."""

from __future__ import annotations

import io
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import httpx
import numpy as np
import pytest
from PIL import Image
from tests.serving import SECONDS, RunningServer, all_below, serving

RED, BLUE = (220, 20, 20), (20, 20, 220)


def photo(colour: tuple[int, int, int], side: int = 400, noise: int = 0) -> bytes:
    """Return a JPEG of one colour; with `noise` it takes long to encode as AVIF."""
    rng = np.random.default_rng(1)
    pixels = np.full((side, side, 3), colour, dtype=np.int16)
    if noise:
        pixels += rng.integers(-noise, noise, pixels.shape, dtype=np.int16)
    out = io.BytesIO()
    Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(out, "JPEG", quality=90)
    return out.getvalue()


def colour_of(body: bytes) -> str:
    """Return which of the two colours a picture mostly has."""
    red, _, blue = Image.open(io.BytesIO(body)).convert("RGB").resize((1, 1)).getpixel((0, 0))  # type: ignore[misc]
    return "red" if red > blue else "blue"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A server of its own, with a budget for the load."""
    with serving(
        tmp_path_factory.mktemp("replace") / "data", env={"IMAGEMILL_LIMITS__CLIENT_BURST": "100000"}
    ) as running:
        yield running


def test_a_replaced_original_is_never_seen_again(place: RunningServer) -> None:
    """After each PUT has returned, readers of one URL see the new picture only, with a new ETag and version."""
    bodies = {"red": photo(RED), "blue": photo(BLUE)}
    wrong: list[str] = []
    now = {"colour": "red", "epoch": 0}
    stop = threading.Event()

    def read() -> int:
        count = 0
        with place.client(admin=False) as client:
            while not stop.is_set():
                epoch, expected = now["epoch"], now["colour"]
                answer = client.get("/img/w=40,fm=png/race/one.jpg")
                if now["epoch"] == epoch and int(str(epoch)) % 2 == 0 and colour_of(answer.content) != expected:
                    wrong.append(f"{epoch}: expected {expected}")
                count += 1
        return count

    with place.client() as admin, ThreadPoolExecutor(4) as pool:
        assert admin.put("/v1/originals/race/one.jpg", content=bodies["red"]).status_code == 201
        readers = [pool.submit(read) for _ in range(3)]
        for turn in range(40):
            colour = "blue" if turn % 2 == 0 else "red"
            now["epoch"] = int(str(now["epoch"])) + 1  # odd: a PUT is under way, either picture is right
            assert admin.put("/v1/originals/race/one.jpg", content=bodies[colour]).status_code == 200
            now["colour"] = colour
            now["epoch"] = int(str(now["epoch"])) + 1
            time.sleep(0.01)
        stop.set()
        assert sum(reader.result() for reader in readers) > 40
    assert wrong == []


def test_a_slow_transcode_of_the_old_picture_leaves_no_trace(place: RunningServer) -> None:
    """A make that began before the PUT and ends after it answers its asker and is kept nowhere."""
    with place.client() as admin:
        assert admin.put("/v1/originals/race/slow.jpg", content=photo(RED, 2000, 60)).status_code == 201
        with ThreadPoolExecutor(1) as pool:
            for width in range(1980, 2001):  # where it was made before we could look, once more
                slow = f"/img/w={width},fm=avif,q=90/race/slow.jpg"
                old = pool.submit(httpx.get, place.url + slow, timeout=60, trust_env=False)
                _wait_for_a_make(place, old)
                if not old.done():
                    break
            assert not old.done(), "the makes were too quick to race with"
            assert admin.put("/v1/originals/race/slow.jpg", content=photo(BLUE, 2000, 60)).status_code == 200
            assert old.result().status_code == 200
        assert colour_of(admin.get(slow).content) == "blue"
        versions = _versions(place.data, "race/slow.jpg")
        assert len(versions) == 1
        assert [colour_of(file.read_bytes()) for file in _kept(place, "race/slow.jpg", versions[0])] == ["blue"]


def _wait_for_a_make(place: RunningServer, asked: Future[httpx.Response]) -> None:
    """Wait until what was asked is being made, or is answered."""
    deadline = time.monotonic() + SECONDS
    while place.metric("imagemill_makes_running") < 1 and not asked.done():
        assert time.monotonic() < deadline, "it is not made"
        time.sleep(0.005)


def _versions(data: Path, key: str) -> list[str]:
    folder = data / ".imagemill" / "variants" / "default" / key / "~"
    return [entry.name for entry in folder.iterdir() if entry.is_dir() and not entry.is_symlink()]


def _kept(place: RunningServer, key: str, version: str) -> list[Path]:
    """Return the kept files once the one that was just made has been written behind its answer."""
    folder = place.data / ".imagemill" / "variants" / "default" / key / "~" / version
    deadline = time.monotonic() + SECONDS
    while not (files := list(folder.iterdir())) and time.monotonic() < deadline:
        time.sleep(0.01)
    return files


def test_a_deleted_original_is_gone_at_once_and_stays_gone(place: RunningServer) -> None:
    """404 right after DELETE, also when a make was running; nothing of it lies in the folder (threats I8, P5)."""
    slow = "/img/w=2000,fm=avif,q=90/race/gone.jpg"
    with place.client() as admin:
        assert admin.put("/v1/originals/race/gone.jpg", content=photo(RED, 2000, 60)).status_code == 201
        assert admin.get("/img/w=50/race/gone.jpg").status_code == 200
        with ThreadPoolExecutor(1) as pool:
            making = pool.submit(httpx.get, place.url + slow, timeout=60, trust_env=False)
            _wait_for_a_make(place, making)
            assert admin.delete("/v1/originals/race/gone.jpg").status_code == 204
            assert admin.get("/img/w=50/race/gone.jpg").status_code == 404
            making.result()
        for path in ("/img/w=50/race/gone.jpg", slow):
            assert admin.get(path).status_code == 404
    left = [path for path in all_below(place.data) if "gone.jpg" in path.name]
    assert left == []


def test_a_picture_changed_behind_our_back_is_noticed(tmp_path: Path) -> None:
    """Within `originals.recheck` the new bytes are served."""
    data = tmp_path / "pictures"
    data.mkdir()
    (data / "a.jpg").write_bytes(photo(RED))
    with serving(data, env={"IMAGEMILL_ORIGINALS__RECHECK": "0.3"}) as running, running.client() as client:
        assert colour_of(client.get("/img/w=20,fm=png/a.jpg").content) == "red"
        (data / "a.jpg").write_bytes(photo(BLUE))
        deadline = time.monotonic() + SECONDS
        while colour_of(client.get("/img/w=20,fm=png/a.jpg").content) != "blue":
            assert time.monotonic() < deadline
            time.sleep(0.05)
        (data / "a.jpg").unlink()
        while client.get("/img/w=20,fm=png/a.jpg").status_code != 404:
            assert time.monotonic() < deadline
            time.sleep(0.05)


def test_a_purge_makes_the_next_request_make_again(place: RunningServer) -> None:
    """By original, by variant and by prefix; the picture itself is untouched."""
    with place.client() as admin:
        for key in ("purge/a.jpg", "purge/b.jpg"):
            assert admin.put(f"/v1/originals/{key}", content=photo(RED)).status_code == 201
        url = "/img/w=33,fm=webp/purge/a.jpg"
        assert "made" in admin.get(url).headers["cache-status"]
        assert "hit" in admin.get(url).headers["cache-status"]
        assert admin.post("/v1/purges", json={"key": "purge/a.jpg"}).status_code == 202
        assert "made" in admin.get(url).headers["cache-status"]
        assert admin.post("/v1/purges", json={"prefix": "purge/"}).status_code == 202
        assert "made" in admin.get(url).headers["cache-status"]
        listed = admin.get("/v1/variants/purge/a.jpg")
        assert listed.status_code == 200
        assert admin.delete("/v1/variants/purge/a.jpg").status_code in (200, 204)
        assert "made" in admin.get(url).headers["cache-status"]
