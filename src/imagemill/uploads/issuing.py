"""What a ticket may say: the wishes of the holder of a key, judged by the settings and by what there is.

Separate from `intake`, which keeps tickets and takes what comes for them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from imagemill.object_store.condition import already_there
from imagemill.object_store.naming import check_new_key
from imagemill.originals.library import Originals
from imagemill.originals.uploads import check_declared_length
from imagemill.uploads.direct import DirectStore, Presigned
from imagemill.uploads.refusals import invalid_upload
from imagemill.uploads.settings import UploadsSettings
from imagemill.uploads.ticket import Method, Ticket
from imagemill.uploads.token import Token, new_token

MAX_EXPIRES = 7 * 86_400
"""Seconds; what a presigned link of S3 may last (SigV4, X-Amz-Expires)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What the holder of a key asks a ticket for; None: the default."""

    key: str
    method: Method
    expires_in: float | None = None
    max_bytes: int | None = None
    length: int | None = None
    content_type: str | None = None
    replace: bool = False
    if_match: str | None = None


class Issuing:
    """Writes tickets; keeps none."""

    def __init__(
        self,
        originals: Originals,
        settings: UploadsSettings,
        *,
        upload_bytes: int,
        direct: DirectStore | None,
        resumable: bool,
    ) -> None:
        """The arguments are those of `intake.Intake`."""
        self._originals = originals
        self._settings = settings
        self._upload_bytes = upload_bytes
        self._direct = direct
        self._resumable = resumable

    def written(self, wanted: Wanted, now: float) -> tuple[Ticket, Token]:
        """Return a ticket for what is `wanted`, not kept yet, and its token; `now` is in seconds since 1970.

        Raises InvalidRequest (`bad_key`, `invalid_upload`), and TooLarge where more bytes are announced than may come.
        """
        check_new_key(wanted.key)
        if wanted.method == "tus" and not self._resumable:
            raise invalid_upload("method is tus, for which nothing here stays long enough; put and post are possible")
        most = self._settings.max_bytes if wanted.method == "tus" else self._upload_bytes
        usual = self._settings.expires_resumable if wanted.method == "tus" else self._settings.expires
        lasts = min(usual, MAX_EXPIRES) if wanted.expires_in is None else wanted.expires_in
        if not 1 <= lasts <= MAX_EXPIRES:
            raise invalid_upload(f"expires_in is {lasts:g}; 1 to {MAX_EXPIRES} seconds are possible")
        if wanted.max_bytes is not None and not 1 <= wanted.max_bytes <= most:
            raise invalid_upload(f"max_bytes is {wanted.max_bytes}; 1 to {most} bytes are possible for {wanted.method}")
        most = wanted.max_bytes or most
        check_declared_length(wanted.length, most)
        if wanted.length is not None and wanted.length < 1:
            raise invalid_upload(f"length is {wanted.length}; at least 1 byte was expected")
        token = new_token()
        ticket = Ticket(
            id=token.id,
            key=wanted.key,
            method=wanted.method,
            token=token.digest,
            max_bytes=most if wanted.length is None else wanted.length,
            length=wanted.length,
            content_type=wanted.content_type,
            replace=wanted.replace or wanted.if_match is not None,
            if_match=wanted.if_match,
            created=now,
            changed=now,
            expires=now + lasts,
            direct=self._direct is not None and wanted.method != "tus",
        )
        return ticket, token

    async def check_present(self, wanted: Wanted) -> None:
        """Raise now what the end would refuse, PreconditionFailed; the end asks again."""
        if wanted.if_match is None and not wanted.replace and await self._originals.exists(wanted.key):
            raise already_there(wanted.key)

    async def presigned(self, ticket: Ticket) -> Presigned | None:
        """Return the store's own link for the bytes; None where they come to us."""
        if self._direct is None or not ticket.direct:
            return None
        expires_in = math.ceil(ticket.expires - ticket.created)
        if ticket.method == "put":
            return await self._direct.presigned_put(
                ticket.id, expires_in=expires_in, content_type=_exact(ticket.content_type), length=ticket.length
            )
        return await self._direct.presigned_post(
            ticket.id, expires_in=expires_in, content_type=ticket.content_type, max_bytes=ticket.max_bytes
        )


def _exact(content_type: str | None) -> str | None:
    return None if content_type is None or content_type.endswith("/*") else content_type
