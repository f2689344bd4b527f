"""A proxy in front of an S3 server that fails as networks and stores do, on demand, request by request.

It reads whole requests, so that it knows whether the server has done what was asked before the answer is lost. What is
signed passes unchanged (the signature covers Host, which is this proxy's address for both sides).
"""

from __future__ import annotations

import asyncio
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit

RESET = struct.pack("ii", 1, 0)
"""SO_LINGER of none: closing sends RST, as a crashed peer does."""


@dataclass(frozen=True)
class Fault:
    """What goes wrong with one request.

    `status` and `code`: answered by the proxy, never forwarded. `reset` "before": broken off unforwarded; "after":
    done by the server, the answer lost; "middle": half of the answer's body. `wait`: seconds before the first byte of
    the answer. `rate`: bytes a second of it.
    """

    status: int = 0
    code: str = ""
    reset: str = ""
    wait: float = 0.0
    rate: float = 0.0


BROKEN = Fault(status=500, code="InternalError")
BUSY = Fault(status=503, code="SlowDown")
SKEWED = Fault(status=403, code="RequestTimeTooSkewed")
GONE_BEFORE = Fault(reset="before")
GONE_AFTER = Fault(reset="after")
HALF = Fault(reset="middle")
SILENT = Fault(wait=3600.0)

Rule = Callable[[str, str], Fault | None]
"""Decides by method and target (path and query); None lets the request pass."""


@dataclass
class FaultProxy:
    """A running proxy."""

    upstream: str
    url: str = ""
    seen: list[tuple[str, str]] = field(default_factory=list)
    drop: tuple[str, ...] = ()
    """Headers (lower case) that never reach the server."""
    add: tuple[bytes, ...] = ()
    """Lines that stand in the head of each answer of the server."""
    _rule: Rule | None = None

    def fail(self, rule: Rule | None) -> None:
        """Ask `rule` about each request from now on; None ends all faults."""
        self._rule = rule

    def fail_next(self, *faults: Fault, method: str = "", holding: str = "") -> None:
        """Let the next requests of `method` whose target holds `holding` meet these faults, one each, then none."""
        left = list(faults)

        def rule(asked: str, target: str) -> Fault | None:
            if not left or (method and asked != method) or holding not in target:
                return None
            return left.pop(0)

        self._rule = rule

    def count(self, method: str, holding: str = "") -> int:
        """Return how many such requests came."""
        return sum(asked == method and holding in target for asked, target in list(self.seen))

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Carry one connection of a client."""
        try:
            while await self._one(reader, writer):
                pass
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = await reader.readuntil(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        method, target, _ = lines[0].split(" ", 2)
        length = next((int(line[15:]) for line in lines if line.lower().startswith("content-length:")), 0)
        body = await reader.readexactly(length)
        self.seen.append((method, target))
        fault = self._rule(method, target) if self._rule is not None else None
        fault = fault or Fault()
        if fault.status:
            answer = _error(fault, with_body=method != "HEAD")
        elif fault.reset == "before":
            return _break(writer)
        else:
            answer = await self._forward(lines, body)
        if fault.reset == "after":
            return _break(writer)
        if fault.wait:
            await asyncio.sleep(fault.wait)
        if fault.reset == "middle":
            split = answer.index(b"\r\n\r\n") + 4
            writer.write(answer[: split + (len(answer) - split) // 2])
            await writer.drain()
            return _break(writer)
        await _send(writer, answer, fault.rate)
        return False  # the answer said "connection: close"

    async def _forward(self, lines: list[str], body: bytes) -> bytes:
        """Return the server's whole answer."""
        parts = urlsplit(self.upstream)
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
        try:
            lost = ("connection", *self.drop)
            kept = [line for line in lines if line and line.split(":", 1)[0].lower() not in lost]
            writer.write("\r\n".join([*kept, "Connection: close", "", ""]).encode("latin-1") + body)
            await writer.drain()
            answer = await reader.read(-1)
        finally:
            writer.close()
        split = answer.index(b"\r\n\r\n")
        head = [line for line in answer[:split].split(b"\r\n") if not line.lower().startswith(b"connection:")]
        return b"\r\n".join([*head, *self.add, b"Connection: close", b"", b""]) + answer[split + 4 :]


async def _send(writer: asyncio.StreamWriter, answer: bytes, rate: float) -> None:
    step = max(1, int(rate / 10)) if rate else len(answer)
    for start in range(0, len(answer), step):
        writer.write(answer[start : start + step])
        await writer.drain()
        if rate:
            await asyncio.sleep(0.1)


def _break(writer: asyncio.StreamWriter) -> bool:
    connection: socket.socket = writer.get_extra_info("socket")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    writer.transport.abort()
    return False


def _error(fault: Fault, *, with_body: bool) -> bytes:
    text = f"<?xml version='1.0'?><Error><Code>{fault.code}</Code><Message>injected</Message></Error>".encode()
    head = f"HTTP/1.1 {fault.status} Injected\r\nContent-Type: application/xml\r\nContent-Length: {len(text)}\r\n"
    return head.encode() + b"Connection: close\r\n\r\n" + (text if with_body else b"")


@contextmanager
def fault_proxy(upstream: str) -> Iterator[FaultProxy]:
    """Run a proxy in front of `upstream` in a thread of its own until the block ends."""
    proxy = FaultProxy(upstream)
    loop = asyncio.new_event_loop()
    started = threading.Event()
    ended = asyncio.Event()

    async def run() -> None:
        server = await asyncio.start_server(proxy.serve, "127.0.0.1", 0, limit=1 << 20)
        proxy.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        started.set()
        await ended.wait()
        server.close()
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()

    thread = threading.Thread(target=loop.run_until_complete, args=(run(),), name="fault-proxy")
    thread.start()
    started.wait(60)
    try:
        yield proxy
    finally:
        loop.call_soon_threadsafe(ended.set)
        thread.join(60)
        loop.run_until_complete(asyncio.sleep(0))
        loop.close()
