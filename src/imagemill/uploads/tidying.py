"""What crashes and time leave of uploads: checks that nobody finished, bytes that nobody wants, tickets long over.

Separate from `intake`: nothing waits for it, and everything it does may be done twice or by two processes at once.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging

from imagemill.errors import Conflict, ImagemillError
from imagemill.uploads.checking import CLAIM_SECONDS
from imagemill.uploads.intake import Intake
from imagemill.uploads.ticket import Ticket

log = logging.getLogger(__name__)

TIDY_SECONDS = 60.0
LATE_SECONDS = 60.0
"""Bytes that lie in the store's quarantine for so long are checked without being told: the browser may have gone."""
ORPHAN_SECONDS = 300.0
"""Bytes without a ticket are old after this; younger ones may be those of a request that began before we looked."""


async def run(intake: Intake) -> None:
    """Tidy up now and then, until cancelled."""
    while True:
        try:
            await tidy(intake)
        except (ImagemillError, OSError) as error:
            log.warning("Uploads could not be tidied up: %s", error)
        await asyncio.sleep(TIDY_SECONDS)


async def tidy(intake: Intake) -> int:
    """Finish what was cut off, remove what is over; return how many uploads lost bytes or ticket."""
    here = await intake.quarantine.ids()
    there = {} if intake.direct is None else await intake.direct.ids()
    now = intake.clock()
    count = 0
    alive: set[str] = set()
    known: dict[str, float] = {}
    async for ticket in intake.tickets.all():
        alive.add(ticket.id)
        checked = ticket.state == "checking" and now - ticket.changed < CLAIM_SECONDS
        expired = now >= ticket.expires and not checked
        if ticket.over or expired:
            count += await _drop(intake, ticket.id, here=ticket.id in here, there=ticket.id in there)
            if now - max(ticket.changed, ticket.expires if not ticket.over else 0.0) > intake.settings.remember:
                count += await intake.tickets.remove(ticket.id)
            continue
        known[ticket.id] = ticket.expires
        await _recover(intake, ticket, here=ticket.id in here, late=there.get(ticket.id, 0.0) > LATE_SECONDS)
    intake.open.update(known)
    for gone in set(intake.open) - set(known):
        if intake.open[gone] <= now or gone in alive:
            del intake.open[gone]
    for ids, local in ((here, True), (there, False)):
        for upload_id, age in ids.items():
            if upload_id not in alive and age > ORPHAN_SECONDS:
                count += await _drop(intake, upload_id, here=local, there=not local)
    return count


async def _recover(intake: Intake, ticket: Ticket, *, here: bool, late: bool) -> None:
    """Check the whole bytes that a crash, or a browser that went, left without an outcome."""
    if intake.checking.under_way(ticket.id):
        return
    with contextlib.suppress(ImagemillError):  # locked, or a failure of the moment: the next look comes
        if ticket.direct and late:
            await intake.complete(ticket.id)
        elif here and not ticket.direct:
            progress = await intake.quarantine.progress(ticket.id)
            if progress is None or progress.offset != progress.length:
                return
            part = await intake.quarantine.hold(ticket.id)
            if part.whole:
                await intake.check(await intake.still_open(ticket), part)
            else:
                await part.release()


async def _drop(intake: Intake, upload_id: str, *, here: bool, there: bool) -> bool:
    if there and intake.direct is not None:
        await intake.direct.remove(upload_id)
    dropped = False
    if here and not intake.checking.under_way(upload_id):
        with contextlib.suppress(Conflict):
            dropped = await intake.quarantine.drop(upload_id)
    return dropped or there
