"""Which file holds the admin key: the setting's, which must exist, else the data folder's, which the first start makes.

Apart from the platform, because where several processes serve, their supervisor makes the key before they start.
"""

from __future__ import annotations

from pathlib import Path

from imagemill.control.auth import AdminKey
from imagemill.data_folder import DataFolder
from imagemill.settings import Settings


def admin_key(settings: Settings, data: DataFolder, place: str = "") -> AdminKey:
    """Return the key; `place` as in `AdminKey`. Raises InvalidRequest (`bad_key_file`)."""
    if settings.admin.key_file:
        return AdminKey(Path(settings.admin.key_file), create=False, place=place)
    return AdminKey(data.admin_key)
