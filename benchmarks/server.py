"""Imagemill as its users start it, on a free loopback port with a data folder of its own, for one benchmark."""

from __future__ import annotations

import http.client
import os
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks import processes
from benchmarks.load import ROOT

UNLIMITED = {"IMAGEMILL_LIMITS__CLIENT_BURST": "1000000000", "IMAGEMILL_LIMITS__CLIENT_RATE": "1000000000"}
"""Lifts the bucket of CPU-seconds a single client may spend (threats A4): a load generator is one client."""


def free_port() -> int:
    """A loopback port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def status_of(port: int, path: str) -> int:
    """The status of one GET, or 0 when nobody answers."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    except OSError:
        return 0
    finally:
        connection.close()


def fetch(port: int, path: str, source: str = "127.0.0.1") -> tuple[int, dict[str, str], bytes]:
    """One GET from a loopback address: status, headers with lower-case names, body."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60, source_address=(source, 0))
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        return response.status, {k.lower(): v for k, v in response.getheaders()}, response.read()
    finally:
        connection.close()


class Imagemill:
    """A running server; use it as a context manager. `data` may be filled before it starts.

    The access log is on, as users have it, and goes to a file in the data folder's parent.
    """

    def __init__(self, environment: dict[str, str] | None = None) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="imagemill-bench-")
        self.scratch = Path(self._folder.name)
        self.data = self.scratch / "data"
        self.data.mkdir()
        self.port = free_port()
        self.ready_seconds = 0.0
        self._environment = environment if environment is not None else UNLIMITED
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The server's process; its workers are below it."""
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Spawn `imagemill serve`; returns when /healthz/ready is 200 and notes how many seconds that took."""
        program = str(Path(sys.executable).parent / "imagemill")
        command = [program, "serve", "--data", str(self.data), "--port", str(self.port)]
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("IMAGEMILL_")}
        started = time.perf_counter()
        with (self.scratch / "server.log").open("wb") as log:
            self._process = subprocess.Popen(
                command,
                env=inherited | self._environment,
                cwd=ROOT,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        try:
            processes.wait_until(
                lambda: status_of(self.port, "/healthz/ready") == 200, 20, "imagemill serve", self._process
            )
        except RuntimeError as error:
            said = (self.scratch / "server.log").read_text(errors="replace")[-2000:]
            self.stop()
            raise RuntimeError(f"{error}; it said:\n{said}") from error
        self.ready_seconds = time.perf_counter() - started

    def stop(self) -> None:
        """End the server and remove its folder."""
        if self._process is not None:
            processes.stop(self._process, 30)
        self._folder.cleanup()

    def admin_key(self) -> str:
        """The key that the first start wrote."""
        return (self.data / "admin.key").read_text().strip()

    def metrics(self) -> dict[str, float]:
        """All samples of /metrics, name with labels to value."""
        _, _, body = fetch(self.port, "/metrics")
        samples = {}
        for line in body.decode().splitlines():
            if line and not line.startswith("#"):
                name, _, value = line.rpartition(" ")
                samples[name] = float(value)
        return samples

    def __enter__(self) -> Imagemill:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
