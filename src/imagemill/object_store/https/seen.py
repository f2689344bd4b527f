"""What is known of an original on a web server without asking again: its digest, and how its host names these bytes.

Separate from `store`, because it outlives the process: after a restart the host is asked whether its original is still
the one with that validator (a 304 of some hundred bytes), not for all bytes of all originals. Kept as one small JSON
document per address; what cannot be read or written there is asked for again.
"""

from __future__ import annotations

import hashlib
import logging
import os
from dataclasses import dataclass

import msgspec

from imagemill.errors import ImagemillError
from imagemill.object_store.https.fetch import Fetched, Validators
from imagemill.object_store.port import ObjectInfo, ObjectStore
from imagemill.object_store.writing import write_json

log = logging.getLogger(__name__)
MAX_DOCUMENT = 16 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One original as its host last gave it; `sha256` and `size` are those of its bytes."""

    at: str
    etag: str
    last_modified: str
    sha256: str
    size: int
    content_type: str
    modified: float

    @classmethod
    def of(cls, fetched: Fetched, now: float) -> Seen:
        """Return what is worth remembering of an answer; `now` stands in for a missing Last-Modified."""
        return cls(
            at=fetched.validators.at,
            etag=fetched.validators.etag,
            last_modified=fetched.validators.last_modified,
            sha256=fetched.body.sha256,
            size=fetched.body.size,
            content_type=fetched.content_type,
            modified=now if fetched.modified is None else min(fetched.modified, now),
        )

    @property
    def validators(self) -> Validators:
        """What to ask the host with."""
        return Validators(self.at, self.etag, self.last_modified)

    @property
    def stamp(self) -> str:
        """Changes when the bytes do, not when the host names the same bytes anew."""
        return f"https-{self.sha256}"

    def info(self, key: str) -> ObjectInfo:
        """Return what the port says of it."""
        return ObjectInfo(key, self.size, self.sha256, self.modified, self.content_type, self.stamp)


_DECODER = msgspec.json.Decoder(Seen)


class SeenBook:
    """Keeps `Seen`s in a store of our own documents."""

    def __init__(self, documents: ObjectStore | None, folder: str) -> None:
        """`folder` is where they lie in `documents`, without a slash at the end; None keeps nothing."""
        self._documents = documents
        self._folder = folder

    async def read(self, address: str) -> Seen | None:
        """Return what was kept of `address`."""
        if self._documents is None:
            return None
        try:
            opened = await self._documents.open(self._name(address))
            if opened is None:
                return None
            try:
                return _DECODER.decode(os.pread(opened.fileno(), MAX_DOCUMENT, 0))
            finally:
                opened.close()
        except (ImagemillError, OSError, msgspec.MsgspecError, UnicodeDecodeError) as error:
            log.warning("What is known of an original cannot be read: %s", error)
            return None

    async def write(self, address: str, seen: Seen) -> None:
        """Keep `seen`."""
        if self._documents is None:
            return
        try:
            await write_json(self._documents, self._name(address), msgspec.json.encode(seen))
        except (ImagemillError, OSError) as error:
            log.warning("What was learned of an original cannot be kept: %s", error)

    def _name(self, address: str) -> str:
        return f"{self._folder}/{hashlib.sha256(address.encode()).hexdigest()}.json"
