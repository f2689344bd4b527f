"""An upload as its issuer sees it."""

from __future__ import annotations

from dataclasses import dataclass

from imagemill.originals.values import Original
from imagemill.uploads.ticket import Ticket


@dataclass(frozen=True, slots=True)
class Shown:
    """A ticket as its issuer sees it: `state` in words, bytes so far, and the original it became if it is still that.

    `etag` changes whenever anything of this does.
    """

    ticket: Ticket
    state: str
    offset: int
    length: int | None
    original: Original | None

    @property
    def etag(self) -> str:
        """An entity tag of what is shown."""
        version = "" if self.original is None else self.original.version
        return f"{self.ticket.id[:8]}-{int(self.ticket.changed * 1000):x}-{self.state}-{self.offset:x}-{version}"


def state_of(ticket: Ticket, offset: int, now: float) -> str:
    """Return the state in the API's word; `offset` is how many bytes are there, `now` in seconds since 1970."""
    if ticket.state == "waiting" and now >= ticket.expires:
        return "expired"
    if ticket.state == "waiting" and offset:
        return "received" if ticket.direct else "receiving"
    return ticket.state
