"""From bytes in quarantine to an original: claimed once, checked, placed under the key, and the outcome written down.

One way for every method, and safe to be cut at any point: the ticket says `checking` before anything becomes visible,
the bytes go only after the outcome is written, and whoever finds a whole upload without an outcome does it again. Doing
it again is harmless, for the same bytes under a key are the same original.

Separate from `intake`, which receives the bytes: this never waits for a client, and goes on when the client has gone.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import logging
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any, Protocol

import msgspec

from imagemill.errors import Conflict, ImagemillError, Kind, NotFound, PreconditionFailed
from imagemill.object_store.port import ALWAYS, Condition
from imagemill.originals.library import Originals
from imagemill.originals.uploads import Bounds
from imagemill.originals.values import Original
from imagemill.uploads.ticket import Ticket, Trouble
from imagemill.uploads.tickets import Tickets

log = logging.getLogger(__name__)

PASSING = frozenset({Kind.OVERLOADED, Kind.STORAGE_FULL, Kind.TOO_MANY, Kind.INTERNAL})
"""Failures of the moment: the ticket stays good."""
CLAIM_SECONDS = 300.0
"""How long a check may take before another node believes that its maker is dead: queue, copy, decode and placing."""


class Waiting(Protocol):
    """Whole bytes in quarantine, ours alone until `release` or `remove`."""

    def chunks(self) -> AsyncIterator[bytes]:
        """Yield the bytes; may be called again."""
        ...

    async def release(self) -> None:
        """Let go; the bytes stay."""
        ...

    async def remove(self) -> None:
        """Remove the bytes and let go."""
        ...


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of an upload: an original and whether it is a new one, or the error that says why not."""

    ticket: Ticket
    original: Original | None = None
    created: bool = False
    error: ImagemillError | None = None


class Checking:
    """The checks of one process."""

    def __init__(self, originals: Originals, tickets: Tickets, clock: Callable[[], float] = time.time) -> None:
        """`clock` gives seconds since 1970."""
        self._originals = originals
        self._tickets = tickets
        self._clock = clock
        self._under_way: dict[str, asyncio.Task[Outcome]] = {}

    def under_way(self, upload_id: str) -> bool:
        """Whether this process is checking that upload now."""
        return upload_id in self._under_way

    async def wait(self, upload_id: str) -> None:
        """Return when this process no longer checks that upload."""
        task = self._under_way.get(upload_id)
        if task is not None:
            await asyncio.wait({task})

    async def check(self, ticket: Ticket, waiting: Waiting, *, shared: bool = False) -> Outcome:
        """Check `waiting`, which is released in any case, and return the outcome.

        Goes on to its end when the caller is cancelled. `shared` bytes are held by no lock, so the ticket alone decides
        who checks. Raises Conflict where another does, and failures of the moment, after which the ticket waits again.
        """
        task = asyncio.ensure_future(self._check(ticket, waiting, shared=shared))
        self._under_way[ticket.id] = task
        task.add_done_callback(lambda done: self._ended(ticket.id, done))
        return await asyncio.shield(task)

    async def close(self) -> None:
        """Finish what is under way."""
        if self._under_way:
            await asyncio.wait(set(self._under_way.values()))

    def _ended(self, upload_id: str, task: asyncio.Task[Any]) -> None:
        if self._under_way.get(upload_id) is task:
            del self._under_way[upload_id]
        if not task.cancelled():
            task.exception()  # read: the client who would have been told may have gone

    async def _check(self, ticket: Ticket, waiting: Waiting, *, shared: bool) -> Outcome:
        try:
            claimed = await self._claim(ticket, shared=shared)
            again = ticket.state == "checking"
            try:
                original, created = await self._place(claimed, waiting, again=again)
            except ImagemillError as error:
                if error.kind in PASSING:
                    if not shared and ticket.method != "tus":
                        await waiting.remove()  # the browser is told to send it again
                    await self._back(claimed)
                    raise
                outcome = Outcome(await self._end(claimed, state="failed", problem=Trouble.of(error)), error=error)
            else:
                info = original.info
                ended = await self._end(claimed, state="done", size=info.size, sha256=info.etag)
                outcome = Outcome(ended, original, created)
            await waiting.remove()
            return outcome
        finally:
            await waiting.release()

    async def _claim(self, ticket: Ticket, *, shared: bool) -> Ticket:
        def claim(now: Ticket) -> Ticket:
            if now.over or (shared and now.state == "checking" and self._clock() - now.changed < CLAIM_SECONDS):
                raise Conflict("This upload is complete and being checked, or over.", code="upload_under_way")
            return self._changed(now, state="checking")

        return await self._change(ticket, claim)

    async def _back(self, ticket: Ticket) -> None:
        with contextlib.suppress(ImagemillError):  # the store may be what failed; the next look finds it `checking`
            await self._change(ticket, lambda now: self._changed(now, state="waiting"))

    async def _end(self, ticket: Ticket, **changes: Any) -> Ticket:
        return await self._change(ticket, lambda now: self._changed(now, **changes))

    async def _change(self, ticket: Ticket, edit: Callable[[Ticket], Ticket]) -> Ticket:
        changed = await self._tickets.change(ticket.id, edit)
        if changed is None:
            raise NotFound("This upload was removed while it was being checked.", code="no_such_upload")
        return changed

    def _changed(self, ticket: Ticket, **changes: Any) -> Ticket:
        return msgspec.structs.replace(ticket, changed=self._clock(), **changes)

    async def _place(self, ticket: Ticket, waiting: Waiting, *, again: bool) -> tuple[Original, bool]:
        try:
            return await self._originals.put(
                ticket.key,
                waiting.chunks(),
                condition=condition_of(ticket),
                declared_length=ticket.length,
                bounds=Bounds(most_bytes=ticket.max_bytes, content_type=ticket.content_type),
            )
        except PreconditionFailed:
            # A crash may have come between placing the original and writing that down: then it is ours that is there.
            present = await self._placed_before(ticket, waiting) if again else None
            if present is None:
                raise
            return present, True

    async def _placed_before(self, ticket: Ticket, waiting: Waiting) -> Original | None:
        digest = hashlib.sha256()
        async for chunk in waiting.chunks():
            digest.update(chunk)
        try:
            present = await self._originals.locate(ticket.key)
        except ImagemillError:
            return None
        return present if present.info.etag == digest.hexdigest() else None


def condition_of(ticket: Ticket) -> Condition:
    """Return what the store must hold to when the bytes are placed."""
    if ticket.if_match is not None:
        return Condition(if_match=(ticket.if_match,))
    return ALWAYS if ticket.replace else Condition(if_none_match=True)
