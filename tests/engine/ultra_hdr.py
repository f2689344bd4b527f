"""An Ultra HDR photo made by libvips: a base, and a gain map of half its size."""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from imagemill.engine.libvips import pyvips, start
from imagemill.engine.steps.gain_map import MARKS

Floats = NDArray[np.float32]


def scene(width: int = 320, height: int = 240) -> Floats:
    """Linear light, rows × columns × RGB: grey of 0.2, and a disc of four times white near a corner."""
    rows, columns = np.mgrid[0:height, 0:width].astype(np.float32)
    far = np.hypot((columns - width * 0.25) / width, (rows - height * 0.3) / height)
    light = 0.2 + 3.8 / (1 + np.exp((far - 0.12) * 80))
    ramp = 0.5 + 0.5 * columns / width
    return np.stack([light, light * ramp, light * 0.7], axis=-1).astype(np.float32)


def photo(width: int = 320, height: int = 240, *, orientation: int = 1) -> bytes:
    """The scene as an Ultra HDR JPEG."""
    start()
    image = pyvips.Image.new_from_array(scene(width, height)).copy(interpretation="scrgb")
    if orientation != 1:
        image.set_type(pyvips.GValue.gint_type, "orientation", orientation)
    return bytes(image.uhdrsave_buffer(Q=95))


def parts(data: bytes) -> tuple[Image.Image, Image.Image | None]:
    """Base and gain map of a file, as plain pictures; the map is None where there is none."""
    base = Image.open(io.BytesIO(data))
    base.load()
    if not any(mark in data for mark in MARKS):
        return base, None
    source = pyvips.Source.new_from_memory(data)
    loaded = pyvips.Operation.call("uhdrload_source", source)
    gain_map = Image.open(io.BytesIO(bytes(loaded.get("gainmap-data"))))
    gain_map.load()
    return base, gain_map


def brightened(data: bytes) -> Floats:
    """What a screen without limits shows, in linear light: the base times what the map says (Ultra HDR 1.1, 6.2)."""
    base, gain_map = parts(data)
    assert gain_map is not None
    source = pyvips.Source.new_from_memory(data)
    loaded = pyvips.Operation.call("uhdrload_source", source)
    most = np.array(loaded.get("gainmap-max-content-boost"))
    least = np.array(loaded.get("gainmap-min-content-boost"))
    gamma = np.array(loaded.get("gainmap-gamma"))
    below, above = (np.array(loaded.get(f"gainmap-offset-{part}")) for part in ("sdr", "hdr"))
    level = np.asarray(base.convert("RGB")).astype(np.float64) / 255
    linear = np.where(level <= 0.04045, level / 12.92, ((level + 0.055) / 1.055) ** 2.4)
    wide = gain_map.convert("RGB").resize(base.size, Image.Resampling.BILINEAR)
    told = (np.asarray(wide).astype(np.float64) / 255) ** (1 / gamma)
    gain = np.exp2(np.log2(least) * (1 - told) + np.log2(most) * told)
    return np.asarray((linear + below) * gain - above, dtype=np.float32)
