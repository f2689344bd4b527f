"""A Versity S3 Gateway on a folder: a real S3 server, which checks every signature.

Built once from its released source by `go install` (Go's proxy and checksum database vouch for it) and kept between
runs; `.ci/run` builds it before the tests.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.servers.moto import wait_for
from tests.serving import environment, free_port
from tests.tools import missing

VERSION = "v1.8.0"
ACCESS = "AKIDIMAGEMILLTESTS00"
SECRET = "a secret+of/the=tests"


def folder() -> Path:
    """Return where the gateway lies once it is built."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return cache / "imagemill-tests" / f"versitygw-{VERSION}"


def program() -> str:
    """Return the path of the gateway, built if need be; fails or skips where neither it nor Go is there."""
    cache = folder()
    binary = cache / "versitygw"
    if not binary.exists():
        go = shutil.which("go") or missing("neither versitygw nor go is installed (apt-get install golang)")
        environ = environment({"GOBIN": str(cache), "CGO_ENABLED": "0"})
        done = subprocess.run(
            [go, "install", f"github.com/versity/versitygw/cmd/versitygw@{VERSION}"],
            env=environ,
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )
        if done.returncode:
            missing(f"versitygw cannot be built: {done.stderr[-500:]}")
    return str(binary)


@contextmanager
def versity(buckets: Path, *, readonly: bool = False, port: int = 0) -> Iterator[str]:
    """Run it on the folder `buckets` until the block ends and give its address; `readonly` refuses every write."""
    port = port or free_port()
    url = f"http://127.0.0.1:{port}"
    log_path = buckets.parent / f"versitygw-{port}.log"
    flags = ["--readonly"] if readonly else []
    command = [program(), "--access", ACCESS, "--secret", SECRET, "--port", f"127.0.0.1:{port}", "--quiet", *flags]
    with log_path.open("wb") as log:
        process = subprocess.Popen([*command, "posix", str(buckets)], stdout=log, stderr=log, env=environment())
    try:
        wait_for(url, process, log_path)
        yield url
    finally:
        process.terminate()
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
