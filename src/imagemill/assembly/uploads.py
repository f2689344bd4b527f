"""Uploads by browsers, put together: tickets among our own documents, bytes in the data folder or a bucket."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imagemill.assembly.stores import QUARANTINE, SPOOL
from imagemill.data_folder import DataFolder
from imagemill.object_store.port import ObjectStore
from imagemill.object_store.s3.address import S3Address
from imagemill.originals.library import Originals
from imagemill.settings import Settings
from imagemill.settings.values import s3_address
from imagemill.uploads.direct import DirectStore, Presigned
from imagemill.uploads.intake import Intake
from imagemill.uploads.quarantine import Quarantine
from imagemill.uploads.tickets import Tickets

if TYPE_CHECKING:
    from imagemill.object_store.s3.connection import S3Connection

FOLDER = "quarantine"
"""Where uploads that come through us wait, in the folder of ours."""


def build_uploads(
    settings: Settings, data: DataFolder, originals: Originals, documents: ObjectStore, *, resumable: bool = True
) -> Intake:
    """Return what takes uploads by browsers; with originals in a bucket, whole bodies go there without us.

    Not `resumable` where the data folder goes with the machine.
    """
    address = s3_address(settings.originals.url)
    return Intake(
        originals,
        Tickets(documents),
        Quarantine(data.own / FOLDER, settings.uploads.quarantine_bytes),
        settings.uploads,
        upload_bytes=settings.limits.upload_bytes,
        resumable=resumable,
        direct=None if address is None else _direct(address.below(QUARANTINE), settings, data),
    )


def _direct(address: S3Address, settings: Settings, data: DataFolder) -> DirectStore:
    from imagemill.object_store.s3.connection import S3Connection
    from imagemill.object_store.s3.store import S3Objects

    connection = S3Connection(address, settings.s3)
    return DirectStore(S3Objects(connection, data.own / SPOOL), S3Signer(connection))


class S3Signer:
    """Signs links into the folder of a bucket, with the credentials of its connection."""

    def __init__(self, connection: S3Connection) -> None:
        self._connection = connection

    async def put_link(
        self, key: str, *, expires_in: int, content_type: str | None, length: int | None = None
    ) -> Presigned:
        """Return a presigned PUT; see `uploads.direct.Signer`."""
        headers = {} if content_type is None else {"content-type": content_type}
        if length is not None:
            headers["content-length"] = str(length)
        link = await self._connection.put_link(key, expires_in=expires_in, headers=headers)
        return Presigned(link.url, headers=link.headers)

    async def post_form(self, key: str, *, expires_in: int, content_type: str | None, max_bytes: int) -> Presigned:
        """Return a presigned POST; see `uploads.direct.Signer`."""
        link = await self._connection.post_form(
            key, expires_in=expires_in, content_type=content_type, most_bytes=max_bytes
        )
        return Presigned(link.url, fields=link.fields)
