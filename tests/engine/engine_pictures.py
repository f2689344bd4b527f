"""Pictures made for the engine's tests, and short ways to probe, render and look at them."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageSequence

from imagemill.engine.limits import Limits
from imagemill.engine.port import Job
from imagemill.engine.probe import probe
from imagemill.engine.render import Encoded, render
from imagemill.recipe.model import FocalPoint, Pixels, Recipe, Resize
from imagemill.recipe.vocabulary import Fit, Format

LIMITS = Limits()
RED, GREEN, BLUE, YELLOW = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 0)

Pixel = tuple[int, ...]
Array = NDArray[np.uint8]


def quarters(width: int = 240, height: int = 160) -> Image.Image:
    """Four plain quarters: red, green, blue, yellow."""
    image = Image.new("RGB", (width, height))
    half_x, half_y = width // 2, height // 2
    for colour, corner in ((RED, (0, 0)), (GREEN, (half_x, 0)), (BLUE, (0, half_y)), (YELLOW, (half_x, half_y))):
        image.paste(colour, (*corner, *(corner[0] + half_x, corner[1] + half_y)))
    return image


def encoded(image: Image.Image, fmt: str = "PNG", **options: object) -> bytes:
    """The file that Pillow makes of it."""
    out = io.BytesIO()
    image.save(out, fmt, **options)
    return out.getvalue()


def sized(width: int | None = None, height: int | None = None, fit: Fit = Fit.INSIDE, **more: object) -> Resize:
    """A resize in pixels."""
    return Resize(
        width=None if width is None else Pixels(width),
        height=None if height is None else Pixels(height),
        fit=fit,
        **more,  # type: ignore[arg-type]  # the caller's keywords are Resize's own
    )


def made(
    data: bytes,
    recipe: Recipe | None = None,
    fmt: Format = Format.PNG,
    *,
    focal: FocalPoint | None = None,
    limits: Limits = LIMITS,
) -> Encoded:
    """Render as the worker does."""
    job = Job(recipe=recipe or Recipe(), format=fmt, facts=probe(data, limits), focal=focal)
    return render(data, job, limits)


def opened(result: Encoded) -> Image.Image:
    """The result as Pillow reads it; its size must be the one that was told."""
    image = Image.open(io.BytesIO(result.data))
    image.load()
    assert image.size == (result.width, result.height)
    return image


def frames_of(result: Encoded) -> list[Image.Image]:
    """All frames in RGBA."""
    image = Image.open(io.BytesIO(result.data))
    return [frame.convert("RGBA") for frame in ImageSequence.Iterator(image)]


def pixels_of(image: Image.Image, mode: str = "RGB") -> Array:
    """An array of the pixels."""
    return np.asarray(image.convert(mode))


def corners(image: Image.Image, inset: int = 4, mode: str = "RGB") -> list[Pixel]:
    """The colours a little inside the four corners: top left, top right, bottom left, bottom right."""
    array = pixels_of(image, mode)
    far = -1 - inset
    return [tuple(int(v) for v in array[y, x]) for y, x in ((inset, inset), (inset, far), (far, inset), (far, far))]


def near(got: Pixel, want: Pixel, tolerance: int = 4) -> bool:
    """Whether two colours differ by at most so much in every band."""
    return all(abs(a - b) <= tolerance for a, b in zip(got, want, strict=True))


def all_near(got: list[Pixel], want: list[Pixel], tolerance: int = 4) -> bool:
    """Whether every colour is near its partner."""
    return all(near(a, b, tolerance) for a, b in zip(got, want, strict=True))


def corpus_bytes(corpus: Path, name: str) -> bytes:
    """A file of the corpus."""
    return (corpus / name).read_bytes()
