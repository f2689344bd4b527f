"""Tickets are written, shown and taken; what a browser sends goes into quarantine and from there to the check.

The token is the whole authority of a browser. It works once: whoever sends the first whole body uses it up, whatever
the check says of it. A body that breaks off leaves nothing (a resumable one leaves what came) and gives the token back,
or a bad line would cost a new one each time.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable

import msgspec

from imagemill.errors import Conflict, ImagemillError, Kind, MethodNotAllowed, NotFound, TooMany
from imagemill.originals.library import Originals
from imagemill.originals.uploads import check_declared_length
from imagemill.originals.values import Original
from imagemill.uploads.checking import Checking, Outcome, Waiting
from imagemill.uploads.direct import Arrived, DirectStore, Presigned
from imagemill.uploads.issuing import Issuing, Wanted
from imagemill.uploads.quarantine import Quarantine
from imagemill.uploads.refusals import no_such_upload, not_direct, over
from imagemill.uploads.settings import UploadsSettings
from imagemill.uploads.shown import Shown, state_of
from imagemill.uploads.ticket import Method, Ticket
from imagemill.uploads.tickets import Tickets
from imagemill.uploads.token import Token, read_token


class Intake:
    """Uploads by browsers. All calls belong to one event loop."""

    def __init__(
        self,
        originals: Originals,
        tickets: Tickets,
        quarantine: Quarantine,
        settings: UploadsSettings,
        *,
        upload_bytes: int,
        direct: DirectStore | None = None,
        resumable: bool = True,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`upload_bytes` limits a single request; `direct` takes bytes without us; `clock` is in seconds since 1970.

        Not `resumable` is a home whose folder is gone with the machine: what came in parts would be lost.
        """
        self.settings = settings
        self.tickets = tickets
        self.quarantine = quarantine
        self.direct = direct
        self.checking = Checking(originals, tickets, clock)
        self.clock = clock
        self._originals = originals
        self._issuing = Issuing(originals, settings, upload_bytes=upload_bytes, direct=direct, resumable=resumable)
        self.open: dict[str, float] = {}
        """Ids of tickets that this process knows to be open, with their expiry; `tidying` brings in the others'."""

    # ---- for the holder of a key

    async def issue(self, wanted: Wanted) -> tuple[Ticket, Token, Presigned | None]:
        """Write a ticket; return it with its token, which is never shown again, and the store's own link if it has one.

        Raises InvalidRequest (`bad_key`, `invalid_upload`), TooLarge where more bytes are announced than may come,
        PreconditionFailed where the present original already rules it out, TooMany.
        """
        now = self.clock()
        ticket, token = self._issuing.written(wanted, now)
        await self._issuing.check_present(wanted)
        if sum(expires > now for expires in self.open.values()) >= self.settings.most_open:
            raise TooMany(
                f"{self.settings.most_open} uploads are open already (uploads.most_open).",
                retry_after=60,
            )
        presigned = await self._issuing.presigned(ticket)
        await self.tickets.add(ticket)
        self.open[ticket.id] = ticket.expires
        return ticket, token, presigned

    async def show(self, upload_id: str) -> Shown:
        """Return what is known of an upload; raise NotFound (`no_such_upload`)."""
        found = await self.tickets.read(upload_id)
        if found is None:
            raise no_such_upload()
        ticket = found[0]
        progress = await self.quarantine.progress(upload_id)
        offset, length = (0, ticket.length) if progress is None else (progress.offset, progress.length)
        if ticket.direct and not ticket.over:
            offset = await self._arrived(ticket)
        return Shown(ticket, state_of(ticket, offset, self.clock()), offset, length, await self._original(ticket))

    async def remove(self, upload_id: str) -> None:
        """Forget an upload and its bytes; its token is unknown from now on. Raises NotFound, Conflict."""
        await self.checking.wait(upload_id)
        found = await self.tickets.read(upload_id)
        if found is None or not await self.tickets.remove(upload_id):
            raise no_such_upload()
        self.open.pop(upload_id, None)
        await self.quarantine.drop(upload_id)  # bytes that somebody is writing go with the next tidying
        if found[0].direct and self.direct is not None:
            await self.direct.remove(upload_id)

    async def complete(self, upload_id: str) -> Outcome:
        """Check what a browser put into the store's quarantine; once that is done, tell its outcome again.

        The browser, the store's own event and the tidying may all ask, in any order. Raises NotFound, Conflict
        (`nothing_received`, `upload_under_way`), `upload_over` where there is no more to tell; failures of the moment.
        """
        found = await self.tickets.read(upload_id)
        if found is None:
            raise no_such_upload()
        ticket = found[0]
        if not ticket.direct or self.direct is None:
            raise over(ticket) if ticket.over else not_direct()
        if ticket.over:
            await self.direct.remove(upload_id)  # whatever was sent after the first whole body
            return await self._told_again(ticket)
        size = await self.direct.size(upload_id)
        if size is None:
            raise Conflict("Nothing has arrived for this upload yet.", code="nothing_received")
        return await self.check(ticket, Arrived(self.direct, ticket.id, ticket.max_bytes), shared=True)

    # ---- for the holder of a token

    def judge(self, ticket: Ticket, method: Method) -> None:
        """Raise what speaks against going on with `ticket`: MethodNotAllowed, `upload_over`, `upload_expired` (410)."""
        if ticket.direct or ticket.method != method:
            raise MethodNotAllowed(f"This upload was written for {ticket.method}.", allow=ALLOWED[ticket.method])
        if ticket.over and not (method == "tus" and ticket.state == "done"):
            raise over(ticket)
        if self.clock() >= ticket.expires and not ticket.over:
            raise ImagemillError(
                "The time of this upload is over; ask for a new token.", code="upload_expired", kind=Kind.NOT_FOUND
            )

    async def ticket_of(self, text: str) -> Ticket:
        """Return the ticket that the token `text` opens, in whatever state it is.

        Raises NotFound (`no_such_upload`), alike for an unknown id and a wrong secret.
        """
        token = read_token(text)
        found = None if token is None else await self.tickets.read(token.id)
        if token is None or found is None or not token.opens(found[0].token):
            raise no_such_upload()
        return found[0]

    async def take(self, ticket: Ticket, chunks: AsyncIterator[bytes], declared_length: int | None) -> Outcome:
        """Receive a whole body in one request and check it; raise Conflict (`upload_under_way`) where one is coming."""
        check_declared_length(declared_length, ticket.max_bytes)
        await self.quarantine.check_room(declared_length or 0)
        try:
            part = await self.quarantine.hold(ticket.id)
        except Conflict:
            raise Conflict("This token is in use by another request just now.", code="upload_under_way") from None
        try:
            ticket = await self.still_open(ticket)
            second = part.whole
            if not second:
                await part.receive_whole(chunks, most=ticket.max_bytes, declared=declared_length)
        except BaseException:
            await asyncio.shield(part.remove())
            raise
        outcome = await self.check(ticket, part)
        if second:  # a crash came between the last byte and the check: that body was the first, this one is the second
            raise over(outcome.ticket)
        return outcome

    async def check(self, ticket: Ticket, waiting: Waiting, *, shared: bool = False) -> Outcome:
        """Check whole bytes, which are released in any case; see `checking.Checking.check`."""
        outcome = await self.checking.check(ticket, waiting, shared=shared)
        self.open.pop(ticket.id, None)
        return outcome

    async def still_open(self, ticket: Ticket) -> Ticket:
        """Return the ticket as it is now that nobody else can be at its bytes; raise NotFound, `upload_over`."""
        found = await self.tickets.read(ticket.id)
        if found is None:
            raise no_such_upload()
        if found[0].over:
            raise over(found[0])
        return found[0]

    async def cancelled(self, ticket: Ticket) -> None:
        """Note that the browser gave the upload up."""
        await self.tickets.change(
            ticket.id, lambda now: msgspec.structs.replace(now, state="cancelled", changed=self.clock())
        )
        self.open.pop(ticket.id, None)

    async def close(self) -> None:
        """Finish the checks under way; what is being received is given back or, where resumable, kept."""
        await self.checking.close()
        self.quarantine.close()
        if self.direct is not None:
            await self.direct.close()

    # ---- small steps

    async def _arrived(self, ticket: Ticket) -> int:
        return (await self.direct.size(ticket.id) or 0) if self.direct is not None else 0

    async def _told_again(self, ticket: Ticket) -> Outcome:
        """Return the outcome of an upload that is over; raise `upload_over` where that is no longer known."""
        if ticket.problem is not None:
            return Outcome(ticket, error=ticket.problem.error())
        original = await self._original(ticket)
        if original is None:
            raise over(ticket)
        return Outcome(ticket, original)

    async def _original(self, ticket: Ticket) -> Original | None:
        """Return what the upload became, None where the key holds something else by now."""
        if ticket.state != "done":
            return None
        try:
            present = await self._originals.locate(ticket.key)
        except NotFound:
            return None
        return present if present.info.etag == ticket.sha256 else None


ALLOWED = {"put": ("PUT",), "post": ("POST",), "tus": ("DELETE", "HEAD", "PATCH", "POST")}
"""What a token is good for."""
