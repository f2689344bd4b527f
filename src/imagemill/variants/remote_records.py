"""Records of originals in a bucket, beside their variants, and the texts that say which key an odd home belongs to.

Separate from `remote`: a record is small, must not be lost, and is nobody's to trim.
"""

from __future__ import annotations

from imagemill.object_store.s3.failures import Missing
from imagemill.object_store.s3.words import told
from imagemill.variants.bucket import Bucket, read
from imagemill.variants.remote_names import RemoteNames


class RemoteRecords:
    """Records by site and key; raises ImagemillError where the bucket does not do what it is asked."""

    def __init__(self, bucket: Bucket, names: RemoteNames) -> None:
        self._bucket = bucket
        self._names = names
        self._marked: set[tuple[str, str]] = set()

    async def read(self, site: str, key: str) -> bytes | None:
        """Return the original's record, None where there is none."""
        with told("read a record", to_read=True):
            found = await read(self._bucket, self._names.record(site, key))
        return None if found is None else found[1]

    async def write(self, site: str, key: str, record: bytes) -> str:
        """Replace the original's record and return its stamp."""
        with told("write a record"):
            await self.mark(site, key)
            return await self._bucket.place(self._names.record(site, key), record, content_type="application/json")

    async def stamp(self, site: str, key: str) -> str | None:
        """Return the store's own tag of the record, None where there is none."""
        with told("read a record", to_read=True):
            try:
                return (await self._bucket.look(self._names.record(site, key))).tag
            except Missing as error:
                if error.bucket:
                    raise
                return None

    async def mark(self, site: str, key: str) -> None:
        """Say beside what is made of a key too long for S3 which key it is."""
        if self._names.is_odd(site, key) and (site, key) not in self._marked:
            text = f"{site}\n{key}".encode()
            await self._bucket.place(self._names.key_text(site, key), text, content_type="text/plain")
            self._marked.add((site, key))

    def forget(self, site: str, key: str) -> None:
        """Note that everything beside the record is gone as well."""
        self._marked.discard((site, key))
