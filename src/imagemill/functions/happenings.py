"""What one message of the queue asks for: originals to be looked at, uploads to be finished.

Separate from `events`, which knows batches and time: here is one message, carried out to its end or not at all. Order
and doubles do no harm, for each key is looked at as it is now (`originals.reconciling`), and an upload is over once
(`uploads.intake`). What will never succeed goes to the dead letters with its reason; whatever else fails is raised, and
the queue brings the message again, until it is given up.
"""

from __future__ import annotations

import contextlib
from typing import Protocol

from imagemill.cdn.port import CdnError, Purger
from imagemill.control.json_body import decode_any
from imagemill.delivery.eager import Eager
from imagemill.delivery.purging import Purging
from imagemill.errors import ImagemillError, InvalidRequest, NotFound, Overloaded, Unprocessable
from imagemill.functions.backlog import Asked, changing_of, purges_of
from imagemill.functions.dead_letters import DeadLetters, changed
from imagemill.observability.logging import events
from imagemill.originals.notifications import Place, Reader, Told, unknown
from imagemill.originals.reconciling import Reconciler
from imagemill.originals.values import Original
from imagemill.uploads.intake import Intake

_RACES = frozenset({"original_changed", "no_such_original"})
"""An original that became another while its variants were made: that has an event of its own."""


class Enough(Protocol):
    """Says whether there is time for one more thing; raises Overloaded where there is not."""

    def __call__(self) -> None:
        """Raise unless there is."""
        ...


class Happenings:
    """Carries messages out. Belongs to one event loop."""

    def __init__(
        self,
        *,
        places: tuple[Place, ...],
        waiting: Place | None,
        reconciler: Reconciler,
        purging: Purging,
        purger: Purger | None,
        uploads: Intake,
        eager: Eager,
        letters: DeadLetters,
    ) -> None:
        """`places` are where originals lie, `waiting` where uploads wait for their check (None: nowhere)."""
        self._originals = Reader(places, decode_any)
        self._waiting = None if waiting is None else Reader((waiting,), decode_any)
        self._reconciler = reconciler
        self._purging = purging
        self._purger = purger
        self._uploads = uploads
        self._eager = eager
        self._letters = letters

    async def carry_out(self, body: str, enough: Enough) -> None:
        """Do what `body` asks for; `enough` is asked before each key. Raises what the queue should repeat."""
        try:
            message = decode_any(_bytes(body))
            asked, begun = purges_of(message), changing_of(message)
            told, uploads = self._read(body) if asked is None and begun is None else (Told(), [])
        except InvalidRequest as error:
            await self._letters.put(body, error)
            return
        if asked is not None:
            try:
                await self._purge(asked)
            except CdnError as error:
                if not error.lasting:
                    raise
                await self.give_up(body, error)
        for key in dict.fromkeys(begun or ()):
            enough()
            await self._look(key, seen=True)
        for address in told.confirm:
            events().warning("store_events.confirm", open_this_address=address)
        for key in dict.fromkeys(told.keys):
            enough()
            await self._look(key)
        for upload_id in dict.fromkeys(uploads):
            enough()
            await self._finish(upload_id, body)
        if told.failed:
            await self._letters.put(body, unknown("wraps a message that cannot be read"))

    async def give_up(self, body: str, error: ImagemillError) -> None:
        """Put what will not be tried again to the dead letters, and note of its purges that they failed, and why."""
        await self._letters.put(body, error)
        with contextlib.suppress(InvalidRequest):  # what cannot be read names no purge
            asked = purges_of(decode_any(_bytes(body))) or []
            await self._purging.not_taken({number for _, numbers in asked for number in numbers}, error.sentence)

    def _read(self, body: str) -> tuple[Told, list[str]]:
        data = _bytes(body)
        told = self._originals.read(data)
        return told, [] if self._waiting is None else self._waiting.read(data).keys

    async def _purge(self, asked: Asked) -> None:
        """Purge what the CDN did not take from another process, and note of each purge that it has now."""
        if self._purger is not None:
            for start in range(0, len(asked), self._purger.most):
                await self._purger.purge([tag for tag, _ in asked[start : start + self._purger.most]])
        await self._purging.taken({number for _, numbers in asked for number in numbers})

    async def _look(self, key: str, *, seen: bool = False) -> None:
        """Put right what is kept of `key`, tell the CDN, then make what is made before anybody asks.

        `seen` says that others may have seen it before, though no record is left.
        """
        found = await self._reconciler.reconcile(key)
        if (found.known or seen) and self._purger is not None:
            await self._purging.tell(self._purger, key, found.state)
        if found.error is not None:
            await self._letters.put(changed(key), found.error)
        elif found.original is not None and self._eager.wanted:
            await self._prepare(found.original)

    async def _prepare(self, original: Original) -> None:
        try:
            await self._eager.make(original)
        except (Unprocessable, InvalidRequest) as error:
            await self._letters.put(changed(original.key), error)
        except ImagemillError as error:
            if error.code not in _RACES:
                raise

    async def _finish(self, upload_id: str, body: str) -> None:
        """Finish an upload whose bytes have arrived; its ticket remembers what became of it, good or bad."""
        direct = self._uploads.direct
        if direct is None or await direct.size(upload_id) is None:
            return  # finished, or given up: the event came late, or tells that the bytes went
        try:
            outcome = await self._uploads.complete(upload_id)
        except NotFound as error:
            await self._letters.put(body, error)
            return
        except ImagemillError as error:
            if error.code in ("nothing_received", "upload_over"):
                return
            if error.code == "not_direct":
                await self._letters.put(body, error)
                return
            raise
        if outcome.created and outcome.original is not None:
            await self._purging.note_told(outcome.original.key, outcome.original.kept_under)


def out_of_time() -> Overloaded:
    """Return the error for what no time is left for: the queue brings it again."""
    return Overloaded("The time of this invocation is over.", code="no_time_left")


def _bytes(body: str) -> bytes:
    """Return the bytes of a message; what is no character stays, for the reader of JSON to refuse."""
    return body.encode("utf-8", "surrogatepass")
