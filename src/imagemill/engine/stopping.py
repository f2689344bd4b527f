"""Asking libvips to stop, where no worker can be killed: in the process of a function in the cloud.

libvips looks before every few lines of pixels whether the image that it computes, or one it is computed from, is to be
given up (`vips_image_set_kill`). So whatever is opened, and whatever a step hands on, is noted here while a job can be
stopped. A codec that works on a whole frame at once (AVIF, HEIC, JPEG XL) does not look, nor does librsvg: those end
when they end. In a worker nothing is noted, as it is killed from outside.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from imagemill.errors import Unprocessable

Image = Any
"""A pyvips.Image; not from `libvips`, which loads the library: who makes jobs here does so when he starts."""


class Stop:
    """The end of one job, asked for or not. `ask` may be called from another thread."""

    def __init__(self) -> None:
        self._images: list[Image] = []
        self._asked = False

    def ask(self) -> None:
        """Have the job fail as soon as may be."""
        self._asked = True
        for image in tuple(self._images):
            image.set_kill(True)

    def note(self, image: Image) -> None:
        """Stop with `image` too; raises Unprocessable where the end was asked for already."""
        image.set_progress(True)  # without, libvips does not look
        self._images.append(image)
        if self._asked:
            raise Unprocessable("The job was stopped.", code="too_complex")


_current: Stop | None = None


@contextlib.contextmanager
def stopped_by(stop: Stop) -> Iterator[None]:
    """Have `stop` end what runs inside; one job at a time."""
    global _current
    _current = stop
    try:
        yield
    finally:
        _current = None


def stoppable(image: Image) -> Image:
    """Return `image`, which the present job's `Stop` now ends, if there is one."""
    if _current is not None:
        _current.note(image)
    return image
