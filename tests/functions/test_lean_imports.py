"""What a cold start imports: nothing that only a server, the control API, the shell or another home needs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from imagemill import demo

HEAVY = {
    *("boto3", "botocore", "fastapi", "pydantic", "starlette", "granian", "httpx", "typer"),
    *("rich", "structlog", "attr", "cryptography", "prometheus_client", "redis", "mangum", "numpy", "PIL"),
    *("imagemill.assembly.platform", "imagemill.control.app", "imagemill.uploads.intake", "imagemill.engine.pool"),
}

PHOTO = next(Path(demo.__file__).with_name("photos").glob("*.jpg"))

ASKED = """
import asyncio, shutil, sys, tempfile
from pathlib import Path
from imagemill.assembly.functions import build
from imagemill.functions.bridge import call
from imagemill.functions.http_event import read_event
from imagemill.settings import Settings
event = {
    "version": "2.0", "rawPath": "/img/w=100,fm=webp/a.jpg", "rawQueryString": "", "headers": {"host": "localhost"},
    "requestContext": {"http": {"method": "GET", "path": "/img/w=100,fm=webp/a.jpg", "sourceIp": "192.0.2.1"}},
}

async def scene(folder):
    platform = await build(Settings.load(environ={"IMAGEMILL_DATA__DIR": folder}))
    shutil.copy(sys.argv[1], Path(folder) / "a.jpg")
    answer = await call(platform.app, read_event(event))
    assert answer.status == 200, answer
    await platform.close()

with tempfile.TemporaryDirectory() as folder:
    asyncio.run(scene(folder))
"""


def loaded(code: str) -> set[str]:
    """The modules that a fresh interpreter has after `code`."""
    told = subprocess.run(
        [sys.executable, "-c", f"{code}\nimport sys; print(*sys.modules)", str(PHOTO)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert told.returncode == 0, told.stderr
    return set(told.stdout.split())


def test_the_entry_point_imports_nothing_heavy() -> None:
    """Each import is waited for by somebody who asks for a picture; decoders are loaded by the start."""
    modules = loaded("import imagemill.functions.delivery")
    assert "imagemill.assembly.functions" in modules
    assert modules & (HEAVY | {"pyvips"}) == set()


@pytest.mark.parametrize("adapter", ["imagemill.object_store.local", "imagemill.variants.local", "imagemill.cdn.http"])
def test_the_entry_point_imports_no_adapter(adapter: str) -> None:
    """Settings choose, and only then is one imported."""
    assert adapter not in loaded("import imagemill.functions.delivery")


def test_a_transcode_imports_nothing_heavy_either() -> None:
    """From the event to the bytes: the engine, and none of what a server brings."""
    modules = loaded(ASKED)
    assert "pyvips" in modules
    assert modules & HEAVY == set()
