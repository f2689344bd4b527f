"""The disk cache in front of a remote store of variants: whether there is one, and which purges it has missed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from imagemill.data_folder import DataFolder
from imagemill.delivery.purge_target import PurgeTarget
from imagemill.delivery.purging import Purging
from imagemill.settings import Settings
from imagemill.settings.values import s3_address

if TYPE_CHECKING:  # imported where there is one
    from imagemill.cache.disk import DiskCache


def build_disk(settings: Settings, data: DataFolder) -> DiskCache | None:
    """Return the disk cache, None where variants lie on a local disk anyway, or it has no room."""
    remote = s3_address(settings.variants.url or settings.originals.url) is not None
    if not remote or not settings.cache.disk_bytes:
        return None
    from imagemill.cache.disk import DiskCache

    folder = Path(settings.cache.disk_dir) if settings.cache.disk_dir else data.own / "cache"
    return DiskCache(folder, settings.cache.disk_bytes)


async def forget(disk: DiskCache, target: PurgeTarget) -> None:
    """Drop what a purge names."""
    if target.key is not None:
        disk.forget(target.site, target.key, target.leaf)
    else:
        await disk.forget_prefix(target.site, target.prefix or "")


class DiskPurges:
    """Keeps the disk cache to the purges of all processes, those of the time in which nobody ran here included.

    One of the platform's books: loaded after the purges, and looked at after them each second.
    """

    def __init__(self, disk: DiskCache | None, purging: Purging) -> None:
        """Without a disk cache there is nothing to do."""
        self._disk = disk
        self._purging = purging
        self._noted = -1

    async def load(self) -> None:
        """Carry out what was purged since the cache was last used; where that cannot be known, empty it."""
        if self._disk is None:
            return
        seen = await self._disk.purges_seen()
        missed = None if seen is None else self._purging.since(seen)
        if missed is None:
            await self._disk.clear()
        for target in missed or ():
            await forget(self._disk, target)
        await self._note()

    async def refresh(self) -> bool:
        """Remember up to where purges have been carried out here."""
        if self._disk is None or self._noted == self._purging.last:
            return False
        await self._note()
        return True

    async def _note(self) -> None:
        assert self._disk is not None
        number = self._purging.last
        await self._purging.settled()
        await self._disk.note_purges(number)
        self._noted = number
