"""Watermarks and words from the outside: real server, real workers, real files."""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tests.serving import RunningServer, serving

RED, BLUE, GREY = (220, 20, 20), (20, 20, 220), (128, 128, 128)
STAMPED = "/img/w=120,wm64=YnJhbmQvbG9nby5wbmc,wmpos=center,wmscale=40p,fm=png/shop/shoe.jpg"


def picture(colour: tuple[int, int, int], side: int = 300, form: str = "PNG") -> bytes:
    """Return a picture of one colour."""
    out = io.BytesIO()
    Image.new("RGB", (side, side), colour).save(out, form)
    return out.getvalue()


def pixels(body: bytes) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    """Return the picture's levels, rows by columns by RGB."""
    return np.asarray(Image.open(io.BytesIO(body)).convert("RGB"))


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A server that lets everybody write on pictures, with a budget for the load."""
    env = {"IMAGEMILL_DELIVERY__ALLOW": "text", "IMAGEMILL_LIMITS__CLIENT_BURST": "100000"}
    with serving(tmp_path_factory.mktemp("layers") / "data", env=env) as running:
        with running.client() as admin:
            assert admin.put("/v1/originals/shop/shoe.jpg", content=picture(GREY, 600, "JPEG")).status_code == 201
        yield running


def test_a_replaced_logo_is_on_every_picture_after_its_put(place: RunningServer) -> None:
    """Readers of one URL see the new logo as soon as the PUT has returned, and never the old one again."""
    bodies = {"red": picture(RED), "blue": picture(BLUE)}
    wrong: list[str] = []
    now: tuple[int, str] = (0, "red")  # odd while a PUT is under way: either logo is right then
    stop = threading.Event()

    def read() -> int:
        count = 0
        with place.client(admin=False) as client:
            while not stop.is_set():
                epoch, expected = now
                answer = client.get(STAMPED)
                if epoch % 2 or now[0] != epoch:
                    continue
                red, _, blue = (int(level) for level in pixels(answer.content)[60, 60])
                if ("red" if red > blue else "blue") != expected:
                    wrong.append(f"{epoch}: expected {expected}")
                count += 1
        return count

    with place.client() as admin, ThreadPoolExecutor(3) as pool:
        assert admin.put("/v1/originals/brand/logo.png", content=bodies["red"]).status_code == 201
        readers = [pool.submit(read) for _ in range(2)]
        for turn in range(12):
            colour = "blue" if turn % 2 == 0 else "red"
            now = (now[0] + 1, colour)
            assert admin.put("/v1/originals/brand/logo.png", content=bodies[colour]).status_code == 200
            now = (now[0] + 1, colour)
            assert admin.get(STAMPED).status_code == 200
        stop.set()
        assert sum(reader.result() for reader in readers) > 0
    assert wrong == []


def test_a_stamped_picture_outlives_the_server(tmp_path: Path) -> None:
    """What is kept with its layers is found again after a restart, and a logo changed meanwhile is noticed."""
    data = tmp_path / "pictures"
    data.mkdir()
    (data / "a.png").write_bytes(picture(GREY))
    (data / "logo.png").write_bytes(picture(RED, 40))
    url = "/img/w=100,wm=logo.png,wmpos=center,fm=png/a.png"
    with serving(data) as running, running.client() as client:
        assert tuple(pixels(client.get(url).content)[50, 50]) == RED
        assert running.stop() == 0
    with serving(data) as running, running.client() as client:
        again = client.get(url)
        assert again.headers["cache-status"] == "imagemill; hit; detail=store"
        assert tuple(pixels(again.content)[50, 50]) == RED
        assert running.stop() == 0
    (data / "logo.png").write_bytes(picture(BLUE, 40))
    with serving(data) as running, running.client() as client:
        changed = client.get(url)
        assert tuple(pixels(changed.content)[50, 50]) == BLUE
        assert "detail=made" in changed.headers["cache-status"]


def test_words_are_written_and_never_read_as_markup(place: RunningServer) -> None:
    """A confined worker draws them: more ink for more letters, and `<b>` is three letters."""
    with place.client(admin=False) as client:
        plain = pixels(client.get("/img/w=300,fm=png/shop/shoe.jpg").content).astype(int)
        ink = []
        for text in ("x", "%3Cb%3Ex%3C%2Fb%3E".replace("%2F", ""), "%D0%9F%D1%80%D0%B8%D0%B2%D0%B5%D1%82"):
            answer = client.get(f"/img/w=300,fm=png,text={text},textsize=40,textcolor=white/shop/shoe.jpg")
            assert answer.status_code == 200, answer.text
            ink.append(int((np.abs(pixels(answer.content).astype(int) - plain).max(axis=2) > 60).sum()))
        assert 0 < ink[0] * 3 < ink[1]
        assert ink[2] > ink[0] * 3
