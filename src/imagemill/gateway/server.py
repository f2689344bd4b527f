"""The HTTP server: Granian inside this process, with the gateway as its application.

Embedded rather than Granian's own process manager, because one process holds a cache, a queue and its workers; several
of them are started and watched by `supervision`, each with a socket of theirs (`listener`). Granian parses
HTTP/1 strictly: 47 raw requests were tried.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from granian._granian import SocketHolder
from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings
from granian.server.embed import Server

from imagemill.gateway.listener import BACKLOG, open_connections, stop_accepting
from imagemill.gateway.settings import ServerSettings
from imagemill.gateway.stalls import end_connections, end_stalled
from imagemill.observability.logging import events

HEADER_BUFFER = 65_536
"""Bytes of a request's line and headers; more is 431 (threat H1)."""
LAST_SECONDS = 2.0
"""How long the connections of a stopping server may take to send what the kernel or they still hold."""
QUIET_POLL = 0.05
LINGER_SECONDS = 2.0
"""How long a process that is replaced waits for clients that keep a connection open and ask nothing on it."""


class Served(Protocol):
    """What is served: an ASGI application that can say what it still does."""

    @property
    def under_way(self) -> int:
        """Requests being answered."""
        ...

    def drain(self) -> None:
        """From now on say "not ready", and with each answer that the connection ends."""
        ...

    def hand_over(self) -> None:
        """From now on say with each answer that the connection ends."""
        ...

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer one request."""
        ...


@dataclass(frozen=True, slots=True)
class Inherited:
    """What a process of several gets: the descriptor of the listening socket, and a word when it is `replaced`."""

    listener: int
    replaced: asyncio.Event = field(default_factory=asyncio.Event)


class _SharedServer(Server):
    """Granian on a socket that somebody else has opened."""

    listener = -1

    def _init_shared_socket(self) -> None:
        """Take over the descriptor where Granian would open a socket of its own."""
        self._ssp = None
        # Granian's stubs know neither the arguments nor that the attributes hold anything but None.
        self._shd = SocketHolder(self.listener, False, BACKLOG)  # type: ignore[call-arg,assignment]
        self._sfd = self.listener  # type: ignore[assignment]


async def serve(
    app: Served, settings: ServerSettings, on_ready: Callable[[], None], inherited: Inherited | None = None
) -> None:
    """Serve until SIGTERM or SIGINT, then finish what is running (at most `drain_seconds`) and return.

    SIGHUP of a terminal that is closed is one more of them. Elsewhere it asks a service to read its settings anew,
    which one process cannot without an end: it says so and goes on.

    `on_ready` is called once, when the port accepts connections. `inherited` is what a process of several gets from
    its supervisor; when it is replaced it takes no more connections, and returns when those it has have ended.
    """
    server = (Server if inherited is None else _SharedServer)(
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
    if isinstance(server, _SharedServer) and inherited is not None:
        server.listener = inherited.listener
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    if inherited is None and signal.getsignal(signal.SIGHUP) is signal.SIG_DFL:  # nohup has it ignored
        loop.add_signal_handler(signal.SIGHUP, stopping.set if at_terminal() else _refuse_restart)
    running = asyncio.ensure_future(server.serve())
    try:
        await _accepting(settings.host, settings.port, running)
        end_stalled(settings.port, settings.write_seconds)
        on_ready()
        replaced = asyncio.Event() if inherited is None else inherited.replaced
        await _first(running, stopping.wait(), replaced.wait())
        if inherited is not None and replaced.is_set():
            app.hand_over()
            stop_accepting(inherited.listener)
            await _first(stopping.wait(), _emptied(app, settings.port, settings.drain_seconds))
        else:
            app.drain()
        await _quiet(app, settings.drain_seconds)
        server.stop()  # type: ignore[no-untyped-call]  # Granian has no types here
        await _ended(running, settings.port)
    finally:
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            loop.remove_signal_handler(number)


def at_terminal() -> bool:
    """Whether a person sits before this process: asked at the start, for a closed terminal is none."""
    return sys.stdin is not None and sys.stdin.isatty()


def _refuse_restart() -> None:
    """Say that SIGHUP did nothing; without a handler it would end the process with every request under way."""
    events().error(
        "restart.refused", detail="One process cannot replace itself; restart it, or start it with --http 2."
    )


async def _accepting(host: str, port: int, running: asyncio.Future[None]) -> None:
    target = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - a wildcard is asked on loopback
    while not running.done():
        with contextlib.suppress(OSError):
            _, writer = await asyncio.open_connection(target, port)
            writer.close()
            return
        await asyncio.sleep(0.005)
    running.result()


async def _ended(running: asyncio.Future[None], port: int) -> None:
    """Wait for the server's end; it waits for its connections, so those that do not end by themselves are closed."""
    done, _ = await asyncio.wait({running}, timeout=LAST_SECONDS)
    if not done:
        end_connections(port)
    await running


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


async def _emptied(app: Served, port: int, seconds: float) -> None:
    """Wait until every connection has ended, or nothing was asked on those left for a while, or the time is over."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + seconds
    patience = loop.time() + LINGER_SECONDS
    while loop.time() < deadline and open_connections(port):
        if not app.under_way and loop.time() > patience:
            return
        await asyncio.sleep(QUIET_POLL)
