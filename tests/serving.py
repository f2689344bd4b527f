"""The real program, started for a test: a process of its own, a free port, a temporary folder."""

from __future__ import annotations

import itertools
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

SECONDS = 60.0
"""How long a start, a stop or an answer may take on a busy machine; what a product promises is asserted apart."""


_PORTS, _SHARE = 20_000, 1_500
"""Where the ports of tests begin: below those that the kernel gives to outgoing connections (from 32768 on), for one of
these could take a port between our look and a server's. Eight test processes have a share each."""
_worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % 8
_steps = itertools.count(random.randrange(_SHARE))


def free_port() -> int:
    """Return a port of 127.0.0.1 that nobody listens on now; it comes again only when all others have been given."""
    for _ in range(_SHARE):
        port = _PORTS + _worker * _SHARE + next(_steps) % _SHARE
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # what a closed server left is no hindrance
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise AssertionError("no port is free")


@dataclass
class RunningServer:
    """A server that answers."""

    process: subprocess.Popen[bytes]
    port: int
    data: Path
    log: Path

    @property
    def url(self) -> str:
        """Its address without a slash at the end."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def key(self) -> str:
        """The admin key that it wrote."""
        return (self.data / "admin.key").read_text().strip()

    def client(self, *, admin: bool = True, timeout: float = SECONDS) -> httpx.Client:
        """Return an HTTP client, with the admin key unless told otherwise."""
        headers = {"Authorization": f"Bearer {self.key}"} if admin else {}
        return httpx.Client(base_url=self.url, headers=headers, timeout=timeout, trust_env=False)

    def metric(self, name: str, labels: str = "") -> float:
        """Return the value of a counter or gauge as `/metrics` shows it; 0 when it is not there yet."""
        text = httpx.get(self.url + "/metrics", trust_env=False, timeout=SECONDS).text
        for line in text.splitlines():
            if line.startswith(f"{name}{labels} "):
                return float(line.rsplit(" ", 1)[1])
        return 0.0

    def logged(self) -> str:
        """Return its log once the lines about what was asked so far are in it: they are written a moment later."""
        marker = f"/v1/marker-{time.monotonic_ns()}"
        httpx.get(self.url + marker, trust_env=False, timeout=SECONDS)
        deadline = time.monotonic() + SECONDS
        while marker not in (text := self.log.read_text()):
            assert time.monotonic() < deadline, "it does not log"
            time.sleep(0.02)
        return text

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Ask it to stop and return its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.process.wait(SECONDS)


def all_below(folder: Path) -> list[Path]:
    """Return files and folders below a folder in which a server is at work: what vanishes meanwhile is left out."""
    return [Path(place, name) for place, folders, files in os.walk(folder) for name in (*folders, *files)]


def environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return this process's environment without any setting of Imagemill, plus `extra`."""
    return {k: v for k, v in os.environ.items() if not k.startswith("IMAGEMILL_")} | dict(extra or {})


@contextmanager
def serving(
    data: Path, *arguments: str, env: Mapping[str, str] | None = None, port: int = 0
) -> Iterator[RunningServer]:
    """Run `imagemill serve` on `data` until the block ends, on a free port if none is given.

    Raises with its log when it does not start.
    """
    port = port or free_port()
    log = data.parent / f"{data.name}-{port}.log"
    command = [sys.executable, "-m", "imagemill", "serve", "--data", str(data), "--port", str(port), *arguments]
    with log.open("wb") as sink:
        process = subprocess.Popen(command, stdout=sink, stderr=sink, env=environment(env), cwd=data.parent)
    server = RunningServer(process, port, data, log)
    try:
        _wait(server)
        yield server
    finally:
        try:
            server.stop()
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()


def _wait(server: RunningServer) -> None:
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline and server.process.poll() is None:
        try:
            if httpx.get(server.url + "/healthz/ready", trust_env=False).status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.02)
    raise AssertionError(f"the server did not start:\n{server.log.read_text()[-3000:]}")
