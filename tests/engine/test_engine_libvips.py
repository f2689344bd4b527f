"""How libvips is started: nothing but our own loaders and savers."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image
from tests.engine.engine_pictures import encoded, quarters

from imagemill.engine import libvips

ALONE = """
import pyvips
{body}
"""

OPENED = """
opened = []
for loader, sample in {samples!r}:
    try:
        pyvips.Operation.call(loader, pyvips.Source.new_from_memory(sample))
        opened.append(loader)
    except pyvips.Error:
        pass
print(*opened)
"""


def run(script: str) -> subprocess.CompletedProcess[str]:
    """A fresh interpreter with neither our start nor our environment."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("VIPS_")}
    return subprocess.run(
        [sys.executable, "-I", "-c", script], capture_output=True, text=True, timeout=60, check=False, env=clean
    )


def test_the_samples_open_where_nothing_is_blocked() -> None:
    """The check at the start can fail: an unblocked libvips does open what must stay shut."""
    done = run(ALONE.format(body=OPENED.format(samples=libvips.FOREIGN_SAMPLES)))
    assert {"matrixload_source", "svgload_source", "csvload_source"} <= set(done.stdout.split())


def test_a_start_refuses_a_libvips_that_opens_them() -> None:
    """Where blocking has no effect, the process does not start."""
    done = run(
        "from imagemill.engine import libvips\n"
        "libvips.pyvips.operation_block_set = lambda name, state: None\n"
        "libvips.pyvips.block_untrusted_set(False)\n"
        "libvips.start()\n"
    )
    assert done.returncode != 0
    assert "must be blocked" in done.stderr


def test_a_start_refuses_an_old_libvips() -> None:
    """Before 8.18.4 the decoders read out of bounds."""
    done = run(
        "from imagemill.engine import libvips\n"
        "libvips.pyvips.version = lambda part: (8, 18, 3)[part]\n"
        "libvips.start()\n"
    )
    assert done.returncode != 0
    assert "8.18.4 or newer is needed, found 8.18.3" in done.stderr


@pytest.mark.parametrize("fmt", ["TIFF", "PPM", "BMP"])
def test_foreign_formats_do_not_open(fmt: str) -> None:
    """Also a real picture of a format that the library knows."""
    libvips.start()
    with pytest.raises(libvips.pyvips.Error):
        libvips.pyvips.Image.new_from_buffer(encoded(quarters(), fmt), "")


def test_no_path_is_opened_or_written(tmp_path: Path) -> None:
    """The engine reads bytes and gives bytes; loaders and savers of files are shut (K2)."""
    libvips.start()
    path = tmp_path / "a.png"
    quarters().save(path)
    with pytest.raises(libvips.pyvips.Error):
        libvips.pyvips.Image.new_from_file(str(path))
    with pytest.raises(libvips.pyvips.Error):
        libvips.pyvips.Image.black(8, 8).write_to_file(str(tmp_path / "b.png"))
    assert [file.name for file in tmp_path.iterdir()] == ["a.png"]
    with Image.open(path) as image:
        assert image.size == (240, 160)


def test_the_revision_names_the_library() -> None:
    """A variant's revision changes with libvips."""
    parts = ".".join(str(libvips.pyvips.version(part)) for part in range(3))
    assert libvips.revision() == f"{libvips.ENGINE_REVISION}+libvips-{parts}"


def test_a_large_picture_never_becomes_a_temporary_file() -> None:
    """Decoders that cannot stream use memory: a worker may write nowhere."""
    done = run(
        "import os, sys, tempfile\n"
        "os.environ['TMPDIR'] = '/nonexistent'\n"
        "from imagemill.engine import libvips, probe\n"
        "from imagemill.engine.limits import Limits\n"
        "libvips.start()\n"
        "image = libvips.pyvips.Image.black(7000, 6000, bands=3).copy(interpretation='srgb')\n"
        "data = image.webpsave_buffer(effort=0, Q=10, keep='none')\n"
        "del image\n"
        "print(probe.verify(data + bytes(1), Limits(pixels_streaming=50_000_000)).width)\n"
    )
    assert done.stdout.split() == ["7000"], done.stderr
