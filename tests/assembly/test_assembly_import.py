"""The control API is imported behind the opening of the port; what stops that stops nothing else."""

from __future__ import annotations

import subprocess
import sys

from tests.serving import environment

WITHOUT_A_DESCRIPTOR = """
import asyncio, os, resource, sys
from imagemill.assembly.platform import _import_control
from imagemill.observability.logging import configure

async def run() -> None:
    low = len(os.listdir("/proc/self/fd")) - 1  # the listing itself had one more
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (low, hard))
    await _import_control()
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    assert "imagemill.control.app" not in sys.modules
    await _import_control()
    assert "imagemill.control.app" in sys.modules

configure(form="json", level="info")
asyncio.run(run())
"""


def test_no_file_to_open_is_a_line_in_the_log() -> None:
    """With every descriptor taken by connections the import is put off, not the server's end spoilt by its error."""
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_A_DESCRIPTOR], env=environment(), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "control.import_failed" in done.stderr
