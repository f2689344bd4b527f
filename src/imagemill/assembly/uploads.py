"""Uploads by browsers, put together: tickets in the store of our own documents, bytes in the data folder."""

from __future__ import annotations

from imagemill.data_folder import DataFolder
from imagemill.object_store.port import ObjectStore
from imagemill.originals.library import Originals
from imagemill.settings import Settings
from imagemill.uploads.direct import DirectStore
from imagemill.uploads.intake import Intake
from imagemill.uploads.quarantine import Quarantine
from imagemill.uploads.tickets import Tickets


def build_uploads(
    settings: Settings,
    data: DataFolder,
    originals: Originals,
    documents: ObjectStore,
    direct: DirectStore | None = None,
) -> Intake:
    """Return what takes uploads by browsers; `direct` lets bytes go to the store without us."""
    return Intake(
        originals,
        Tickets(documents),
        Quarantine(data.own / "quarantine", settings.uploads.quarantine_bytes),
        settings.uploads,
        upload_bytes=settings.limits.upload_bytes,
        direct=direct,
    )
