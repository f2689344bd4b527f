"""The talk between the supervisor and a serving process: one JSON object a line, over a socketpair.

    serving → supervisor   ready | failed(sentence) | counted(snapshot) | ask(number)
    supervisor → serving   count | total(number, snapshot) | leave

Separate from both, so that there is one spelling. The end of the stream is the end of the other side.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from typing import Literal

import msgspec

from imagemill.observability.snapshot import Snapshot, decode_snapshot, encode_snapshot

LONGEST_LINE = 4 * 1024 * 1024
"""Bytes of one line; a snapshot has some ten thousand."""

Word = Literal["ready", "failed", "counted", "ask", "count", "total", "leave"]


class Message(msgspec.Struct, frozen=True, omit_defaults=True):
    """One line; `text` is the sentence of a failure, `counts` an encoded snapshot, `number` that of a question."""

    word: Word
    number: int = 0
    text: str = ""
    counts: msgspec.Raw = msgspec.Raw(b"null")

    @property
    def snapshot(self) -> Snapshot:
        """What was counted."""
        return decode_snapshot(bytes(self.counts))


def with_counts(word: Word, snapshot: Snapshot, number: int = 0) -> Message:
    """Return a message that carries a snapshot."""
    return Message(word, number=number, counts=msgspec.Raw(encode_snapshot(snapshot)))


_DECODER = msgspec.json.Decoder(Message)


class Channel:
    """One end of the talk; all calls belong to one event loop."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Use `open_channel`."""
        self._reader = reader
        self._writer = writer

    def say(self, message: Message) -> None:
        """Send a message; one to a side that is gone is lost, as its end will be noticed anyway."""
        with contextlib.suppress(OSError, RuntimeError):
            self._writer.write(msgspec.json.encode(message) + b"\n")

    async def flush(self) -> None:
        """Wait until what was said has left."""
        with contextlib.suppress(OSError, RuntimeError):
            await self._writer.drain()

    async def __aiter__(self) -> AsyncIterator[Message]:
        """Yield what the other side says until it ends."""
        with contextlib.suppress(OSError, ValueError):
            while line := await self._reader.readline():
                try:
                    yield _DECODER.decode(line)
                except msgspec.MsgspecError:
                    return  # half a line of a process that was killed

    def close(self) -> None:
        """End it."""
        with contextlib.suppress(OSError, RuntimeError):
            self._writer.close()


async def open_channel(end: socket.socket) -> Channel:
    """Return the channel over one end of a socketpair, which it takes over."""
    return Channel(*await asyncio.open_connection(sock=end, limit=LONGEST_LINE))
