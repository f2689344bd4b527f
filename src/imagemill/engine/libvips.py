"""libvips, started the way a stranger's bytes demand: few loaders, no cache, one thread.

Separate so that everything about the library as a whole is decided in one place: the environment that it reads when it
is loaded (so everyone else takes `pyvips` from here), and the blocks that `start()` puts in place before any file is
opened. One thread a worker, and as many workers as cores, is fastest; OpenMP, which the palette search of GIF uses,
spins its waiting threads (measured: four times the CPU). Decoders that cannot stream keep large pictures in memory,
which is counted and limited, not in a temporary file, which the worker may not write.

Threat D10: libvips sniffs content and would hand an "image" to any loader it was built with (CVE-2026-66066), so all
loaders are blocked and only ours are let through again.
"""

from __future__ import annotations

import os
from functools import cache
from typing import Any

os.environ["VIPS_BLOCK_UNTRUSTED"] = "1"
os.environ["VIPS_DISC_THRESHOLD"] = "1000g"
os.environ.setdefault("VIPS_CONCURRENCY", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")

import pyvips  # see above

__all__ = [
    "ENGINE_REVISION",
    "FLOOR",
    "FOREIGN_SAMPLES",
    "HAS_ULTRA_HDR",
    "EngineUnfit",
    "Image",
    "pyvips",
    "revision",
    "start",
]

Image = Any
"""A pyvips.Image; the library ships no types."""

FLOOR = (8, 18, 4)
"""The oldest libvips we run on: 8.18.1 to 8.18.3 repair out-of-bounds reads, 8.18.4 reads real HEIF tables again."""

ENGINE_REVISION = 2
"""Ours: counted up when the same recipe gives other pixels, so that kept variants are remade."""

_LOADERS = ("JpegSource", "PngSource", "NsgifSource", "WebpSource", "HeifSource", "TiffSource", "UhdrSource")
_RARE_LOADERS = ("SvgSource", "Jp2kSource", "PdfSource")
_SAVERS = ("JpegBuffer", "PngBuffer", "CgifBuffer", "WebpBuffer", "HeifBuffer", "TiffBuffer", "UhdrBuffer")
_INNER_SAVERS = ("JpegTarget",)  # what uhdrsave writes its two pictures with

HAS_ULTRA_HDR = bool(pyvips.type_find("VipsForeignSave", "uhdrsave_buffer"))
"""Whether this libvips was built with libultrahdr."""

FOREIGN_SAMPLES = (
    ("matrixload_source", b"2 2\n1 2\n3 4\n"),  # VIPS_BLOCK_UNTRUSTED leaves this one open
    ("svgload_source", b'<svg xmlns="http://www.w3.org/2000/svg" width="2" height="2"/>'),
    ("csvload_source", b"1,2\n3,4\n"),
    ("ppmload_source", b"P5\n1 1\n255\n\x00"),
    ("vipsload_source", b"\x08\xf2\xa6\xb6" + bytes([0, 0, 0, 2] * 2 + [0, 0, 0, 1, 0, 0, 0, 8]) + bytes(48)),
)
"""Loaders that must stay shut, each with a file it would open; `start` tries them by name and by sniffing."""


class EngineUnfit(RuntimeError):
    """The installed libvips must not be used for strangers' pictures; the process should not start."""


def start(*, rare: bool = False) -> None:
    """Take away every loader and saver but ours, and prove it. Repeated calls do nothing.

    `rare` lets the loaders of rare formats through as well, for good; only the workers of those formats say so. The
    operation cache is off: it would keep a stranger's pixels for the next job. Raises EngineUnfit.
    """
    _start()
    if rare:
        _open_rare()


@cache
def _open_rare() -> None:
    """Let the rare loaders through that this libvips has; a name that it does not know changes nothing."""
    for name in _RARE_LOADERS:
        pyvips.operation_block_set("VipsForeignLoad" + name, False)


@cache
def _start() -> None:
    """Do what `start` says of a process without rare formats."""
    found = (pyvips.version(0), pyvips.version(1), pyvips.version(2))
    if found < FLOOR:
        raise EngineUnfit(f"libvips {_dotted(FLOOR)} or newer is needed, found {_dotted(found)}.")
    pyvips.cache_set_max(0)
    for group, allowed in (("VipsForeignLoad", _LOADERS), ("VipsForeignSave", _SAVERS + _INNER_SAVERS)):
        pyvips.operation_block_set(group, True)
        for name in allowed:
            pyvips.operation_block_set(group + name, False)
    for loader, sample in FOREIGN_SAMPLES:
        _must_not_open(loader, sample)


def _must_not_open(loader: str, sample: bytes) -> None:
    """Try one foreign file both ways; raise EngineUnfit if it opens."""
    for by_name in (True, False):
        try:
            if by_name:
                pyvips.Operation.call(loader, pyvips.Source.new_from_memory(sample))
            else:
                pyvips.Image.new_from_buffer(sample, "")
        except pyvips.Error:
            continue
        raise EngineUnfit(f"libvips still opens files with {loader}, which must be blocked; not starting with it.")


def revision() -> str:
    """The engine's revision, kept with each variant: our own number, then libvips' version."""
    start()
    return f"{ENGINE_REVISION}+libvips-{_dotted((pyvips.version(0), pyvips.version(1), pyvips.version(2)))}"


def _dotted(version: tuple[int, int, int]) -> str:
    """8.18.7 as people write it."""
    return ".".join(str(part) for part in version)
