"""A real server in front of a running Imagemill, with the configuration that Imagemill wrote for it."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import httpx
from tests.serving import environment, free_port

SECONDS = 60.0
TURNS = 5


class Origin(Protocol):
    """Where a server in front gets its answers: `data` is the folder that its settings are read from."""

    @property
    def port(self) -> int:
        """Its port on loopback."""
        ...

    @property
    def data(self) -> Path:
        """Its data folder."""
        ...


@dataclass
class Edge:
    """nginx or Varnish before a server; `word` is what its Cache-Status begins with."""

    word: str
    port: int
    server: Origin
    process: subprocess.Popen[bytes]
    client: httpx.Client = field(default_factory=lambda: httpx.Client(trust_env=False, timeout=SECONDS))

    @property
    def url(self) -> str:
        """Its address without a slash at the end."""
        return f"http://127.0.0.1:{self.port}"

    def get(self, path: str, method: str = "GET", **headers: str) -> httpx.Response:
        """Ask it; `_` in a header's name is a dash."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.client.request(method, self.url + path, headers=named)

    def hit(self, path: str, **headers: str) -> httpx.Response:
        """Ask until it answers by itself: a variant is kept after its first answer went out."""
        deadline = time.monotonic() + SECONDS
        while True:
            answer = self.get(path, **headers)
            if self.is_hit(answer) or time.monotonic() > deadline:
                return answer
            time.sleep(0.02)

    def is_hit(self, answer: httpx.Response) -> bool:
        """Whether it answered without Imagemill."""
        return f"{self.word}; hit" in answer.headers.get("cache-status", "")

    def stop(self) -> None:
        """End it; safe twice."""
        self.client.close()
        if self.process.poll() is None:
            self.process.terminate()
        self.process.communicate()


class PortTaken(Exception):
    """Somebody else got the port first, between looking for a free one and listening."""


@contextmanager
def running(begin: Callable[[int], Edge], port: int | None = None) -> Iterator[Edge]:
    """Run what `begin` starts on a free port, or on `port`, until the block ends; once more where it was taken."""
    for turn in range(TURNS):
        edge = begin(port or free_port())
        try:
            wait_for(edge)
        except PortTaken:
            edge.stop()
            if turn == TURNS - 1:
                raise
            continue
        break
    try:
        yield edge
    finally:
        edge.stop()


def wait_for(edge: Edge) -> None:
    """Wait until it answers; AssertionError with what it said when it ends or does not."""
    deadline = time.monotonic() + SECONDS
    while True:
        try:
            edge.get("/robots.txt")
        except httpx.TransportError:
            if edge.process.poll() is not None:
                said = edge.process.stderr.read().decode() if edge.process.stderr else ""
                if "in use" in said or "98" in said:
                    raise PortTaken(said) from None
                raise AssertionError(said) from None
            assert time.monotonic() < deadline
            time.sleep(0.02)
        else:
            return


def written(kind: str, data: Path, *arguments: str, env: Mapping[str, str] | None = None) -> str:
    """Return what `imagemill edge-config` prints; AssertionError when it fails."""
    command = [sys.executable, "-m", "imagemill", "edge-config", kind, "--data", str(data), *arguments]
    done = subprocess.run(command, env=environment(env), cwd=data.parent, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout
