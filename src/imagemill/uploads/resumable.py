"""Uploads that can be cut and gone on with, as the tus protocol 1.0 means it, without its headers (`control.tus`).

The state of an upload is on the disk of the node: any of its processes goes on, after any crash, from the last byte
that was made safe. One request writes at a time. A newer one takes over, for it comes from a client whose line broke
without our noticing: at once in its own process, after a second from another. A check is not disturbed (423).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from imagemill.errors import Conflict, InvalidRequest, TooLarge
from imagemill.originals.uploads import check_declared_length
from imagemill.uploads.checking import Outcome
from imagemill.uploads.checksum import Checksum
from imagemill.uploads.intake import Intake
from imagemill.uploads.part import Part, Progress
from imagemill.uploads.ticket import Ticket

LET_GO_SECONDS = 5.0
"""How long a newer request waits for the older one to make safe what it has."""
LOOK_SECONDS = 1.0
"""How often a request that writes looks whether another process wants to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """The body of one PATCH: where it begins, and what the client says of it and of the whole."""

    offset: int
    chunks: AsyncIterator[bytes]
    size: int | None
    length: int | None = None
    checksum: Checksum | None = None


@dataclass(slots=True)
class _Writer:
    task: asyncio.Task[None]
    gone: asyncio.Event = field(default_factory=asyncio.Event)
    ousted: bool = False


class Resumable:
    """The resumable uploads of one process."""

    def __init__(self, intake: Intake) -> None:
        self._intake = intake
        self._writers: dict[str, _Writer] = {}

    async def begin(self, ticket: Ticket, *, length: int | None, metadata: str) -> Progress:
        """Note what the client declares (`length` None: later); asking again with nothing received begins again.

        Raises TooLarge, Conflict (`upload_begun`, `upload_locked`), StorageFull.
        """
        check_declared_length(length, ticket.max_bytes)
        _check_not_empty(length)
        await self._intake.quarantine.check_room(length or 0)
        part = await self._hold(ticket)
        try:
            await self._intake.still_open(ticket)
            if part.offset or part.whole:
                raise Conflict("This upload has begun; ask with HEAD how far it is, and go on.", code="upload_begun")
            await part.declare(length=length, metadata=metadata)
        finally:
            await part.release()
        return part.progress

    async def status(self, ticket: Ticket) -> Progress:
        """Return how far it is; whole bytes without an outcome are checked first.

        Raises Conflict (`upload_locked`) where another process writes or checks, and the error that a check gives.
        """
        await self._intake.checking.wait(ticket.id)
        ticket = await self._now(ticket)
        if ticket.state == "done":
            return Progress(offset=ticket.size, length=ticket.size, begun=True)
        part = await self._hold(ticket)
        if not part.whole:
            await part.release()
            return part.progress
        return _finished(await self._intake.check(ticket, part), part.offset)

    async def append(self, ticket: Ticket, piece: Piece) -> tuple[int, Outcome | None]:
        """Receive one piece; return how many bytes are safe now, and the outcome once they are all there.

        Raises Conflict (`offset_mismatch`, `upload_locked`), InvalidRequest (`bad_upload_length`), TooLarge,
        `checksum_mismatch`, StorageFull; the error of the check itself stands in the outcome.
        """
        part = await self._hold(ticket)
        try:
            ticket = await self._intake.still_open(ticket)
            length = await _agree(part, ticket, piece)
            await self._receive(ticket, part, piece, ticket.max_bytes if length is None else length)
        except BaseException:
            await asyncio.shield(part.release())
            raise
        if not part.whole:
            await part.release()
            return part.offset, None
        return part.offset, await self._intake.check(ticket, part)

    async def cancel(self, ticket: Ticket) -> None:
        """Give the upload up and remove its bytes; the token is used up."""
        part = await self._hold(ticket)
        try:
            await self._intake.still_open(ticket)
            await self._intake.cancelled(ticket)
            await part.remove()
        finally:
            await part.release()

    async def _receive(self, ticket: Ticket, part: Part, piece: Piece, most: int) -> None:
        """Write the piece in a task of its own, so that a newer request can end it without ending this one."""
        writer = _Writer(
            asyncio.ensure_future(part.append(piece.chunks, most=most, expected=piece.size, checksum=piece.checksum))
        )
        self._writers[ticket.id] = writer
        try:
            while not (await asyncio.wait({writer.task}, timeout=LOOK_SECONDS))[0]:
                if await self._intake.quarantine.wanted(ticket.id):
                    writer.ousted = True
                    writer.task.cancel()
            if writer.ousted and writer.task.cancelled():
                raise Conflict("Another request went on with this upload.", code="upload_locked")
            writer.task.result()
        except BaseException:
            writer.task.cancel()
            await asyncio.wait({writer.task})
            await asyncio.shield(part.release())
            raise
        finally:
            del self._writers[ticket.id]
            writer.gone.set()

    async def _hold(self, ticket: Ticket) -> Part:
        """Return the bytes, taken over from an older request where there is one."""
        await self._intake.checking.wait(ticket.id)
        writer = self._writers.get(ticket.id)
        if writer is not None:
            writer.ousted = True
            writer.task.cancel()
            try:
                async with asyncio.timeout(LET_GO_SECONDS):
                    await writer.gone.wait()
            except TimeoutError:
                pass  # the disk is slow; the lock says so
        return await self._take_over(ticket)

    async def _take_over(self, ticket: Ticket) -> Part:
        """Return the bytes, asked of another process if need be; raise Conflict (`upload_locked`)."""
        quarantine = self._intake.quarantine
        deadline = asyncio.get_running_loop().time() + LET_GO_SECONDS
        while True:
            try:
                return await quarantine.hold(ticket.id)
            except Conflict:
                if ticket.id in self._writers or asyncio.get_running_loop().time() >= deadline:
                    raise
            await quarantine.want(ticket.id)
            await asyncio.sleep(LOOK_SECONDS / 10)

    async def _now(self, ticket: Ticket) -> Ticket:
        return await self._intake.still_open(ticket) if ticket.state != "done" else ticket


async def _agree(part: Part, ticket: Ticket, piece: Piece) -> int | None:
    """Return the length of the whole if it is known, having checked what the piece says against what is there."""
    if piece.offset != part.offset:
        raise Conflict(
            f"Upload-Offset is {piece.offset}; {part.offset} bytes of this upload are here.", code="offset_mismatch"
        )
    length = part.progress.length
    if piece.length is not None and piece.length != length:
        if length is not None or piece.length < part.offset:
            raise InvalidRequest(
                f"Upload-Length is {piece.length}; it was {length} before, or more bytes are here already.",
                code="bad_upload_length",
            )
        check_declared_length(piece.length, ticket.max_bytes)
        _check_not_empty(piece.length)
        await part.declare(length=piece.length)
        length = piece.length
    most = ticket.max_bytes if length is None else length
    if piece.size is not None and part.offset + piece.size > most:
        raise TooLarge(f"{piece.size} bytes after {part.offset} are more than the {most} that this upload has.")
    return length


def _finished(outcome: Outcome, size: int) -> Progress:
    if outcome.error is not None:
        raise outcome.error
    return Progress(offset=size, length=size, begun=True)


def _check_not_empty(length: int | None) -> None:
    if length == 0:
        raise InvalidRequest("Upload-Length is 0; the bytes of an image were expected.", code="empty_body")
