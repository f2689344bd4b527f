"""The HTTP server: Granian inside this process, with the gateway as its application.

Embedded rather than Granian's own process manager, because one process holds the caches, the queue and the workers;
several processes come with the capability that shares them. Granian parses HTTP/1 strictly: 47 raw requests were tried.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Callable
from typing import Any, Protocol

from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings
from granian.server.embed import Server

from imagemill.gateway.settings import ServerSettings

BACKLOG = 4096
"""Connections the kernel holds while we are busy, and requests in the application at once."""
HEADER_BUFFER = 65_536
"""Bytes of a request's line and headers; more is 431 (threat H1)."""
QUIET_POLL = 0.05


class Served(Protocol):
    """What is served: an ASGI application that can say what it still does."""

    @property
    def under_way(self) -> int:
        """Requests being answered."""
        ...

    def drain(self) -> None:
        """From now on say "not ready"."""
        ...

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer one request."""
        ...


async def serve(app: Served, settings: ServerSettings, on_ready: Callable[[], None]) -> None:
    """Serve until SIGTERM or SIGINT, then finish what is running (at most `drain_seconds`) and return.

    `on_ready` is called once, when the port accepts connections.
    """
    server = Server(
        app,
        address=settings.host,
        port=settings.port,
        interface=Interfaces.ASGINL,
        http=HTTPModes.http1,
        websockets=False,
        backlog=BACKLOG,
        backpressure=BACKLOG,
        http1_settings=HTTP1Settings(
            header_read_timeout=int(settings.header_seconds * 1000), max_buffer_size=HEADER_BUFFER
        ),
        log_enabled=False,
    )
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    running = asyncio.ensure_future(server.serve())
    try:
        await _accepting(settings.host, settings.port, running)
        on_ready()
        await _first(running, stopping.wait())
        app.drain()
        await _quiet(app, settings.drain_seconds)
        server.stop()  # type: ignore[no-untyped-call]  # Granian has no types here
        await running
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)


async def _accepting(host: str, port: int, running: asyncio.Future[None]) -> None:
    target = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - a wildcard is asked on loopback
    while not running.done():
        with contextlib.suppress(OSError):
            _, writer = await asyncio.open_connection(target, port)
            writer.close()
            return
        await asyncio.sleep(0.005)
    running.result()


async def _first(*waits: Any) -> None:
    tasks = [asyncio.ensure_future(wait) for wait in waits]
    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)


async def _quiet(app: Served, seconds: float) -> None:
    """Wait until nothing is under way twice in a row, or the time is over."""
    calm = 0
    deadline = asyncio.get_running_loop().time() + seconds
    while calm < 2 and asyncio.get_running_loop().time() < deadline:
        await asyncio.sleep(QUIET_POLL)
        calm = 0 if app.under_way else calm + 1
