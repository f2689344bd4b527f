"""The purger port: a CDN, or a cache in front of us, that can be told to drop answers by their cache tags.

Tags are those of the `Cache-Tag` of our answers (`delivery.cache_tags`): visible ASCII without comma and space. An
adapter sends one batch; the queue batches, repeats and keeps count.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

from imagemill.errors import ImagemillError, Kind


class CdnError(ImagemillError):
    """The CDN did not take a purge; the sentence names no token. `lasting`: to ask the same again would be in vain."""

    kind = Kind.OVERLOADED
    code = "cdn_failed"

    def __init__(self, sentence: str, *, lasting: bool = False, retry_after: float | None = None) -> None:
        """`retry_after` is in seconds, where the CDN said when it will take more."""
        super().__init__(sentence, retry_after=retry_after)
        self.lasting = lasting


class Purger(Protocol):
    """One CDN, as configured."""

    @property
    def most(self) -> int:
        """How many tags one call may name."""
        ...

    async def purge(self, tags: Sequence[str]) -> None:
        """Have everything dropped that has one of `tags` (at most `most`); raises CdnError.

        When this returns the CDN has accepted the purge; most have carried it out within seconds.
        """
        ...

    async def close(self) -> None:
        """Release connections."""
        ...


class Backlog(Protocol):
    """Takes what a CDN has not taken, for a process that asks again until it does: where this one cannot wait."""

    async def purges(self, asked: Iterable[tuple[str, Iterable[str]]]) -> None:
        """Have these tags purged, each with the numbers of the purges that wait for it. Raises ImagemillError."""
        ...

    async def changing(self, key: str) -> None:
        """Have an original looked at when a change of it that begins now must be over. Raises ImagemillError.

        Whoever looks tells the CDN, unless it was told of what lies there then.
        """
        ...

    async def close(self) -> None:
        """Release connections."""
        ...
