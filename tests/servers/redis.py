"""The real redis-server on a free port of loopback, in a folder of its own, for the tests that need one."""

from __future__ import annotations

import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from tests.serving import free_port
from tests.tools import need

START_SECONDS = 60.0
PASSWORD = "a-password-of-a-test"


@dataclass
class RedisServer:
    """A running server; `stop` and `start` let a test take it away and bring it back at the same address."""

    program: str
    folder: str
    port: int
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Its address, with the password that it demands."""
        return f"redis://:{PASSWORD}@127.0.0.1:{self.port}/0"

    def start(self) -> None:
        """Start it and wait until it answers."""
        self.process = subprocess.Popen(
            [
                *(self.program, "--port", str(self.port), "--bind", "127.0.0.1", "--requirepass", PASSWORD),
                *("--save", "", "--appendonly", "no", "--dir", self.folder),
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + START_SECONDS
        while not self._answers():
            assert self.process.poll() is None, "redis-server has ended"
            assert time.monotonic() < deadline, "redis-server does not answer"
            time.sleep(0.02)

    def stop(self) -> None:
        """End it; safe twice."""
        process, self.process = self.process, None
        if process is not None:
            process.kill()
            process.wait()

    def _answers(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=10) as connection:
                connection.sendall(f"AUTH {PASSWORD}\r\nPING\r\n".encode())
                said = b""
                while b"PONG" not in said:
                    more = connection.recv(100)
                    if not more:
                        return False
                    said += more
                return True
        except OSError:
            return False


@contextmanager
def running_redis() -> Iterator[RedisServer]:
    """Run a server until the block ends."""
    program = need("redis-server", "redis-server")
    folder = tempfile.mkdtemp(prefix="imagemill-redis-")
    server = RedisServer(program, folder, free_port())
    try:
        server.start()
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)
