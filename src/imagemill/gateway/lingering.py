"""An early refusal is heard to its end: what the client still sends is read and thrown away before we hang up.

A connection that is closed over unread bytes is reset, and the reset can overtake the answer: whoever was still sending
sees "broken pipe" instead of the 401, 412 or 413 (RFC 9112 section 9.6). Separate from the surfaces, none of which
should read a body only to lose it.
"""

from __future__ import annotations

import asyncio
import contextlib

from imagemill.gateway.asgi import Message, Receive, Send

LINGER_SECONDS = 5.0
"""How long a refused body is listened to in all; a stopping server waits for no longer than this."""
PAUSE_SECONDS = 0.5
"""A client that sends nothing for this long has heard us (curl stops sending at the first line of a refusal)."""


SHORT = 65536
"""Bytes of a body that is read to its end whatever the answer: that much is on its way already."""


class Lingering:
    """The `receive` and `send` of one request that may have a body."""

    def __init__(
        self,
        headers: dict[bytes, bytes],
        receive: Receive,
        send: Send,
    ) -> None:
        """`headers` are the request's: they say whether a body comes, and whether the client waits to be asked."""
        self._receive = receive
        self._send = send
        has_body = b"transfer-encoding" in headers or headers.get(b"content-length", b"0") != b"0"
        # Who waits for "100 Continue" (RFC 9110 section 10.1.1) sends nothing until the body is first asked for.
        waits = headers.get(b"expect", b"").strip().lower() == b"100-continue"
        self._comes = has_body and not waits
        length = headers.get(b"content-length", b"")
        self._long = has_body and not (length.isdigit() and len(length) < 20 and int(length) <= SHORT)
        self._ended = not has_body

    async def receive(self) -> Message:
        """Pass on a message, and see whether the body has ended."""
        self._comes = not self._ended
        message = await self._receive()
        if message["type"] == "http.disconnect" or not message.get("more_body", False):
            self._ended = True
            self._comes = False
        return message

    async def send(self, message: Message) -> None:
        """Pass on a message; the last one ends the exchange only after the client has sent what it had begun."""
        if message["type"] == "http.response.start" and message["status"] == 429 and self._long:
            self._comes = False  # who asks too often is not listened to as well: refusals must cost nothing (O1)
        last = message["type"] == "http.response.body" and not message.get("more_body", False)
        if not (last and self._comes):
            await self._send(message)
            return
        # The last byte is held back: with it the exchange would be over, and the server would close the connection.
        body = message.get("body", b"")
        await self._send({**message, "body": body[:-1], "more_body": True})
        end = asyncio.get_running_loop().time() + LINGER_SECONDS
        with contextlib.suppress(TimeoutError):
            while self._comes:
                async with asyncio.timeout_at(min(end, asyncio.get_running_loop().time() + PAUSE_SECONDS)):
                    await self.receive()
        await self._send({"type": "http.response.body", "body": body[-1:]})
