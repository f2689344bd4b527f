"""Where tickets lie: one small document each, in the store of our own documents, so that every node sees the same.

Separate from the bytes in quarantine, which lie on the node that receives them.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable

import msgspec

from imagemill.errors import Overloaded, PreconditionFailed
from imagemill.object_store.port import Condition, ObjectStore
from imagemill.object_store.writing import write_json
from imagemill.uploads.ticket import Ticket

FOLDER = "tickets/"
ATTEMPTS = 8


class Tickets:
    """The tickets of a site, over an object store."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store

    async def add(self, ticket: Ticket) -> str:
        """Keep a new ticket durably; return its entity tag."""
        return await self._write(ticket, Condition(if_none_match=True))

    async def read(self, ticket_id: str) -> tuple[Ticket, str] | None:
        """Return a ticket and its entity tag, None when there is none."""
        opened = await self._store.open(_key(ticket_id))
        if opened is None:
            return None
        try:
            data = os.pread(opened.fileno(), opened.info.size, 0)
            return msgspec.json.decode(data, type=Ticket), opened.info.etag
        finally:
            opened.close()

    async def change(self, ticket_id: str, edit: Callable[[Ticket], Ticket]) -> Ticket | None:
        """Replace a ticket by what `edit` makes of it, durably; None where it is gone by now.

        `edit` is called again with the newest where somebody else was faster, and raises what forbids the change.
        """
        for attempt in range(ATTEMPTS):
            found = await self.read(ticket_id)
            if found is None:
                return None
            ticket, etag = found
            changed = edit(ticket)
            try:
                await self._write(changed, Condition(if_match=(etag,)))
            except PreconditionFailed:
                await asyncio.sleep(0.02 * attempt)
                continue
            return changed
        raise Overloaded("This upload is being changed by many at once; please try again.", retry_after=1)

    async def remove(self, ticket_id: str) -> bool:
        """Remove a ticket; False when there was none."""
        return await self._store.delete(_key(ticket_id))

    async def all(self) -> AsyncIterator[Ticket]:
        """Yield every ticket; one that goes meanwhile, or cannot be read, is left out."""
        after = ""
        while True:
            page = await self._store.list(FOLDER, after=after)
            for info in page.objects:
                try:
                    found = await self.read(info.key.removeprefix(FOLDER).removesuffix(".json"))
                except msgspec.MsgspecError:
                    continue
                if found is not None:
                    yield found[0]
            if page.next_after is None:
                return
            after = page.next_after

    async def _write(self, ticket: Ticket, condition: Condition) -> str:
        info = await write_json(self._store, _key(ticket.id), msgspec.json.encode(ticket), condition=condition)
        return info.etag


def _key(ticket_id: str) -> str:
    return f"{FOLDER}{ticket_id}.json"
