"""What every test may ask for."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from tests.tools import missing

import imagemill.engine.libvips  # noqa: F401 - before a benchmark's bare pyvips: its threads are set as it is loaded

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def corpus() -> Path:
    """The folder of pictures and attack files; tests over it skip where it is absent, but never under CI."""
    folder = Path(os.environ.get("IMAGEMILL_CORPUS", ROOT.parent / "shared" / "images"))
    if not folder.is_dir():
        missing(f"no corpus of images at {folder} (set IMAGEMILL_CORPUS)")
    return folder
