"""What is said to those whose upload cannot be, is over, or never was."""

from __future__ import annotations

from imagemill.errors import Conflict, ImagemillError, InvalidRequest, Kind, NotFound
from imagemill.uploads.ticket import Ticket


def no_such_upload() -> NotFound:
    """Return the one error for an unknown id, a wrong token and a ticket that was removed."""
    return NotFound("There is no such upload; it was never written, or is forgotten by now.", code="no_such_upload")


def not_direct() -> Conflict:
    """Return the error for completing an upload whose bytes do not go to the store itself."""
    return Conflict("The bytes of this upload come here; there is nothing to complete.", code="not_direct")


def over(ticket: Ticket) -> ImagemillError:
    """Return the error for a token that was used up."""
    words = {"done": "has been used: its bytes are stored", "failed": "has been used: its bytes were refused"}
    how = words.get(ticket.state, "was given up")
    return ImagemillError(
        f"This upload {how}. A token works once; ask for a new one.", code="upload_over", kind=Kind.NOT_FOUND
    )


def invalid_upload(why: str) -> InvalidRequest:
    """Return the error for a ticket that cannot be written; `why` is a clause."""
    return InvalidRequest(f"This upload cannot be: {why}.", code="invalid_upload")
