"""The limit that hot delivery is measured against: an ASGI application that sends one body from memory.

Run as `python -m benchmarks.bare_asgi PORT BYTES`, on the same Granian with the same settings as our server's.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable
from typing import Any

from granian.server.embed import Server


def application(size: int) -> Callable[..., Awaitable[None]]:
    """An ASGI application whose every answer is 200 with a JPEG's type and `size` bytes."""
    body = bytes(size)
    start = {
        "type": "http.response.start",
        "status": 200,
        "headers": [(b"content-type", b"image/jpeg"), (b"content-length", str(size).encode())],
    }
    content = {"type": "http.response.body", "body": body, "more_body": False}

    async def answer(
        _scope: dict[str, Any], _receive: object, send: Callable[[dict[str, Any]], Awaitable[None]]
    ) -> None:
        await send(start)
        await send(content)

    return answer


def main() -> None:
    """Serve until killed."""
    port, size = int(sys.argv[1]), int(sys.argv[2])
    server = Server(
        application(size),
        address="127.0.0.1",
        port=port,
        interface="asginl",  # type: ignore[arg-type]  # Granian takes the enum's value as well
        http="1",  # type: ignore[arg-type]  # as above
        websockets=False,
        log_enabled=False,
        backlog=2048,
        backpressure=4096,  # the default, backlog / workers, is also the number of connections that may be open
    )
    asyncio.run(server.serve())


if __name__ == "__main__":
    main()
