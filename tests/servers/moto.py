"""A moto server in a process of its own: S3's semantics, without looking at signatures."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
from tests.serving import environment, free_port

START_SECONDS = 60.0


@contextmanager
def moto(folder: Path) -> Iterator[str]:
    """Run it until the block ends and give its address."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with (folder / "moto.log").open("wb") as log:
        command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
        process = subprocess.Popen(command, stdout=log, stderr=log, env=environment())
    try:
        wait_for(url + "/moto-api/", process, folder / "moto.log")
        yield url
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def wait_for(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    """Wait until something answers at `url`."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            httpx.get(url, trust_env=False)
        except httpx.TransportError:
            time.sleep(0.05)
        else:
            return
    raise AssertionError(f"{process.args!r} did not start:\n{log.read_text()[-2000:]}")
