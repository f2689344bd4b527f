"""What a real server answers where the format decides: palettes of PNG, and films that a format cannot hold."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from PIL import Image
from tests.serving import serving


def lay(data: Path) -> None:
    """Put a colourful picture and a film of three frames into a new data folder."""
    data.mkdir()
    noise = np.random.default_rng(5).integers(0, 255, (60, 80, 3)).astype(np.uint8)
    Image.fromarray(noise).save(data / "a.png")
    frames = [Image.new("RGB", (40, 30), colour) for colour in ("red", "green", "blue")]
    frames[0].save(data / "film.gif", save_all=True, append_images=frames[1:], duration=80, loop=0)


def test_a_quality_gives_a_png_a_palette_under_a_name_of_its_own(tmp_path: Path) -> None:
    """`fm=png` and `fm=png,q=50` are two variants; a quality for automatic formats leaves a PNG exact."""
    lay(tmp_path / "data")
    with serving(tmp_path / "data") as server, server.client() as client:
        modes = {}
        for options in ("fm=png", "fm=png,q=50", "fm=png,q=100", "fm=source,q=50"):
            answer = client.get(f"/img/{options}/a.png")
            assert answer.headers["content-type"] == "image/png"
            modes[options] = Image.open(io.BytesIO(answer.content)).mode
        assert modes == {"fm=png": "RGB", "fm=png,q=50": "P", "fm=png,q=100": "RGB", "fm=source,q=50": "RGB"}
        told = client.get("/v1/explain", params={"url": "/img/fm=png,q=50/a.png"}).json()
        assert told["canonical"] == "fm=png,q=50"


def test_a_film_in_a_format_without_films_is_its_first_frame_and_explain_says_so(tmp_path: Path) -> None:
    """JPEG gets the first frame, and so does an exact AVIF; the others move; `explain` warns of the former alone."""
    lay(tmp_path / "data")
    allowed = {"IMAGEMILL_DELIVERY__ALLOW": "lossless"}
    words = (("jpeg", 1), ("avif,lossless=1", 1), ("png", 3), ("avif", 3), ("webp", 3), ("gif", 3))
    with serving(tmp_path / "data", env=allowed) as server, server.client() as client:
        for word, frames in words:
            image = Image.open(io.BytesIO(client.get(f"/img/fm={word}/film.gif").content))
            assert getattr(image, "n_frames", 1) == frames, word
            if frames == 1:
                red, green, blue = image.convert("RGB").getpixel((20, 15))  # type: ignore[misc]  # a tuple, as it is RGB
                assert red > 240 > 20 > max(green, blue)
            warnings = client.get("/v1/explain", params={"url": f"/img/fm={word}/film.gif"}).json()["warnings"]
            assert any("still picture" in warning for warning in warnings) == (frames == 1), word
        still = client.get("/v1/explain", params={"url": "/img/fm=png,anim=0/film.gif"}).json()
        assert still["warnings"] == []
