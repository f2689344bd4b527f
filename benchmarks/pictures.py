"""Pictures to measure with: the corpus's photographs, or made ones where it is absent.

Made pictures have the same size and detail at every scale, so the ratios stay meaningful; their bytes are their own,
so a report says which kind it was.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from benchmarks.load import ROOT

JPEG_START = bytes.fromhex("ffd8ffe000104a46494600010100000100010000")
"""The first bytes of a JPEG, for bodies that must get past the sniffing."""


def corpus() -> Path | None:
    """The folder of the corpus (IMAGEMILL_CORPUS, default beside the project), or None."""
    folder = Path(os.environ.get("IMAGEMILL_CORPUS", ROOT.parent / "shared" / "images"))
    return folder if folder.is_dir() else None


def _photo(name: str, width: int, height: int, folder: Path) -> Path:
    found = corpus()
    if found is not None and (found / "photos" / name).is_file():
        return found / "photos" / name
    return synthetic(folder / f"synthetic-{width}x{height}.jpg", width, height)


def six_megapixels(folder: Path) -> Path:
    """A photograph of 3082×2048 pixels; a made one is written to `folder`."""
    return _photo("hato.jpg", 3082, 2048, folder)


def twelve_megapixels(folder: Path) -> Path:
    """A phone's photograph of 4048×3036 pixels; a made one is written to `folder`."""
    return _photo("IMG_20180725_163423.jpg", 4048, 3036, folder)


def photographs(folder: Path) -> list[Path]:
    """Photographs for judging quality: baseline JPEG, upright, large enough to be shrunk by 2, 4 and 8."""
    names = (
        "hato.jpg",
        "IMG_20180725_163423.jpg",
        "canon-dslr.jpg",
        "flower.png.im_q85_420_progr.jpg",
        "Landscape_1.jpg",
    )
    found = corpus()
    photos = [found / "photos" / name for name in names] if found is not None else []
    photos = [path for path in photos if path.is_file()]
    return photos or [six_megapixels(folder), twelve_megapixels(folder)]


def small(folder: Path) -> Path:
    """A picture, written to `folder`, that is small enough for a thousand variants of it to be made in seconds."""
    import pyvips  # only where a picture is made, as in `synthetic`

    path = folder / "small.jpg"
    pyvips.Image.thumbnail(str(six_megapixels(folder)), 480).jpegsave(str(path), Q=85, keep="none")
    return path


def synthetic(path: Path, width: int, height: int) -> Path:
    """Write a JPEG with detail at every scale (noise of several octaves in three colours), the same every time."""
    import pyvips  # only where a picture is made: the load generator imports this package too

    bands = []
    for seed in range(3):
        layers = [
            pyvips.Image.perlin(width, height, cell_size=cell, seed=seed) * cell**0.6 for cell in (8, 32, 128, 512)
        ]
        total = layers[0] + layers[1] + layers[2] + layers[3]
        bands.append(total * 1.6 + 128)
    image = bands[0].bandjoin(bands[1:]).cast("uchar").copy(interpretation="srgb")
    image.jpegsave(str(path), Q=88)
    return path


def copies(source: Path, folder: Path, count: int, stem: str) -> list[str]:
    """Copy a picture `count` times into a folder under different names; returns the names, which are keys."""
    folder.mkdir(parents=True, exist_ok=True)
    names = [f"{stem}-{n:04}.jpg" for n in range(count)]
    for name in names:
        shutil.copyfile(source, folder / name)
    return names


_PHOTO_SET = (
    *("hato.jpg", "IMG_20180725_163423.jpg", "canon-dslr.jpg", "flower.png.im_q85_420_progr.jpg", "Landscape_1.jpg"),
    *("kimono.jpg", "jpg-24bit-icc-adobe-rgb.jpg", "cvo9xd_keong_macan_srgb8.png", "tmshre_riaphotographs_alpha.png"),
)
_SHIPPED = ("astronaut.jpg", "chelsea.png", "coffee.png", "hubble.jpg", "rocket.jpg")


def photo_set() -> list[Path]:
    """Photographs to judge encoders by, each motif once: the corpus, where it is, and the shipped samples."""
    found = corpus()
    photos = [] if found is None else [found / "photos" / name for name in _PHOTO_SET]
    samples = ROOT / "src" / "imagemill" / "demo" / "photos"
    return [path for path in photos if path.is_file()] + [samples / name for name in _SHIPPED]
